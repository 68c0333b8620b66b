/** `run` for a module: on worker threads, which load the runtime while the module is bundled. */
import { MillraceError } from '../../lib/base/errors.js'
import type { Graph } from '../../lib/graph/graph.js'
import { bundleModule } from '../planner/bundle.js'
import { planModule } from '../planner/plan-module.js'
import type { ModuleArgs } from '../planner/protocol.js'
import { connectSlot } from '../worker/connect-slots.js'
import { SLOT_MEMORY_MB } from '../worker/protocol.js'
import { createThreadSlot } from '../worker/thread-slot.js'
import type { Job } from './job.js'
import { launch, type RunOptions, systemWorld } from './launch.js'
import { checkpointsOf } from './open-snapshots.js'
import type { SlotPool } from './slot-table.js'
import { ThreadsAhead } from './threads-ahead.js'

/** Options of `run` for a module, on worker threads. */
export interface RunModuleOptions extends RunOptions {
  /** Worker threads. Default 1. */
  readonly slots?: number
  /** What the module's function is called with. */
  readonly args?: ModuleArgs
  /** A subtask that makes no progress for this long is ended, with its slot. Default 30 s. */
  readonly stallMs?: number
}

const SLOTS_MAX = 1024

/** `threads`: for these slots, with this memory; closed when the job has ended. Default: its own. */
export function runModule(
  module: URL | string,
  options: RunModuleOptions,
  threads = threadsFor(options),
): Job {
  const { slots = 1, args = {}, parallelism, stallMs, memoryMb = SLOT_MEMORY_MB } = options
  if (!(Number.isInteger(slots) && slots >= 1 && slots <= SLOTS_MAX)) {
    throw new MillraceError(
      'E_BAD_SLOTS',
      `slots must be a whole number from 1 to ${SLOTS_MAX}; it is ${slots}`,
    )
  }
  const pool: SlotPool = {
    size: slots,
    create(index) {
      const thread = threads.takeWorker()
      return createThreadSlot({
        index,
        memoryBytesMax: memoryMb * 2 ** 20,
        ...(thread !== undefined && { thread }),
        ...(stallMs !== undefined && { stallMs }),
      })
    },
    connect: (slot, other) => connectSlot(slot, [other]),
  }
  const job = launch(moduleName(module), { ...options, memoryMb }, systemWorld, async () => {
    threads.start()
    const { file, warnings } = await bundleModule(module)
    const planOptions = {
      file,
      args,
      slots,
      checkpoints: checkpointsOf(options.checkpoint),
      ...(parallelism !== undefined && { parallelism }),
    }
    const { plan, graph } = await planModule(planOptions, threads.takePlanner())
    return {
      plan,
      operators: namesOf(graph),
      nodes: graph.nodes,
      module: { kind: 'bundle', file, args },
      pool,
      warnings,
    }
  })
  const close = () => threads.close()
  job.done.then(close, close)
  return job
}

const threadsFor = ({ slots = 1, memoryMb }: RunModuleOptions) => new ThreadsAhead(slots, memoryMb)

/** By id. */
export const namesOf = (graph: Graph): readonly string[] => graph.nodes.map(({ label }) => label)

/** The file's name, until the pipeline's own is known. */
const moduleName = (module: URL | string): string =>
  String(module)
    .split('/')
    .at(-1)!
    .replace(/\.\w+$/, '')
