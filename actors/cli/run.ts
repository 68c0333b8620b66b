/**
 * `millrace run`: starts a job on worker threads, reports on it, and ends with an exit code.
 *
 * At least one worker is used, so that this thread stays free for signals, progress and the stall
 * watch whatever user code does.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Duration } from '../../lib/base/duration.js'
import { Subscription } from '../../lib/base/rxjs.js'
import type { Job, JobMetrics, JobSummary } from '../index.js'
import { createDrainWatch, DRAIN_QUIET_MS, type DrainWatch } from './drain-watch.js'
import { EXIT, type ExitCode } from './exit.js'
import { errorText, hasCode } from './messages.js'
import type { CheckpointFlags, RunCommand } from './module-commands.js'
import { tellNews, tellProgress } from './news.js'
import { Reporter } from './reporter.js'
import { restoreTerms } from './restore-options.js'
import {
  checkSummaryFile,
  failedSummary,
  type SummaryFile,
  summaryText,
  writeSummary,
} from './summary.js'
import { alignmentTerms } from './unaligned-options.js'
import type { CliWorld } from './world.js'

/** What a sink fails with when nobody reads standard output any more. */
const PIPE_CLOSED = 'E_PIPE_CLOSED'

export async function runCommand(command: RunCommand, world: CliWorld): Promise<ExitCode> {
  if (command.summaryFile !== null) await checkSummaryFile(command.summaryFile)
  const { module, slots, parallelism, args, quiet, verbose } = command
  const run = await world.loadRun(slots)
  const job = run(pathToFileURL(resolve(module)), {
    slots,
    args,
    ...(parallelism === null ? {} : { parallelism }),
    ...(command.state.backend !== 'heap' && { state: command.state }),
    ...(command.checkpoint !== null && snapshotOptions(command.checkpoint)),
  })
  const reporter = new Reporter(world, quiet ? 'quiet' : verbose ? 'verbose' : 'usual')
  return new Run(command, world, job, reporter).watch()
}

function snapshotOptions(flags: CheckpointFlags) {
  const { directory, interval, restore } = flags
  return {
    checkpoint: {
      directory,
      ...(interval !== null && { interval: interval as Duration }),
      ...alignmentTerms(flags),
    },
    ...(restore !== null && { restore: /^\d+$/.test(restore) ? Number(restore) : restore }),
    ...restoreTerms(flags),
  }
}

/** One job from start to end, and what happened to it on the way. */
class Run {
  readonly #command: RunCommand
  readonly #world: CliWorld
  readonly #job: Job
  readonly #reporter: Reporter
  readonly #watching = new Subscription()
  #interrupted = false
  #gaveUp = false
  #outputClosed = false

  constructor(command: RunCommand, world: CliWorld, job: Job, reporter: Reporter) {
    this.#command = command
    this.#world = world
    this.#job = job
    this.#reporter = reporter
  }

  async watch(): Promise<ExitCode> {
    // Told below; here only so that a rejection before that is nobody's surprise.
    this.#job.done.catch(() => {})
    this.#watching.add(this.#world.onInterrupt(() => this.#interrupt()))
    this.#watching.add(this.#world.onOutputClosed(() => this.#closeOutput()))
    this.#watching.add(this.#world.onExit(() => this.#reporter.stop()))
    this.#subscribe()
    try {
      return (await this.#planned()) ?? (await this.#finished())
    } finally {
      this.#watching.unsubscribe()
      this.#reporter.stop()
    }
  }

  #subscribe(): void {
    const news = tellNews(this.#job, this.#reporter, (failure) => {
      if (failure !== null && hasCode(failure.error, PIPE_CLOSED)) this.#closeOutput()
      return !this.#outputClosed
    })
    this.#watching.add(news)
  }

  /** Null once the job is planned; else nothing has run, and that is the end. */
  async #planned(): Promise<ExitCode | null> {
    try {
      const plan = await this.#job.plan
      for (const warning of plan.warnings) this.#reporter.warn(warning)
      this.#watching.add(tellProgress(this.#job, plan, this.#reporter))
      return null
    } catch (thrown) {
      if (this.#interrupted) return EXIT.interrupted
      this.#reporter.say(errorText(thrown, this.#command.verbose))
      return EXIT.wrongUsage
    }
  }

  async #finished(): Promise<ExitCode> {
    try {
      const summary = await this.#job.done
      this.#reporter.stop()
      if (this.#outputClosed) return EXIT.finished
      this.#tell(summary)
      await this.#save(summary)
      const hasFinished = summary.state === 'Finished' && !this.#interrupted
      return hasFinished ? EXIT.finished : EXIT.interrupted
    } catch (thrown) {
      this.#reporter.stop()
      if (this.#outputClosed || hasCode(thrown, PIPE_CLOSED)) return EXIT.finished
      this.#reporter.say(`the job failed: ${errorText(thrown, this.#command.verbose)}`)
      await this.#save(failedSummary(this.#job, thrown, this.#reporter.last))
      return EXIT.failed
    }
  }

  #tell(summary: JobSummary): void {
    if (this.#reporter.detail === 'quiet') return
    this.#reporter.show(summaryText(summary, this.#reporter.colors))
  }

  async #save(summary: SummaryFile): Promise<void> {
    if (this.#command.summaryFile !== null) await writeSummary(this.#command.summaryFile, summary)
  }

  #interrupt(): void {
    if (this.#interrupted) return this.#world.exit(EXIT.interrupted)
    this.#interrupted = true
    if (this.#command.checkpoint !== null) return this.#stop(this.#command.checkpoint)
    this.#drain()
  }

  /** Behind a last checkpoint, from which it can go on; before it runs there is nothing to keep. */
  #stop({ directory }: CheckpointFlags): void {
    if (this.#job.state === 'Created') {
      this.#reporter.say(
        'ending: the job had not begun yet, nothing was read. Ctrl-C again ends at once.',
      )
      this.#job.cancel().catch(() => {})
      return
    }
    this.#reporter.say('stopping behind a checkpoint. Ctrl-C again ends at once.')
    this.#job.stop().then(
      ({ round }) =>
        this.#reporter.say(
          `stopped behind checkpoint ${round}; to go on: --checkpoint-dir ${directory} --restore latest`,
        ),
      (error: unknown) => {
        this.#reporter.say(`no checkpoint could be taken: ${errorText(error, false)}`)
        this.#job.cancel().catch(() => {})
      },
    )
  }

  #drain(): void {
    this.#reporter.say('draining: sources stop, results follow. Ctrl-C again ends at once.')
    this.#job.drain().catch(() => {})
    const watch = createDrainWatch()
    this.#watching.add(
      this.#job.metrics$.subscribe({
        next: (metrics) => this.#giveUp(watch, metrics),
        error: () => {},
      }),
    )
  }

  /** One signal is all that service managers send: a drain that stands still ends by itself. */
  #giveUp(watch: DrainWatch, metrics: JobMetrics): void {
    const chain = watch.stuckIn(metrics)
    if (chain === null || this.#gaveUp) return
    this.#gaveUp = true
    const seconds = DRAIN_QUIET_MS / 1000
    this.#reporter.say(`no record has moved for ${seconds} s, held up by ${chain}: giving up`)
    this.#job.cancel().catch(() => {})
  }

  /** Whoever read the output wants no more: that is no failure. */
  #closeOutput(): void {
    if (this.#outputClosed) return
    this.#outputClosed = true
    this.#job.cancel().catch(() => {})
  }
}
