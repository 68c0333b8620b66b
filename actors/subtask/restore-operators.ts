/** The state of a subtask's operators: empty, or as a snapshot has it. */
import type { ChainStep } from '../../lib/graph/plan.js'
import { deepFreeze } from '../../lib/operators/freeze.js'
import { loadRestored, type ReadChunk } from '../../lib/snapshot/load-restored.js'
import type { RestoreOrder, RestoreStep } from '../../lib/snapshot/restore-plan.js'
import type { RestoredSubtask } from '../../lib/snapshot/round.js'
import { restoreStateFrom } from '../../lib/snapshot/state-restore.js'
import type { StateStore } from '../../lib/state/state.js'
import { FIRST_VERSION, type Upcast, upcastFrom } from '../../lib/state/upcast.js'
import { locate } from './locate.js'
import { nameOf, runtimeOf, type SubtaskPlace } from './subtask-place.js'

/** What is to be known of a subtask that is not open yet. */
export type StatePlace = Pick<
  SubtaskPlace,
  'plan' | 'composed' | 'chain' | 'index' | 'clock' | 'freeze' | 'state'
>

export const createState = (place: StatePlace, step: ChainStep): StateStore =>
  place.state.create(place.plan.maxParallelism, {
    operator: nameOf(place, step),
    parallelism: place.chain.parallelism,
    wallTime: () => place.clock.wallTime(),
    ...(place.freeze ? { freeze: deepFreeze } : {}),
  })

/**
 * What the subtask goes on from. State is read and filled before the operators open, because reading takes
 * its time, and of all that is read one chunk at a time is in memory.
 *
 * Rejects as `read` does; where what was read cannot be restored, with an error that names the operator.
 */
export function restoreOperators(
  place: StatePlace,
  order: RestoreOrder,
  read: ReadChunk,
): Promise<RestoredSubtask> {
  return loadRestored(order, read, async (position, stored, reading) => {
    const step = place.chain.steps[position]!
    // The half before an exchange sends on all it has before each barrier.
    if (step.half === 'before') return null
    return restoreOperator(place, step, stored, order.readers, reading)
  })
}

/**
 * What the subtask of that name goes on from. Its state is given to the first that asks: what takes the
 * place of a subtask that failed begins empty, and nobody else keeps what that one had in memory.
 */
export function takeRestored(
  restored: Map<string, RestoredSubtask>,
  name: string,
): RestoredSubtask | null {
  const found = restored.get(name)
  if (found === undefined) return null
  const steps = found.steps.map((step) => ({ ...step, state: null }))
  restored.set(name, { ...found, steps })
  return found
}

async function restoreOperator(
  place: StatePlace,
  step: ChainStep,
  { former, formerParallelism, ownsKeys, dealsAnew, version }: RestoreStep,
  readers: RestoreOrder['readers'],
  read: ReadChunk,
): Promise<StateStore> {
  const { plan, chain, index } = place
  let unread: unknown = null
  const reading: ReadChunk = (ref) =>
    read(ref).catch((error: unknown) => {
      unread = error
      throw error
    })
  const state = createState(place, step)
  const target = {
    operator: nameOf(place, step),
    subtask: index,
    parallelism: chain.parallelism,
    formerParallelism,
    dealsAnew,
    maxParallelism: plan.maxParallelism,
    ownsKeys,
    readers: new Map(readers),
    upcast: upcastOf(place, step, version),
  }
  try {
    await restoreStateFrom(state, former, target, reading)
    return state
  } catch (error) {
    throw error === unread ? error : locate(error, 'E_OPERATOR', nameOf(place, step), index)
  }
}

function upcastOf(place: StatePlace, step: ChainStep, stored: number): Upcast | null {
  const runtime = runtimeOf(place, step)
  if (runtime.role !== 'operator') return null
  const { stateVersion = FIRST_VERSION, upcast = {} } = runtime.operator.options
  return upcastFrom(nameOf(place, step), stored, stateVersion, upcast)
}
