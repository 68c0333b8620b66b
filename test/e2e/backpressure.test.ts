/** Memory stays flat, whatever is sent and however slow it is taken: in one thread and across slots. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { type Job, type JobSummary, run } from '../../actors/index.js'
import flood, { EXPANDED, FLOOD } from './jobs/flood.js'
import { ended, ending, first, runModule } from './support.js'

t.setTimeout(400_000)

/** Growth of the process between the middle and the end of a run; unbounded, it would be gigabytes. */
const GROWTH_MIB_MAX = 40
/** Each of the two halves: of which the first warms up, and the second counts. */
const HALF_MS = 2500
const SAMPLE_MS = 50
/** A batch of about a thousand records each: some 100,000 per second; the source gives 10 million. */
const PAUSE_MS = '10'

const KINDS = ['source', 'generator', 'iterable'] as const
const MIB = 2 ** 20

/** Highest of the memory seen within `ms`, in MiB. */
async function rssPeak(ms: number): Promise<number> {
  const endMs = performance.now() + ms
  let peak = 0
  while (performance.now() < endMs) {
    peak = Math.max(peak, process.memoryUsage.rss())
    await delay(SAMPLE_MS)
  }
  return peak / MIB
}

const isRunning = (job: Job) =>
  first(job.metrics$, ({ chains }) => (chains.at(-1)?.totals.recordsIn ?? 0) > 0)

const backPressuredMs = ({ chains }: JobSummary) => chains[0]!.totals.backPressuredMs

for (const place of ['in one thread', 'across 2 slots']) {
  /** All of them at once: together they show what each of them shows alone. */
  t.test(`a slow sink holds back every kind of flood ${place}`, async (t) => {
    const options = { metricsIntervalMs: 100, parallelism: 2 }
    const jobs = KINDS.map((from) => {
      const args = { from, pauseMs: PAUSE_MS }
      return place === 'in one thread'
        ? ending(t, run(flood(args), options))
        : runModule(t, 'flood', { slots: 2, args, ...options })
    })
    await Promise.all(jobs.map(isRunning))
    const before = await rssPeak(HALF_MS)
    const after = await rssPeak(HALF_MS)
    await Promise.all(jobs.map((job) => job.cancel()))
    const summaries = await Promise.all(jobs.map((job) => job.done))
    t.comment(`${place}: ${before.toFixed(0)} MiB, then ${after.toFixed(0)} MiB`)
    t.ok(after - before <= GROWTH_MIB_MAX, `grew by ${(after - before).toFixed(1)} MiB`)
    summaries.forEach((summary, i) => {
      const kind = KINDS[i]!
      t.comment(`${kind}: ${summary.recordsOut} taken of ${summary.chains[0]!.totals.recordsOut}`)
      const given = summary.chains[0]!.totals.recordsOut
      t.ok(given < FLOOD / 10, `${kind}: given ${given}`)
      t.ok(summary.recordsOut > 0, `${kind}: the sink has taken ${summary.recordsOut}`)
      t.ok(
        given - summary.recordsOut < 200_000,
        `${kind}: on the way ${given - summary.recordsOut}`,
      )
      t.ok(backPressuredMs(summary) > HALF_MS, `${kind}: held back ${backPressuredMs(summary)} ms`)
      t.equal(summary.state, 'Cancelled')
    })
  })
}

for (const from of ['generator', 'iterable'] as const) {
  t.test(`a record that becomes ten million by ${from} arrives whole`, async (t) => {
    const args = { from, pauseMs: '0' }
    for (const job of [
      ending(t, run(flood(args), { parallelism: 2 })),
      runModule(t, 'flood', { slots: 2, args }),
    ]) {
      const startRss = process.memoryUsage.rss()
      const { summary } = await ended(job)
      t.equal(summary?.recordsOut, EXPANDED)
      const grown = (process.memoryUsage.rss() - startRss) / MIB
      t.comment(`${summary?.wallMs.toFixed(0)} ms, grown by ${grown.toFixed(0)} MiB`)
    }
  })
}
