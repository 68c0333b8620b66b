/**
 * Elements of an operator list that say themselves to which subtask they go where the parallelism has
 * changed, or keys are brought together that were not: the rest of what an operator had in hand as a barrier passed (`operators/held-records.ts`).
 *
 * Where they go is decided by how the operator is fed now, whatever it was when they were written. Where all
 * of a key is in one subtask, they go there. Else what a subtask holds of one split goes to the one that reads
 * on in it; all the rest of it stays together. So of two elements that took one way into the chain, both have
 * one subtask, and so has what follows there.
 */
import { keyGroupOf, subtaskOf } from '../base/key.js'

/** Disk constant: do not change. */
export const HELD = 'in flight'

export interface HeldBy {
  /** Index of the subtask that held it. */
  readonly subtask: number
  /** Id of the split; null: none that was still being read. */
  readonly split: string | null
  /** False where it had no key. */
  readonly keyed: boolean
  readonly key: unknown
}

/** To whom they are dealt out. */
export interface HeldTarget {
  readonly parallelism: number
  readonly maxParallelism: number
  /** True where what is of one key is brought into one subtask. Default false. */
  readonly ownsKeys?: boolean
  /** By id, the subtask that reads a split. Default: none is read. */
  readonly readers?: ReadonlyMap<string, number>
}

/** True for a list whose elements were written with what they are held by. */
export const areHeld = (name: string, values: unknown[]): values is HeldBy[] =>
  name === HELD &&
  values.every((value) => Number.isSafeInteger((value as Partial<HeldBy> | null)?.subtask))

export function subtaskHolding(held: HeldBy, target: HeldTarget): number {
  const { parallelism, maxParallelism, ownsKeys = false, readers } = target
  const { keyed, key, split, subtask } = held
  if (ownsKeys && keyed) {
    return subtaskOf(keyGroupOf(key, maxParallelism), parallelism, maxParallelism)
  }
  const reader = split === null ? undefined : readers?.get(split)
  return reader ?? subtask % parallelism
}
