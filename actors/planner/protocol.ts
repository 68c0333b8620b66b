/**
 * The planner's messages: a thread that evaluates a job module once, answers with graph data, and is
 * thrown away. It takes one `PlanningRequest`, says that it has `Begun`, and sends exactly one `PlanningReply`, or
 * none where the module ends its thread or never finishes.
 */
import type { ErrorData } from '../../lib/base/errors.js'
import type { Graph } from '../../lib/graph/graph.js'
import type { Plan } from '../../lib/graph/plan.js'
import type { PlanOptions } from '../../lib/graph/planner.js'

/**
 * What a job module that exports a function is called with: `--arg name=value` by name, and what
 * follows the module on the command line as `_`, which is always there.
 */
export type ModuleArgs = Readonly<Record<string, string | readonly string[]>>

export interface PlanningRequest {
  /** A bundle, as made by `bundleModule`. */
  readonly file: string
  readonly args: ModuleArgs
}

/** The runtime is loaded, and the module's time begins. */
export interface PlanningBegun {
  readonly kind: 'Begun'
}

export type PlanningReply =
  | { readonly kind: 'Planned'; readonly graph: Graph; readonly fingerprint: string }
  | { readonly kind: 'Failed'; readonly error: ErrorData }

export interface PlanModuleOptions extends PlanOptions {
  /** A bundle, as made by `bundleModule`. */
  readonly file: string
  readonly args?: ModuleArgs
  /** Time the module has to be evaluated, from when the thread has loaded the runtime. Default 15 s. */
  readonly timeoutMs?: number
}

export interface PlannedModule {
  readonly graph: Graph
  readonly fingerprint: string
  readonly plan: Plan
}

/** Plans the modules of many jobs. */
export interface Planner {
  plan(options: PlanModuleOptions): Promise<PlannedModule>
  close(): Promise<void>
}
