/** Planning a job module: its graph comes out of a planning worker, the plan is made here. */
import { systemClock } from '../../lib/base/clock.js'
import { errorFromData, errorToData, MillraceError } from '../../lib/base/errors.js'
import { planGraph } from '../../lib/graph/planner.js'
import { SpareThreads } from '../kernel/spare-threads.js'
import { PlanningThread } from './planning-thread.js'
import type {
  PlanModuleOptions,
  PlannedModule,
  Planner,
  PlanningBegun,
  PlanningReply,
  PlanningRequest,
} from './protocol.js'

const TIMEOUT_MS = 15_000
/** For the thread to load the runtime, which takes half a second on a machine at rest. */
const LOADING_MS = 60_000

/**
 * Evaluates the module in a worker thread that is thrown away, and plans its graph. Throws what
 * `loadModule`, `compose` and `planGraph` throw; E_DIFFERENT_GRAPH where the module builds another graph
 * each time; E_PLANNING_TIMEOUT where it does not finish; E_MODULE_FAILED where it ends its thread.
 */
export async function planModule(
  options: PlanModuleOptions,
  thread = new PlanningThread(),
): Promise<PlannedModule> {
  const { file, args = {}, timeoutMs = TIMEOUT_MS, ...planOptions } = options
  const reply = await evaluate(thread, { file, args }, timeoutMs)
  if (reply.kind === 'Failed') throw errorFromData(reply.error)
  const { graph, fingerprint } = reply
  return { graph, fingerprint, plan: planGraph(graph, planOptions) }
}

/** Each in a thread of its own, the next of which has been started in advance. */
export class SparePlanner implements Planner {
  readonly #spares = new SpareThreads(systemClock, () => new PlanningThread())

  constructor() {
    this.#spares.keep(1)
  }

  plan(options: PlanModuleOptions): Promise<PlannedModule> {
    const planning = planModule(options, this.#spares.take() ?? undefined)
    this.#spares.keep(1)
    return planning
  }

  close(): Promise<void> {
    return this.#spares.close()
  }
}

async function evaluate(
  { worker }: PlanningThread,
  request: PlanningRequest,
  timeoutMs: number,
): Promise<PlanningReply> {
  // Standard output belongs to the job's results; what a module says while it is built is not one.
  worker.stdout.on('data', (chunk) => process.stderr.write(chunk))
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<PlanningReply>((resolve) => {
      const fail = (code: string, message: string, cause?: unknown) =>
        resolve({ kind: 'Failed', error: errorToData(new MillraceError(code, message, { cause })) })
      const limit = (afterMs: number, message: string) => {
        clearTimeout(timer)
        timer = setTimeout(() => fail('E_PLANNING_TIMEOUT', message), afterMs)
      }
      limit(LOADING_MS, LOADS_TOO_LONG)
      worker.on('message', (said: PlanningBegun | PlanningReply) => {
        if (said.kind === 'Begun') limit(timeoutMs, tooLong(timeoutMs))
        else resolve(said)
      })
      worker.on('error', (error) => fail('E_MODULE_FAILED', thrownLater(error), error))
      worker.on('exit', (code) => fail('E_MODULE_FAILED', ended(code)))
      worker.postMessage(request)
    })
  } finally {
    // Whatever it still says comes too late.
    worker.removeAllListeners('message')
    clearTimeout(timer)
    await worker.terminate()
  }
}

const tooLong = (timeoutMs: number) =>
  `The job module was still being evaluated after ${timeoutMs / 1000} s, and was stopped. A job module only describes the pipeline: look for an endless loop or an await at its top level, and move what takes long into an operator or a source.`

const LOADS_TOO_LONG = `The thread that is to evaluate the job module was still loading the runtime after ${LOADING_MS / 1000} s. Is the machine busy, or its disk slow? Try again when it has time.`

const thrownLater = (error: Error) =>
  `The job module threw outside its own evaluation, in a callback: ${error.name}: ${error.message}`

const ended = (code: number) =>
  `The job module ended its thread while it was evaluated (process.exit(${code})?). A job module only describes the pipeline.`
