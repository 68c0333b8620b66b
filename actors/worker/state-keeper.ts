/** Who keeps the most state, for messages about memory: entries can be counted, bytes cannot. */
import type { StateStore } from '../../lib/state/state.js'

/** An operator in one subtask, and how many entries of state it keeps there. */
export interface StateKeeper {
  readonly operator: string
  readonly subtask: number
  readonly entries: number
}

/** The state of one operator in one subtask. */
interface Kept {
  readonly operator: string
  readonly subtask: number
  readonly store: Pick<StateStore, 'countEntries'>
}

/** Null where nobody keeps any. Goes through all of it. */
export function whoKeepsMost(states: Iterable<Kept>): StateKeeper | null {
  let most: StateKeeper | null = null
  for (const { operator, subtask, store } of states) {
    const entries = store.countEntries()
    if (entries > (most?.entries ?? 0)) most = { operator, subtask, entries }
  }
  return most
}
