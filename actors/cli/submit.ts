/** `millrace submit`: sends a job to a cluster, and reports on it until it ends. */
import { isAbsolute, resolve } from 'node:path'
import type { Duration } from '../../lib/base/duration.js'
import { MillraceError } from '../../lib/base/errors.js'
import { Subscription } from '../../lib/base/rxjs.js'
import type { Cluster, PlacementOptions, SubmitOptions, SubmittedJob } from '../index.js'
import type { SubmitCommand } from './cluster-commands.js'
import { placesText } from './cluster-text.js'
import { EXIT, type ExitCode } from './exit.js'
import { errorText } from './messages.js'
import { tellNews, tellProgress } from './news.js'
import { connectTo, findJob, sameCluster } from './reach.js'
import { Reporter } from './reporter.js'
import { restoreTerms } from './restore-options.js'
import { summaryText } from './summary.js'
import { alignmentTerms } from './unaligned-options.js'
import { whileWaiting } from './waiting.js'
import type { CliWorld } from './world.js'

export async function submitCommand(command: SubmitCommand, world: CliWorld): Promise<ExitCode> {
  const { module, quiet, verbose, detach } = command
  const reporter = new Reporter(world, quiet ? 'quiet' : verbose ? 'verbose' : 'usual')
  const cluster = await connectTo(command, world, reporter)
  try {
    const apartFrom = await Promise.all(command.apartFrom.map((name) => neighbour(cluster, name)))
    const besides = command.besides === null ? null : await neighbour(cluster, command.besides)
    const options = submitOptions({ ...command, apartFrom, besides })
    const submitting = cluster.submit(module, options)
    const job = await whileWaiting(world, reporter, 'bundling, sending and planning', submitting)
    if (!detach) return await new Following(command, world, reporter, job).watch()
    world.stdout.write(`${job.id}\n`)
    return EXIT.finished
  } finally {
    cluster.close()
  }
}

/** A name that no job has would place it anywhere. */
async function neighbour(cluster: Cluster, name: string): Promise<string> {
  const id = await findJob(cluster, name)
  if (id !== null) return id
  throw new MillraceError('E_NO_SUCH_JOB', `there is no job "${name}" to be placed by`)
}

/** As the API takes it. */
export function submitOptions(command: SubmitCommand): SubmitOptions {
  const { args, parallelism, reactive, restore } = command
  return {
    args,
    placement: placementOptions(command),
    ...restoreTerms(command),
    state: command.state,
    checkpoint: checkpointOptions(command),
    ...(parallelism !== null && { parallelism }),
    ...(reactive !== null && { reactive: { maxParallelism: reactive } }),
    ...(restore !== null && { restore: isAbsolute(restore) ? restore : resolve(restore) }),
  }
}

function placementOptions(command: SubmitCommand): PlacementOptions {
  const { pack, labels, apartFrom, besides, wait } = command
  return {
    strategy: pack ? 'pack' : 'spread',
    labels,
    apartFrom,
    ...(besides !== null && { besides }),
    ...(wait !== null && { wait: wait as Duration }),
  }
}

function checkpointOptions(command: SubmitCommand): NonNullable<SubmitOptions['checkpoint']> {
  const { checkpoints, checkpointInterval } = command
  if (!checkpoints) return false
  return {
    ...(checkpointInterval !== null && { interval: checkpointInterval as Duration }),
    ...alignmentTerms(command),
  }
}

/** One job until it ends, or nobody wants to hear more. */
class Following {
  readonly #command: SubmitCommand
  readonly #world: CliWorld
  readonly #reporter: Reporter
  readonly #job: SubmittedJob
  readonly #watching = new Subscription()
  #isInterrupted = false

  constructor(command: SubmitCommand, world: CliWorld, reporter: Reporter, job: SubmittedJob) {
    this.#command = command
    this.#world = world
    this.#reporter = reporter
    this.#job = job
  }

  async watch(): Promise<ExitCode> {
    const job = this.#job
    if (this.#reporter.detail !== 'quiet') this.#reporter.say(`submitted job ${job.id}`)
    for (const warning of job.plan?.warnings ?? []) this.#reporter.warn(warning)
    this.#watching.add(tellNews(job, this.#reporter, () => true))
    this.#watching.add(
      job.events$.subscribe((event) => {
        if (event.kind === 'StateChanged' && event.to === 'Running') void this.#tellPlaces()
      }),
    )
    if (job.plan !== null) this.#watching.add(tellProgress(job, job.plan, this.#reporter))
    this.#watching.add(this.#world.onExit(() => this.#reporter.stop()))
    try {
      return await Promise.race([this.#ended(), this.#interrupted()])
    } finally {
      this.#watching.unsubscribe()
      this.#reporter.stop()
    }
  }

  async #ended(): Promise<ExitCode> {
    try {
      const summary = await this.#job.done
      this.#reporter.stop()
      const { detail, colors } = this.#reporter
      if (detail !== 'quiet') this.#reporter.show(summaryText(summary, colors))
      return summary.state === 'Finished' ? EXIT.finished : EXIT.interrupted
    } catch (thrown) {
      // It was this side that closed the connection.
      if (this.#isInterrupted) return EXIT.interrupted
      this.#reporter.stop()
      const isLost = (thrown as { code?: string }).code === 'E_PEER_LOST'
      const text = errorText(thrown, this.#command.verbose)
      this.#reporter.say(isLost ? text : `the job failed: ${text}`)
      return EXIT.failed
    }
  }

  #interrupted(): Promise<ExitCode> {
    return new Promise((resolve) => {
      const stop = this.#world.onInterrupt(() => {
        this.#isInterrupted = true
        this.#reporter.stop()
        const { id } = this.#job
        const where = sameCluster(this.#command)
        this.#reporter.say(`job ${id} goes on without this command
  to follow it: millrace events ${id}${where}
  to end it:    millrace cancel ${id}${where}`)
        resolve(EXIT.interrupted)
      })
      this.#watching.add(stop)
    })
  }

  async #tellPlaces(): Promise<void> {
    if (this.#reporter.detail === 'quiet') return
    // It may have ended meanwhile, and then is nowhere.
    const places = placesText(await this.#job.placement().catch(() => []))
    if (places !== '') this.#reporter.say(`running: ${places}`)
  }
}
