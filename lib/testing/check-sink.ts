/** What every sink must do. */
import type { Sink } from '../connectors/sink.js'
import { batchesOf, DrivenWriter } from './driven-writer.js'
import { assertSame, assertTrue, type Conformance, checkLaws, type Law, someTurns } from './laws.js'

/** A sink to check, and what it should leave. */
export interface SinkCheck<T> {
  /** Makes it anew, for the same target. */
  readonly sink: () => Sink<T>
  /** At least two. */
  readonly records: readonly T[]
  /** What has arrived at the target. */
  readonly output: () => unknown | Promise<unknown>
  /** What `output` says once the records are written. */
  readonly expected: unknown
  /** What it says when a second attempt has written them too. Default: the same. */
  readonly expectedTwice?: unknown
  /** A sink whose target stands still until `release`: checks that it says so. */
  readonly slow?: { readonly sink: () => Sink<T>; readonly release: () => void }
}

/** A writer that stands still must say false before it was given this many batches. */
const BATCHES_MAX = 100_000

/**
 * Checks that a sink keeps the contract without snapshots: everything is written when `finish`
 * resolves, a second attempt leaves what its guarantee says, it can be aborted at any time, and says
 * when it is full. What it does in snapshots: `checkTransactionalSink`.
 *
 * @throws MillraceError `E_CONFORMANCE`, naming every law that is broken.
 *
 * @example
 * const seen: string[] = []
 * await checkSink({
 *   sink: () => callback<string>((word) => void seen.push(word)),
 *   records: ['to', 'be'],
 *   output: () => seen.splice(0),
 *   expected: ['to', 'be'],
 * })
 */
export function checkSink<T>(given: SinkCheck<T>): Promise<Conformance> {
  const laws = [
    writesAll(given),
    writesAgain({ expectedTwice: given.expected, ...given }),
    aborts(given),
  ]
  if (given.slow !== undefined) laws.push(saysFull(given, given.slow))
  return checkLaws(given.sink().label, laws)
}

/** Its writers may be transactional: with no snapshots, everything is committed at the end. */
async function finish<T>(driven: DrivenWriter<T>): Promise<void> {
  await driven.writer.finish()
  if (driven.isTransactional) {
    await driven.transactional.commit(await driven.transactional.prepare(1))
  }
}

const writesAll = <T>({ sink, records, output, expected }: SinkCheck<T>): Law => ({
  says: 'has everything when finish resolves, flushed or not',
  async check() {
    const driven = new DrivenWriter(sink())
    await driven.writeAll(batchesOf(records.slice(0, 1), 1))
    driven.writer.flush()
    await driven.writeAll(batchesOf(records.slice(1), 3))
    await finish(driven)
    assertSame(await output(), expected, 'output')
    assertSame(driven.failures, [], 'failures')
  },
})

const writesAgain = <T>({ sink, records, output, expectedTwice }: SinkCheck<T>): Law => ({
  says: 'after a restart holds what its guarantee says',
  async check() {
    const driven = new DrivenWriter(sink(), { attempt: 2 })
    await driven.writeAll(batchesOf(records, 2))
    await finish(driven)
    assertSame(await output(), expectedTwice, 'output after two attempts')
  },
})

const aborts = <T>({ sink, records }: SinkCheck<T>): Law => ({
  says: 'can be aborted at any time, and wakes and fails nobody afterwards',
  async check() {
    const fresh = new DrivenWriter(sink())
    await fresh.writer.abort()
    const used = new DrivenWriter(sink())
    used.writer.write(records)
    used.writer.flush()
    const aborted = used.writer.abort()
    const { wakes } = used
    await aborted
    await someTurns()
    assertSame([...fresh.failures, ...used.failures], [], 'failures after an abort')
    assertSame(used.wakes, wakes, 'wakes after an abort')
  },
})

const saysFull = <T>(
  { records }: SinkCheck<T>,
  { sink, release }: NonNullable<SinkCheck<T>['slow']>,
): Law => ({
  says: 'says false while its target stands still, and wakes once it moves',
  async check() {
    const driven = new DrivenWriter(sink())
    let batches = 0
    while (driven.writer.write(records)) {
      assertTrue(++batches <= BATCHES_MAX, 'it takes without bound')
    }
    assertSame(driven.wakes, 0, 'wakes while nothing moves')
    release()
    await driven.writeAll([records])
    await finish(driven)
    assertSame(driven.failures, [], 'failures')
    assertTrue(driven.wakes > 0, 'it said false and never woke')
  },
})
