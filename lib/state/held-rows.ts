/**
 * Elements of operator lists that say themselves to which subtask they go where the parallelism has
 * changed: the rest of what an operator had in hand as a barrier passed (`operators/held-records.ts`).
 *
 * What a subtask holds of one split goes to the one that reads on in it; all the rest of it stays together. So
 * of two elements that took one way into the chain, both have one subtask, and so has what follows there.
 */

/** Disk constants: do not change. */
export const HELD = 'in flight'
/** The same of an operator behind a key, where not all of a key is in one subtask. */
export const HELD_OF_KEYS = 'in flight of splits'

export interface HeldBy {
  /** Index of the subtask that held it. */
  readonly subtask: number
  /** Id of the split; null: none that was still being read. */
  readonly split: string | null
}

export const isHeld = (state: string): boolean => state === HELD || state === HELD_OF_KEYS

/** True where elements were written with what they are held by. */
export const areDealt = (values: readonly unknown[]): values is readonly HeldBy[] =>
  values.every((value) => Number.isSafeInteger((value as Partial<HeldBy> | null)?.subtask))

/** `readers`: by id, the subtask that reads a split. */
export function subtaskHolding(
  { subtask, split }: HeldBy,
  parallelism: number,
  readers: ReadonlyMap<string, number>,
): number {
  const reader = split === null ? undefined : readers.get(split)
  return reader ?? subtask % parallelism
}
