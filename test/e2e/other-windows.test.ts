/** A job that goes on with other windows than it had: by jobs that are stopped, and restored. */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Job, type RunOptions, run } from '../../actors/index.js'
import { generate, toObservable } from '../../lib/connectors/index.js'
import {
  type Assigner,
  count,
  keyBy,
  pipeline,
  reduce,
  sliding,
  slidingCount,
  timestamps,
  tumbling,
  window,
} from '../../lib/index.js'
import type { WindowOptions } from '../../lib/operators/window/window.js'
import { directoryOf } from './accounting.js'
import { ended, ending, first } from './support.js'

t.setTimeout(400_000)

/** More than come until the job is stopped. */
const ROWS = 4_000
/** Of all rows no window ends before the stream does. */
const LONG_MS = 10_000

type What = 'count' | 'reduce'

interface Life extends Partial<RunOptions> {
  readonly what?: What
  readonly options?: WindowOptions<number>
}

function start(t: Test, dir: string, assigner: Assigner<number, 'event'>, life: Life = {}): Job {
  const { what = 'count', options = {}, ...rest } = life
  const job = pipeline('other-windows', (flow) => {
    const perSecond = life.restore === undefined ? 2_000 : 1e6
    const windows = flow.from(generate(ROWS, (n) => n, { perSecond })).pipe(
      timestamps((n) => n),
      keyBy((n) => n % 3),
      window(assigner, options),
    )
    const name = 'counts'
    const counts =
      what === 'count'
        ? windows.pipe(count({ name }))
        : windows.pipe(reduce((n) => n + 1, 0, { name }))
    counts.to(toObservable())
  })
  const checkpoint = { directory: join(dir, 'state'), interval: '1h' } as const
  return ending(t, run(job, { parallelism: 2, checkpoint, metricsIntervalMs: 20, ...rest }))
}

async function stopHalfWay(job: Job): Promise<void> {
  await first(job.metrics$, ({ chains }) => chains.some(({ totals }) => totals.recordsIn >= 500))
  await job.stop()
}

interface Counted {
  readonly start: number
  readonly value: number
}

/** Sum of what windows have counted, by the start of the window. */
function byStart(results: readonly unknown[]): Record<number, number> {
  const sums: Record<number, number> = {}
  for (const { start, value } of results as readonly Counted[])
    sums[start] = (sums[start] ?? 0) + value
  return sums
}

t.test('what lies between the windows there are now counts in the next', async (t) => {
  const dir = directoryOf(t, 'windows')
  await stopHalfWay(start(t, dir, tumbling(LONG_MS)))
  // From 5 s before 1970 to 5 s behind it there is a gap.
  const gapped = sliding(LONG_MS, 2 * LONG_MS, { offset: LONG_MS / 2 })
  const { error, results } = await ended(start(t, dir, gapped, { restore: 'latest' }))
  t.equal(error, null)
  const { [LONG_MS / 2]: next, ...others } = byStart(results)
  t.ok(next! >= 500 && next! < ROWS, `${next} of the records of before`)
  t.same(others, {}, 'those behind the restore are in no window')
})

t.test('windows become one, or several', async (t) => {
  for (const [before, behind] of [
    [tumbling(LONG_MS), tumbling(2 * LONG_MS)],
    [tumbling(300), tumbling(LONG_MS)],
    [sliding(LONG_MS, LONG_MS / 5), tumbling(LONG_MS)],
  ] as const) {
    const dir = directoryOf(t, 'windows')
    // Nothing has been said yet.
    const options = { allowedLateness: '1h' } as const
    await stopHalfWay(start(t, dir, before, { options }))
    const { error, results } = await ended(start(t, dir, behind, { options, restore: 'latest' }))
    t.equal(error, null)
    t.equal(byStart(results.slice(-3))[0], ROWS)
  }
})

t.test('what cannot be joined is refused before anything runs, with both windows', async (t) => {
  const dir = directoryOf(t, 'windows')
  await stopHalfWay(start(t, dir, tumbling(300), { what: 'reduce' }))
  const longer = { what: 'reduce', restore: 'latest' } as const
  await t.rejects(start(t, dir, tumbling(LONG_MS), longer).done, {
    code: 'E_RESTORE_WINDOWS',
    message:
      /operator counts windows tumbling\(sizeMs: 300\); in this pipeline they are tumbling\(sizeMs: 10000\)/,
  })
  const { error } = await ended(start(t, dir, tumbling(150), longer))
  t.equal(error, null, 'shorter ones are none the worse')
})

t.test('windows by count that have become smaller show no more than they are to', async (t) => {
  const dir = directoryOf(t, 'windows')
  const few = slidingCount(50, 25) as never
  await stopHalfWay(start(t, dir, slidingCount(LONG_MS, LONG_MS / 2) as never))
  const { error, results } = await ended(start(t, dir, few, { restore: 'latest' }))
  t.equal(error, null)
  const values = (results as readonly Counted[]).map(({ value }) => value)
  t.equal(Math.max(...values), 50)
})
