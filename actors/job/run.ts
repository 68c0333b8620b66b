/**
 * `run`: a pipeline in the calling thread, or, given the module that makes it, on worker threads. Both
 * are the same actors, channels and credits; only the slots differ.
 */
import { MillraceError } from '../../lib/base/errors.js'
import { refuseUnknownOptions } from '../../lib/base/unknown-option.js'
import { isPipeline, type Pipeline } from '../../lib/flow/pipeline.js'
import { planGraph } from '../../lib/graph/planner.js'
import { assertOutsideJobModule } from '../planner/evaluating.js'
import type { Job } from './job.js'
import { launch, RUN_OPTIONS, type RunOptions, type RunWorld, systemWorld } from './launch.js'
import { createLocalSlot } from './local-slot.js'
import { checkpointsOf } from './open-snapshots.js'
import { namesOf, type RunModuleOptions, runModule } from './run-module.js'
import type { SlotPool } from './slot-table.js'

/**
 * Starts a pipeline and returns the job's handle at once; `done` tells how it ended.
 *
 * Given a pipeline it runs in the calling thread, user code included. Given the URL or path of a
 * module — TypeScript or JavaScript — whose default export is a pipeline, or a function of
 * `args` that returns one, it runs on worker threads, and no user code runs in the calling thread.
 *
 * @throws MillraceError at once where a pipeline cannot be built or planned; for a module, `done`
 * rejects instead.
 *
 * @example
 * const job = run(new URL('./word-count.ts', import.meta.url), { slots: 2 })
 * job.failures$.subscribe((failure) => console.error(failure.error.message))
 * const { recordsIn } = await job.done
 */
export function run(pipeline: Pipeline, options?: RunOptions): Job
export function run(module: URL | string, options?: RunModuleOptions): Job
export function run(what: Pipeline | URL | string, options: RunModuleOptions = {}): Job {
  assertOutsideJobModule()
  if (isPipeline(what)) {
    if ('slots' in options) throw slotsForPipeline(what.name)
    refuseUnknownOptions('run(pipeline)', options, RUN_OPTIONS)
    return runHere(what, options, systemWorld)
  }
  if (typeof what === 'string' || what instanceof URL) {
    refuseUnknownOptions('run(module)', options, [...RUN_OPTIONS, 'slots', 'args', 'stallMs'])
    return runModule(what, options)
  }
  throw new MillraceError(
    'E_NOT_RUNNABLE',
    'run expects a pipeline, or the URL or path of a module whose default export is one; ' +
      `it was given ${what === null ? 'null' : typeof what}`,
  )
}

/**
 * In the calling thread. Nothing starts before the next turn of the event loop, so whoever
 * subscribes to the handle at once misses nothing.
 */
export function runHere(pipeline: Pipeline, options: RunOptions, world: RunWorld): Job {
  const { parallelism, stallWatch = true } = options
  const { graph } = pipeline.compose()
  const plan = planGraph(graph, {
    slots: 1,
    checkpoints: checkpointsOf(options.checkpoint),
    ...(parallelism === undefined ? {} : { parallelism }),
  })
  const pool: SlotPool = {
    size: 1,
    create: (index) => createLocalSlot(index, { ...world, watch: stallWatch }),
    connect: async () => {},
  }
  return launch(pipeline.name, options, world, async () => {
    const operators = namesOf(graph)
    return {
      plan,
      operators,
      nodes: graph.nodes,
      module: { kind: 'pipeline', pipeline },
      pool,
      warnings: plan.warnings,
    }
  })
}

const slotsForPipeline = (name: string): MillraceError =>
  new MillraceError(
    'E_BAD_SLOTS',
    `run was given pipeline '${name}' and slots: a pipeline at hand runs in the calling thread. For worker ` +
      "threads, export it as default of a module of its own: run(new URL('./job.ts', import.meta.url), { slots: 2 })",
  )
