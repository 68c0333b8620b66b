/**
 * `run`: a pipeline in the calling thread, or, given the module that makes it, on worker threads. Both
 * are the same actors, channels and credits; only the slots differ.
 */
import { MillraceError } from '../../lib/base/errors.js'
import { refuseUnknownOptions } from '../../lib/base/unknown-option.js'
import { isPipeline, type Pipeline } from '../../lib/flow/pipeline.js'
import type { Graph } from '../../lib/graph/graph.js'
import { planGraph } from '../../lib/graph/planner.js'
import { bundleModule } from '../planner/bundle.js'
import { assertOutsideJobModule } from '../planner/evaluating.js'
import { planModule } from '../planner/plan-module.js'
import type { ModuleArgs } from '../planner/protocol.js'
import { connectSlot } from '../worker/connect-slots.js'
import { SLOT_MEMORY_MB } from '../worker/protocol.js'
import { createThreadSlot } from '../worker/thread-slot.js'
import type { Job } from './job.js'
import { launch, RUN_OPTIONS, type RunOptions, type RunWorld, systemWorld } from './launch.js'
import { createLocalSlot } from './local-slot.js'
import { checkpointsOf } from './open-snapshots.js'
import type { SlotPool } from './slot-table.js'

/** Options of `run` for a module, on worker threads. */
export interface RunModuleOptions extends RunOptions {
  /** Worker threads. Default 1. */
  readonly slots?: number
  /** What the module's function is called with. */
  readonly args?: ModuleArgs
  /** A subtask that makes no progress for this long is ended, with its slot. Default 30 s. */
  readonly stallMs?: number
}

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

function runModule(module: URL | string, options: RunModuleOptions): Job {
  const { slots = 1, args = {}, parallelism, stallMs, memoryMb = SLOT_MEMORY_MB } = options
  if (!(Number.isInteger(slots) && slots >= 1 && slots <= SLOTS_MAX)) {
    throw new MillraceError(
      'E_BAD_SLOTS',
      `slots must be a whole number from 1 to ${SLOTS_MAX}; it is ${slots}`,
    )
  }
  const pool: SlotPool = {
    size: slots,
    create: (index) =>
      createThreadSlot({
        index,
        memoryBytesMax: memoryMb * 2 ** 20,
        ...(stallMs === undefined ? {} : { stallMs }),
      }),
    connect: (slot, other) => connectSlot(slot, [other]),
  }
  const name = moduleName(module)
  return launch(name, { ...options, memoryMb }, systemWorld, async () => {
    const { file, warnings } = await bundleModule(module)
    const { plan, graph } = await planModule({
      file,
      args,
      slots,
      checkpoints: checkpointsOf(options.checkpoint),
      ...(parallelism === undefined ? {} : { parallelism }),
    })
    return {
      plan,
      operators: namesOf(graph),
      nodes: graph.nodes,
      module: { kind: 'bundle', file, args },
      pool,
      warnings,
    }
  })
}

const slotsForPipeline = (name: string): MillraceError =>
  new MillraceError(
    'E_BAD_SLOTS',
    `run was given pipeline '${name}' and slots: a pipeline at hand runs in the calling thread. For worker ` +
      "threads, export it as default of a module of its own: run(new URL('./job.ts', import.meta.url), { slots: 2 })",
  )

const SLOTS_MAX = 1024

const namesOf = (graph: Graph): readonly string[] => graph.nodes.map(({ label }) => label)

/** The file's name, until the pipeline's own is known. */
const moduleName = (module: URL | string): string =>
  String(module)
    .split('/')
    .at(-1)!
    .replace(/\.\w+$/, '')
