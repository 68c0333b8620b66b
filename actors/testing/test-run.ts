/**
 * Runs a pipeline in this thread under a virtual clock and a seeded order of actors: the same seed
 * gives the same run, as long as the pipeline touches nothing but its records and the clock.
 */
import { type ErrorData, errorToData, MillraceError } from '../../lib/base/errors.js'
import { seededRandom } from '../../lib/base/random.js'
import type { Pipeline } from '../../lib/flow/pipeline.js'
import type { Failure } from '../../lib/supervision/failure.js'
import { createVirtualClock, type VirtualClock } from '../../lib/testing/virtual-clock.js'
import type { Job, JobEvent, JobSummary } from '../job/job.js'
import type { RunOptions } from '../job/launch.js'
import { runHere } from '../job/run.js'
import { type Injection, injectFailures } from './inject-failures.js'

/** Options of `runTest` and `startTest`. */
export interface TestOptions extends Pick<RunOptions, 'parallelism' | 'supervise' | 'settings'> {
  /** Chooses the order of actors, back-off jitter and shuffles. Default 1. */
  readonly seed?: number
  /** Failures on purpose. */
  readonly inject?: readonly Injection[]
  /** Freezes records, so that a change after the fact throws. Default true. */
  readonly freeze?: boolean
}

/** How a test run ended. */
export interface TestOutcome {
  /** Null when the job failed. */
  readonly summary: JobSummary | null
  /** Null when it did not. */
  readonly error: ErrorData | null
  /** What `toObservable()` sinks published, in order. */
  readonly results: readonly unknown[]
  readonly failures: readonly Failure[]
  readonly events: readonly JobEvent[]
  readonly seed: number
}

/** A test run under way, for pipelines that do not end by themselves or wait for time. */
export interface TestRun {
  readonly job: Job
  readonly clock: VirtualClock
  /** Lets virtual time pass, and everything happen that falls due meanwhile. */
  advance(ms: number): Promise<void>
  /** Lets time pass until the job has ended. */
  finish(): Promise<TestOutcome>
}

/** Real time without any progress after which a run counts as stuck. */
const STUCK_MS = 10_000

/**
 * Runs a pipeline to its end. It never rejects for a failure of the job: see `error`.
 *
 * @throws MillraceError where the pipeline cannot be built; `E_TEST_STUCK` where nothing is left to
 * happen and the job has not ended.
 *
 * @example
 * const sums = collect<number>()
 * const outcome = await runTest(
 *   pipeline('sums', (flow) => flow.from(fromArray([1, 2, 3])).pipe(sum()).to(sums)),
 *   { seed: 7, inject: [{ operator: 'sum', afterRecords: 2 }] },
 * )
 * outcome.summary?.restarts // 1
 */
export function runTest(pipeline: Pipeline, options: TestOptions = {}): Promise<TestOutcome> {
  return startTest(pipeline, options).finish()
}

/** Starts a pipeline; time stands still until the test lets it pass. */
export function startTest(pipeline: Pipeline, options: TestOptions = {}): TestRun {
  const { seed = 1, inject = [], freeze = true, settings, ...rest } = options
  const clock = createVirtualClock()
  const prepared = inject.length === 0 ? pipeline : injectFailures(pipeline, inject)
  const world = { clock, random: seededRandom(seed), pick: seededRandom(seed ^ 0x5eed) }
  const job = runHere(
    prepared,
    { ...rest, freeze, stallWatch: false, settings: { accountIntervalMs: 0, ...settings } },
    world,
  )
  const seen = observe(job)
  return {
    job,
    clock,
    async advance(ms) {
      await clock.settle()
      clock.advance(ms)
      await clock.settle()
    },
    async finish() {
      const ended = await untilEnded(job, clock)
      return { ...ended, ...seen, seed }
    },
  }
}

function observe(job: Job) {
  const results: unknown[] = []
  const failures: Failure[] = []
  const events: JobEvent[] = []
  job.results$.subscribe({ next: (result) => results.push(result), error: () => {} })
  job.failures$.subscribe((failure) => failures.push(failure))
  job.events$.subscribe((event) => events.push(event))
  return { results, failures, events }
}

/** Alternates between virtual turns and real ones: promises and files know no virtual clock. */
async function untilEnded(job: Job, clock: VirtualClock) {
  let ended: Pick<TestOutcome, 'summary' | 'error'> | null = null
  job.done.then(
    (summary) => {
      ended = { summary, error: null }
    },
    (error: unknown) => {
      ended = { summary: null, error: errorToData(error) }
    },
  )
  let quietSinceMs = performance.now()
  for (;;) {
    await clock.settle()
    if (ended !== null) return ended as Pick<TestOutcome, 'summary' | 'error'>
    if (clock.timers + clock.tasks > 0) {
      clock.runNext()
      quietSinceMs = performance.now()
    } else if (performance.now() - quietSinceMs > STUCK_MS) throw stuck(job)
    else await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

const stuck = (job: Job): MillraceError =>
  new MillraceError(
    'E_TEST_STUCK',
    `nothing has happened for ${STUCK_MS} ms, and the job of "${job.pipeline}" is still ${job.state}: ` +
      'an input that never ends needs startTest and job.drain(); a promise may never resolve',
  )
