/** The commands for a cluster that runs: lists, and what is done about one job or one node. */
import { resolve } from 'node:path'
import { unreachable } from '../../lib/base/assert.js'
import type { Duration } from '../../lib/base/duration.js'
import type { Cluster, StopSummary, SubmittedJob } from '../index.js'
import type { ClusterAction, ClusterCommand } from './cluster-commands.js'
import { jobsText, nodesText, placementText, waitsText } from './cluster-text.js'
import { EXIT, type ExitCode } from './exit.js'
import { errorText, eventText, failureText } from './messages.js'
import { showDuration, slotsText } from './quantity.js'
import { connectTo, findJob } from './reach.js'
import { Reporter } from './reporter.js'
import { whileWaiting } from './waiting.js'
import type { CliWorld } from './world.js'

export async function clusterCommand(command: ClusterCommand, world: CliWorld): Promise<ExitCode> {
  const reporter = new Reporter(world, command.verbose ? 'verbose' : 'usual')
  const cluster = await connectTo(command, world, reporter)
  try {
    return await new ClusterDesk(cluster, command, world, reporter).carryOut(command.action)
  } finally {
    cluster.close()
  }
}

class ClusterDesk {
  readonly #cluster: Cluster
  readonly #command: ClusterCommand
  readonly #world: CliWorld
  readonly #reporter: Reporter

  constructor(cluster: Cluster, command: ClusterCommand, world: CliWorld, reporter: Reporter) {
    this.#cluster = cluster
    this.#command = command
    this.#world = world
    this.#reporter = reporter
  }

  async carryOut(action: ClusterAction): Promise<ExitCode> {
    const cluster = this.#cluster
    switch (action.name) {
      case 'list':
        return this.#show(await cluster.jobs(), (jobs) =>
          jobsText(jobs, this.#world.clock.wallTime()),
        )
      case 'nodes':
        return this.#show(await cluster.nodes(), nodesText)
      case 'placement': {
        const job = await this.#job(action.job)
        return this.#show(await job.placement(), placementText)
      }
      case 'cancel': {
        const job = await this.#job(action.job)
        const what = `ending job ${job.id}`
        return this.#wait(what, job.cancel(), () => `job ${job.id} has ended`, job.id)
      }
      case 'stop':
        return this.#stop(await this.#job(action.job), action.savepoint)
      case 'savepoint': {
        const job = await this.#job(action.job)
        const taking = job.savepoint(resolve(action.directory))
        const what = `taking a savepoint of job ${job.id}`
        return this.#wait(what, taking, savepointText, job.id)
      }
      case 'rescale': {
        const [job, { slots, wait }] = [await this.#job(action.job), action]
        const moving = job.rescale(slots, wait === null ? {} : { wait: wait as Duration })
        const [what, done] = [`moving job ${job.id} to`, `job ${job.id} runs on`]
        const text = slotsText(slots)
        return this.#wait(`${what} ${text}`, moving, () => `${done} ${text}`, job.id)
      }
      case 'events':
        return this.#events(await this.#job(action.job))
      case 'cordon':
      case 'uncordon':
        await cluster[action.name](action.node)
        return EXIT.finished
      case 'evacuate': {
        const { node } = action
        const isEmpty = async () => {
          await cluster.evacuate(node)
          const waits = await this.#waits(null)
          return waits === null ? `node ${node} is empty` : `node ${node} is empty; ${waits}`
        }
        return this.#wait(`moving the work of node ${node}`, isEmpty(), (text) => text, null)
      }
      default:
        return unreachable(action)
    }
  }

  #stop(job: SubmittedJob, savepoint: string | null): Promise<ExitCode> {
    const stopping = savepoint === null ? job.stop() : job.stop(resolve(savepoint))
    const done = (summary: StopSummary) =>
      savepoint === null
        ? `job ${job.id} has stopped behind checkpoint ${summary.round}${summary.isEarlier ? ', its last one: it did not run' : ''}`
        : `job ${job.id} has stopped; ${savepointText(summary)}`
    return this.#wait(`stopping job ${job.id}`, stopping, done, job.id)
  }

  /** What that job waits for; null: any job. */
  async #waits(job: string | null): Promise<string | null> {
    const jobs = await this.#cluster.jobs()
    return waitsText(job === null ? jobs : jobs.filter(({ id }) => id === job))
  }

  /** Of one that has just been forgotten the coordinator says so. */
  async #job(name: string): Promise<SubmittedJob> {
    return this.#cluster.job((await findJob(this.#cluster, name)) ?? name)
  }

  #show<T>(value: T, text: (value: T) => string): ExitCode {
    const { stdout } = this.#world
    stdout.write(this.#command.json ? `${JSON.stringify(value, null, 2)}\n` : text(value))
    return EXIT.finished
  }

  async #wait<T>(
    what: string,
    waiting: Promise<T>,
    done: (result: T) => string,
    /** Whose places it may wait for; null: of any job. */
    job: string | null,
  ): Promise<ExitCode> {
    const held = () => this.#waits(job)
    this.#reporter.say(done(await whileWaiting(this.#world, this.#reporter, what, waiting, held)))
    return EXIT.finished
  }

  /** Follows until the job ends, or Ctrl-C. Times are counted from the first event that is told. */
  async #events(job: SubmittedJob): Promise<ExitCode> {
    const { stdout } = this.#world
    const { json } = this.#command
    let firstMs: number | null = null
    let lastMs = 0
    const line = (value: object, text: string | null) => {
      if (json) stdout.write(`${JSON.stringify(value)}\n`)
      else if (text !== null) stdout.write(`${showDuration(lastMs).padStart(9)}  ${text}\n`)
    }
    job.events$.subscribe((event) => {
      firstMs ??= event.atMs
      lastMs = event.atMs - firstMs
      line(event, eventText(event, 'verbose'))
    })
    job.failures$.subscribe((failure) =>
      line({ kind: 'Failure', failure }, failureText(failure, 'usual')),
    )
    const ended = job.done.then(
      () => null,
      (error: unknown) => ({ error }),
    )
    const interrupted = new Promise<'interrupted'>((resolve) => {
      this.#world.onInterrupt(() => resolve('interrupted'))
    })
    // Whoever interrupts closes the connection, and is not told that it was closed.
    const outcome = await Promise.race([ended, interrupted])
    if (outcome === 'interrupted') return EXIT.interrupted
    if (outcome === null) return EXIT.finished
    this.#reporter.say(errorText(outcome.error, this.#command.verbose))
    return EXIT.failed
  }
}

const savepointText = ({ directory }: { readonly directory: string }): string =>
  `the savepoint is in ${directory}; to go on from it: millrace submit … --restore ${directory}`
