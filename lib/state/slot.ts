/** What the cache holds of a table of rows: one entry at a time. */
import type { CanonicalKey } from '../base/key.js'

/** A slot with its places in the table, the ring and the queue. */
export const SLOT_BYTES = 200

/** The table of a slot, as the cache needs it. */
export interface SlotTable<V> {
  keyOf(slot: Slot<V>): string
  /** Null where there is nothing to be kept. */
  rowOf(slot: Slot<V>): string | null
  /** Throws a clean slot out; false where it must not leave memory. */
  drop(slot: Slot<V>): boolean
}

/** An entry in the cache; also one that is known not to be there. */
export class Slot<V> {
  readonly table: SlotTable<V>
  readonly canonical: CanonicalKey
  /** Where it is not its own canonical form. */
  key: unknown
  value: V | undefined
  /** −1: there is no such entry. */
  place: number
  bytes: number
  /** When it was used last, and what that was when the hand last came by. */
  stamp = 0
  seen = 0
  /** When it came into the queue of those to be written. */
  queued = 0
  isDirty = false
  isWriting = false
  isGone = false

  constructor(
    table: SlotTable<V>,
    canonical: CanonicalKey,
    key: unknown,
    value: V | undefined,
    place: number,
    bytes: number,
  ) {
    this.table = table
    this.canonical = canonical
    this.key = key
    this.value = value
    this.place = place
    this.bytes = bytes
  }
}
