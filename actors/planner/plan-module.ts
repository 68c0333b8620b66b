/** Planning a job module: its graph comes out of a planning worker, the plan is made here. */
import { Worker } from 'node:worker_threads'
import { errorFromData, errorToData, MillraceError } from '../../lib/base/errors.js'
import type { Graph } from '../../lib/graph/graph.js'
import type { Plan } from '../../lib/graph/plan.js'
import { type PlanOptions, planGraph } from '../../lib/graph/planner.js'
import type { ModuleArgs, PlanningReply, PlanningRequest } from './protocol.js'

export interface PlanModuleOptions extends PlanOptions {
  /** A bundle, as made by `bundleModule`. */
  readonly file: string
  readonly args?: ModuleArgs
  /** Time the module has to be evaluated. Default 15 s. */
  readonly timeoutMs?: number
}

export interface PlannedModule {
  readonly graph: Graph
  readonly fingerprint: string
  readonly plan: Plan
}

const TIMEOUT_MS = 15_000

/**
 * Evaluates the module in a worker thread that is thrown away, and plans its graph. Throws what
 * `loadModule`, `compose` and `planGraph` throw; E_DIFFERENT_GRAPH where the module builds another graph
 * each time; E_PLANNING_TIMEOUT where it does not finish; E_MODULE_FAILED where it ends its thread.
 */
export async function planModule(options: PlanModuleOptions): Promise<PlannedModule> {
  const { file, args = {}, timeoutMs = TIMEOUT_MS, ...planOptions } = options
  const reply = await evaluate({ file, args }, timeoutMs)
  if (reply.kind === 'Failed') throw errorFromData(reply.error)
  const { graph, fingerprint } = reply
  return { graph, fingerprint, plan: planGraph(graph, planOptions) }
}

async function evaluate(request: PlanningRequest, timeoutMs: number): Promise<PlanningReply> {
  const worker = new Worker(new URL('./planning-worker.js', import.meta.url), {
    name: 'millrace planner',
    workerData: request,
    stdout: true,
  })
  // Standard output belongs to the job's results; what a module says while it is built is not one.
  worker.stdout.on('data', (chunk) => process.stderr.write(chunk))
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<PlanningReply>((resolve) => {
      const fail = (code: string, message: string, cause?: unknown) =>
        resolve({ kind: 'Failed', error: errorToData(new MillraceError(code, message, { cause })) })
      timer = setTimeout(() => fail('E_PLANNING_TIMEOUT', tooLong(timeoutMs)), timeoutMs)
      worker.on('message', resolve)
      worker.on('error', (error) => fail('E_MODULE_FAILED', thrownLater(error), error))
      worker.on('exit', (code) => fail('E_MODULE_FAILED', ended(code)))
    })
  } finally {
    clearTimeout(timer)
    await worker.terminate()
  }
}

const tooLong = (timeoutMs: number) =>
  `The job module was still being evaluated after ${timeoutMs / 1000} s, and was stopped. A job module only describes the pipeline: look for an endless loop or an await at its top level, and move what takes long into an operator or a source.`

const thrownLater = (error: Error) =>
  `The job module threw outside its own evaluation, in a callback: ${error.name}: ${error.message}`

const ended = (code: number) =>
  `The job module ended its thread while it was evaluated (process.exit(${code})?). A job module only describes the pipeline.`
