/** What every sink must do whose writers are transactional: two phases of commitment, and crashes. */
import { isDeepStrictEqual } from 'node:util'
import type { Json } from '../base/json.js'
import { assertSame, assertTrue, type Conformance, checkLaws, type Law } from './laws.js'
import { RehearsedSink } from './rehearsed-sink.js'
import type { TransactionalSinkCheck } from './sink-target.js'

/**
 * Checks that a sink shows what was committed, exactly and in order, wherever it is crashed: after a
 * write, after `prepare`, between the commits of two subtasks, after a commit that nobody has heard of.
 * A crash is that nothing more is asked of a writer (the process is gone) or `abort` (the job failed);
 * what follows may be another process: only what was stored as JSON is left.
 *
 * For sinks with `guarantee: 'exactly-once'`. Nothing of a transaction may be visible before `commit`.
 *
 * @throws MillraceError `E_CONFORMANCE`, naming every law that is broken.
 *
 * @example
 * await checkTransactionalSink({
 *   target: async () => {
 *     const table = await db.newTable()
 *     return { sink: () => table.sink(), shown: () => table.rows() }
 *   },
 *   records: Array.from({ length: 12 }, (_, n) => `record ${n}`),
 * })
 */
export async function checkTransactionalSink<T>(
  given: TransactionalSinkCheck<T>,
): Promise<Conformance> {
  const { records, parallelism = 2 } = given
  assertTrue(records.length >= 12, 'checkTransactionalSink: expected twelve records or more')
  const rehearse = async () => new RehearsedSink(await given.target(), given, parallelism)
  const { label, guarantee } = (await given.target()).sink()
  const laws: Law[] = [
    {
      says: "declares guarantee 'exactly-once'",
      check: async () => assertSame(guarantee, 'exactly-once', 'guarantee'),
    },
    ...ORDERLY.map(([says, story]) => ({
      says,
      check: async () => story(await rehearse()),
    })),
  ]
  for (const how of ['killed', 'aborted'] as const) {
    for (const where of ['same process', 'another process'] as const) {
      for (const [says, crash] of CRASHES) {
        laws.push({
          says: `${says}: ${how}, gone on with in ${where === 'same process' ? 'the same' : where}`,
          async check() {
            const sink = await rehearse()
            await beginning(sink)
            await crash(sink, how)
            await sink.restart(where === 'another process')
            await sink.assertShown('after the restart')
            await ending(sink)
          },
        })
      }
    }
  }
  return checkLaws(label, laws)
}

/** What the stories below need of it, whatever the records. */
type Rehearsal = Pick<RehearsedSink<unknown>, keyof RehearsedSink<unknown>>
type Story = (sink: Rehearsal) => Promise<void>
type Crash = (sink: Rehearsal, how: 'killed' | 'aborted') => Promise<void>

/** One round has been committed. */
async function beginning(sink: Rehearsal): Promise<void> {
  sink.open()
  await sink.write(3)
  await sink.prepare()
  sink.complete()
  await sink.commit()
  await sink.assertShown('a committed transaction')
}

/** The rest comes in two rounds, of which the last one is the end. */
async function ending(sink: Rehearsal): Promise<void> {
  await sink.write(2)
  await sink.prepare()
  sink.complete()
  await sink.commit()
  await sink.write(Number.POSITIVE_INFINITY)
  await sink.finish()
  await sink.prepare()
  sink.complete()
  await sink.commit()
  await sink.assertShown('at the end')
  await sink.assertAll()
}

const CRASHES: readonly (readonly [string, Crash])[] = [
  [
    'a crash after a write takes it back',
    async (sink, how) => {
      await sink.write(2)
      await sink.crash(how)
    },
  ],
  [
    'a crash after prepare, with no snapshot, takes it back',
    async (sink, how) => {
      await sink.write(2)
      await sink.prepare()
      await sink.write(1)
      await sink.assertShown('what is prepared is not shown')
      await sink.crash(how)
    },
  ],
  [
    'a crash between the snapshot and the commit: the restart commits',
    async (sink, how) => {
      await sink.write(2)
      await sink.prepare()
      sink.complete()
      await sink.write(1)
      await sink.crash(how)
    },
  ],
  [
    'a crash between the commits of two subtasks: the restart commits both',
    async (sink, how) => {
      await sink.write(2)
      await sink.prepare()
      sink.complete()
      await sink.commitOne()
      await sink.crash(how)
    },
  ],
  [
    'a crash after a commit that nobody heard of: the restart commits again, to no effect',
    async (sink, how) => {
      await sink.write(2)
      await sink.prepare()
      sink.complete()
      await sink.commit({ heard: false })
      await sink.write(2)
      await sink.crash(how)
    },
  ],
  [
    'a round that was given up is committed with the next one',
    async (sink, how) => {
      await sink.write(1)
      await sink.prepare()
      await sink.write(1)
      await sink.prepare()
      sink.complete()
      await sink.crash(how)
    },
  ],
  [
    'two crashes in a row',
    async (sink, how) => {
      await sink.write(2)
      await sink.prepare()
      sink.complete()
      await sink.crash(how)
      await sink.restart(true)
      await sink.write(1)
      await sink.prepare()
      await sink.crash(how)
    },
  ],
]

const ORDERLY: readonly (readonly [string, Story])[] = [
  [
    'shows what is committed, in order, and nothing before',
    async (sink) => {
      sink.open()
      await sink.write(3)
      sink.flush()
      await sink.assertShown('what is written is not shown')
      await sink.prepare()
      await sink.assertShown('what is prepared is not shown')
      sink.complete()
      await sink.commit()
      await sink.assertShown('what is committed is shown')
      await ending(sink)
    },
  ],
  [
    'prepares nothing where nothing was written',
    async (sink) => {
      sink.open()
      assertSame(await sink.prepare(), [], 'transactions')
      await ending(sink)
    },
  ],
  [
    'describes transactions in JSON',
    async (sink) => {
      sink.open()
      await sink.write(2)
      const transactions = await sink.prepare()
      assertTrue(transactions.length > 0, 'there is no transaction, though records were written')
      const copy = JSON.parse(JSON.stringify(transactions)) as Json
      assertTrue(isDeepStrictEqual(copy, transactions), 'transactions do not survive JSON')
    },
  ],
  [
    'commits twice with the result of once',
    async (sink) => {
      sink.open()
      await sink.write(4)
      await sink.prepare()
      sink.complete()
      await sink.commit({ heard: false })
      await sink.commit({ heard: false })
      await sink.assertShown('after two commits')
      await sink.commit()
      await ending(sink)
    },
  ],
  [
    'withdraws what is discarded, twice too',
    async (sink) => {
      await beginning(sink)
      await sink.write(2)
      await sink.discard()
      await sink.assertShown('after it was discarded')
      await ending(sink)
    },
  ],
  [
    'keeps what another writer has yet to commit when it clears up',
    async (sink) => {
      await beginning(sink)
      await sink.write(2)
      await sink.prepare()
      sink.complete()
      await sink.crash('killed')
      await sink.restart(true, { recoverFirst: true })
      await sink.assertShown('after the restart')
      await ending(sink)
    },
  ],
]
