/** State in a snapshot that its operator, as it is set now, does not read: refused by name, or dropped for good. */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Job, type RunOptions, run } from '../../actors/index.js'
import { generate, toObservable } from '../../lib/connectors/index.js'
import {
  type Assigner,
  aggregate,
  count,
  countEvictor,
  countTrigger,
  countWindow,
  keyBy,
  type NoKey,
  pipeline,
  process,
  type Stream,
  session,
  slidingCount,
  timestamps,
  tumbling,
  valueState,
  window,
} from '../../lib/index.js'
import { directoryOf } from './accounting.js'
import { ended, ending, first } from './support.js'

t.setTimeout(400_000)

/** Far more than come until the job is stopped. */
const ROWS = 20_000
const KEYS = 7

type Content = (rows: Stream<number, 'event', NoKey>) => unknown

function start(t: Test, dir: string, life: Partial<RunOptions>, content: Content): Job {
  const job = pipeline('dropped', (flow) => {
    const perSecond = life.restore === undefined ? 2_000 : 1e6
    const rows = flow.from(generate(ROWS, (n) => n, { perSecond }))
    const results = content(rows.pipe(timestamps((n) => n)) as Stream<number, 'event', NoKey>)
    ;(results as Stream<unknown>).to(toObservable())
  })
  const checkpoint = { directory: join(dir, 'state'), interval: '1h' } as const
  return ending(t, run(job, { parallelism: 2, checkpoint, metricsIntervalMs: 20, ...life }))
}

async function stopHalfWay(job: Job): Promise<void> {
  await first(job.metrics$, ({ chains }) => chains.some(({ totals }) => totals.recordsIn >= 500))
  await job.stop()
}

/** Every window is open until the end. */
const counting =
  (assigner: Assigner<number, 'event'>) =>
  (options: object): Content =>
  (rows) =>
    rows.pipe(
      keyBy((n) => n % KEYS),
      window(assigner, options),
      count({ name: 'counts' }),
    )

/** Sessions, which may meet, keep their records where there is no merge. */
const folding =
  (
    assigner: Assigner<number, 'event'>,
    merging: { merge?: (a: number, b: number) => number },
  ): Content =>
  (rows) =>
    rows.pipe(
      keyBy((n) => n % KEYS),
      window(assigner),
      aggregate(
        { create: () => 0, add: (sum, n: number) => sum + n, ...merging },
        { name: 'counts' },
      ),
    )

const sessions = counting(session('1h'))
const spans = counting(tumbling('1h'))
const byCount = (assigner: Assigner<number, 'none'>) => counting(assigner as never)({})
const trigger = countTrigger(1e6)
const evictor = countEvictor(1e6)

const remembering =
  (names: readonly string[]): Content =>
  (rows) =>
    rows.pipe(
      keyBy((n) => n % KEYS),
      process(
        {
          state: Object.fromEntries(names.map((name) => [name, valueState<number>()])),
          onRecord(n: number, { state }) {
            for (const name of names) state[name]!.set(n)
          },
        },
        { name: 'counts' },
      ),
    )

const latest = { restore: 'latest' } as const
const CHANGES: Readonly<Record<string, readonly [Content, Content, RegExp]>> = {
  'lateness for sessions': [
    sessions({}),
    sessions({ allowedLateness: '1s' }),
    /"sessions" \(value, /,
  ],
  'no lateness for sessions': [
    sessions({ allowedLateness: '1s' }),
    sessions({}),
    /"windows" \(value, /,
  ],
  'sessions that accumulate now': [
    folding(session('1h'), {}),
    folding(session('1h'), { merge: (a: number, b: number) => a + b }),
    /"session records" \(value, /,
  ],
  'sessions that accumulate no more': [
    folding(session('1h'), { merge: (a: number, b: number) => a + b }),
    folding(session('1h'), {}),
    /"sessions" \(value, /,
  ],
  'an evictor beside a trigger': [
    spans({ trigger }),
    spans({ trigger, evictor }),
    /"windows" \(value, /,
  ],
  'no evictor beside a trigger': [
    spans({ trigger, evictor }),
    spans({ trigger }),
    /"records" \(value, /,
  ],
  'windows by count that slide now': [
    byCount(countWindow(1e6)),
    byCount(slidingCount(1e6, 1e5)),
    /"counted" \(value, /,
  ],
  'windows by count that slide no more': [
    byCount(slidingCount(1e6, 1e5)),
    byCount(countWindow(1e6)),
    /"counted records" \(value, /,
  ],
  'a state of process is gone': [remembering(['a', 'b']), remembering(['a']), /"b" \(value, /],
}

for (const [name, [before, after, message]] of Object.entries(CHANGES)) {
  t.test(`what nobody reads is refused by name, or dropped for good: ${name}`, async (t) => {
    const dir = directoryOf(t, 'dropped')
    await stopHalfWay(start(t, dir, {}, before))
    const refused = start(t, dir, latest, after)
    const failures: unknown[] = []
    refused.failures$.subscribe((failure) => failures.push(failure))
    const { error, results } = await ended(refused)
    t.match(error, { code: 'E_RESTORE_DROPS', message: /operator counts/ })
    t.match(error?.message, message)
    t.equal(failures.length, 1, 'it is not tried again')
    t.same(results, [])
    const back = await ended(start(t, dir, latest, before))
    t.equal(back.error, null, 'with its settings back it goes on')
  })
}

t.test('what was allowed to be dropped is in no later snapshot', async (t) => {
  const dir = directoryOf(t, 'dropped')
  await stopHalfWay(start(t, dir, {}, sessions({})))
  const late = sessions({ allowedLateness: '1s' })
  const allowed = start(t, dir, { ...latest, allowDroppedState: true }, late)
  await allowed.stop().catch(() => {})
  await ended(allowed)
  const { error } = await ended(start(t, dir, latest, late))
  t.equal(error, null)
})
