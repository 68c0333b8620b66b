/**
 * The cache between state and its rows: one per thread, for all states there, with one budget.
 *
 * - What is read comes in; what is changed is dirty, and is written behind, many rows at a time. What is
 *   clean may be thrown out: who was not used since the hand last came by goes first (SIEVE; Zhang et al.,
 *   2024).
 * - What is used again and again is changed again and again, so it is written last.
 * - The budget counts what rows are estimated to take in memory, decoded: twice their length, and what a
 *   slot takes itself. It is exceeded by a tenth where writing does not keep up; then the thread waits for
 *   the disk. It is exceeded further only by what cannot be thrown out: values in use, which a snapshot
 *   under way still has to read, or which is one value larger than all.
 * - A value may be changed in place right after its slot was asked for. So nothing that was used in the
 *   last few accesses is written or thrown out.
 */
import type { RowChange, RowCodec, RowStore, RowWrite } from './row-store.js'
import { SLOT_BYTES, type Slot } from './slot.js'

/** Accesses during which a slot is left alone; what changes a value in place needs less than ten. */
const RECENT = 32
/** Slots that the hand visits at one access. */
const VISITS = 64
/** One batch of rows: written while the thread goes on. */
const BATCH_ROWS = 1_000
const BATCH_BYTES = 1 << 20
/** Slots that are passed over in one batch, because they have been used since they became dirty. */
const SPARED_MAX = 3_000
/** This part of the budget may be dirty before writing begins. */
const DIRTY_PART = 1 / 2
/** So much, and the thread waits for the disk: what is clean has to have a place too. */
const DIRTY_PART_MAX = 3 / 4
/** Dirty slots that the hand has met unused, as a part of all: they are in the way of what is used. */
const COLD_PART = 1 / 8
/** Of the budget, what may be read ahead at once; and for fewer rows it is not worth waiting. */
const AHEAD_PART = 1 / 16
const AHEAD_MIN = 32
const HARD_FACTOR = 1.1

export interface RowCacheOptions {
  readonly rows: RowStore
  readonly codec: RowCodec
  readonly budgetBytes: number
  /** For tests: accesses during which a slot is left alone. */
  readonly recent?: number
  /** For tests: what may be read ahead at once. Default: a part of the budget. */
  readonly aheadBytes?: number
  /** For tests: fewer rows are not read ahead. */
  readonly aheadMin?: number
  /** Told when rows could not be written: whatever uses the cache throws the same from then on. */
  readonly fail?: (error: unknown) => void
}

export interface RowCacheCounts {
  /** Accesses, and those of them that had to read a row. */
  readonly accesses: number
  readonly reads: number
  readonly writes: number
  /** Times that the thread waited for the disk. */
  readonly waits: number
  readonly bytes: number
}

interface Batch {
  readonly slots: readonly AnySlot[]
  readonly write: RowWrite
}

// biome-ignore lint/suspicious/noExplicitAny: a cache holds slots of all types
type AnySlot = Slot<any>
type LooseRows = Map<string, string | null>

export class RowCache {
  readonly codec: RowCodec
  readonly budgetBytes: number
  readonly aheadBytes: number
  readonly aheadMin: number
  /** Counts accesses; what was used last has the highest number. */
  clock = 0
  readonly #rows: RowStore
  readonly #recent: number
  readonly #fail: (error: unknown) => void
  #bytes = 0
  #dirtyBytes = 0
  #ring: AnySlot[] = []
  #hand = 0
  /** Dirty slots that could be thrown out if they were clean, as the hand met them since the last batch. */
  #cold = 0
  /** Dirty slots, in the order in which they became so, from `#queueAt` on. */
  #queue: AnySlot[] = []
  #queueAt = 0
  /** Rows that belong to no slot: to be written next, and being written. */
  #loose: LooseRows = new Map()
  #looseWriting: LooseRows = new Map()
  #forgotten: string[] = []
  #writing: Batch | null = null
  #failure: { readonly error: unknown } | null = null
  /** Nothing could be thrown out when so much was held: not tried again before there is more. */
  #stuckBytes = 0
  #ids = 0
  #reads = 0
  #writes = 0
  #waits = 0

  constructor(options: RowCacheOptions) {
    const { rows, codec, budgetBytes, recent = RECENT, fail = () => {} } = options
    this.aheadBytes = options.aheadBytes ?? budgetBytes * AHEAD_PART
    this.aheadMin = options.aheadMin ?? AHEAD_MIN
    this.#recent = recent
    this.#rows = rows
    this.codec = codec
    this.budgetBytes = budgetBytes
    this.#fail = fail
  }

  get counts(): RowCacheCounts {
    return {
      accesses: this.clock,
      reads: this.#reads,
      writes: this.#writes,
      waits: this.#waits,
      bytes: this.#bytes,
    }
  }

  /** Begins the keys of one table's rows; given once. */
  newId(): string {
    return (this.#ids++).toString(36)
  }

  read(key: string): string | undefined {
    if (this.#failure !== null) throw this.#failure.error
    this.#reads++
    const loose = this.#loose.get(key) ?? this.#looseWriting.get(key)
    if (loose !== undefined) return loose ?? undefined
    return this.#rows.get(key)
  }

  /** Reads beside this thread rows that belong to slots, none of which is in the cache. */
  async readMany(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    if (this.#failure !== null) throw this.#failure.error
    this.#reads += keys.length
    return this.#rows.getMany(keys)
  }

  /** Takes a slot in, that is in no ring yet. */
  admit(slot: AnySlot): void {
    this.#bytes += slot.bytes
    this.#ring.push(slot)
    if (this.#bytes > this.budgetBytes) this.#makeRoom()
  }

  /** The slot's row is not what the slot has any more. */
  dirty(slot: AnySlot): void {
    if (slot.isDirty) return
    slot.isDirty = true
    this.#dirtyBytes += slot.bytes
    slot.queued = slot.stamp
    this.#queue.push(slot)
    const part = this.#dirtyBytes / this.budgetBytes
    if (part < DIRTY_PART && this.#loose.size < BATCH_ROWS) return
    if (this.#writing !== null && part > DIRTY_PART_MAX) {
      this.#waits++
      this.#wait()
    }
    if (this.#writing === null) this.#flush()
  }

  /** A row of no slot; null: it is to be gone. */
  put(key: string, row: string | null): void {
    this.#loose.set(key, row)
  }

  /** The table is gone: so are its rows, and its slots at the hand's next visit. */
  forget(prefixes: readonly string[], slots: Iterable<AnySlot>): void {
    for (const slot of slots) {
      slot.isGone = true
      if (slot.isDirty) this.#dirtyBytes -= slot.bytes
      slot.isDirty = false
    }
    for (const prefix of prefixes) {
      for (const key of this.#loose.keys()) if (key.startsWith(prefix)) this.#loose.delete(key)
      this.#forgotten.push(prefix)
    }
    if (this.#writing === null) this.#forgetRows()
  }

  /** Writes what is dirty and waits for it, but for what was used last. */
  flush(): void {
    do this.#wait()
    while (this.#flush())
  }

  #makeRoom(): void {
    this.#throwOut(VISITS)
    if (this.#cold > this.#ring.length * COLD_PART && this.#writing === null) this.#flush()
    if (this.#bytes <= this.budgetBytes) return
    if (this.#writing === null) this.#flush()
    const hardBytes = Math.max(this.budgetBytes * HARD_FACTOR, this.#stuckBytes)
    if (this.#bytes > hardBytes) this.#makeRoomNow()
  }

  /** Waits for the disk, however long that takes. */
  #makeRoomNow(): void {
    this.#waits++
    do {
      this.#wait()
      this.#throwOut(2 * this.#ring.length)
    } while (this.#bytes > this.budgetBytes && this.#flush())
    this.#stuckBytes = this.#bytes > this.budgetBytes ? this.#bytes * HARD_FACTOR : 0
  }

  #throwOut(visits: number): void {
    const ring = this.#ring
    for (let i = 0; i < visits && this.#bytes > this.budgetBytes; i++) {
      if (ring.length === 0) return
      if (this.#hand >= ring.length) this.#hand = 0
      const slot = ring[this.#hand]!
      if (this.#mayGo(slot)) {
        this.#bytes -= slot.bytes
        // What is moved here came last, so its turn comes last.
        ring[this.#hand] = ring[ring.length - 1]!
        ring.pop()
      }
      this.#hand++
    }
  }

  #mayGo(slot: AnySlot): boolean {
    if (slot.isGone) return true
    if (slot.isWriting || this.clock - slot.stamp < this.#recent) return false
    if (slot.stamp !== slot.seen) {
      slot.seen = slot.stamp
      return false
    }
    if (slot.isDirty) {
      this.#cold++
      return false
    }
    return slot.table.drop(slot)
  }

  /** Begins to write; false where there is nothing to be written. */
  #flush(): boolean {
    if (this.#failure !== null) throw this.#failure.error
    this.#cold = 0
    const byTable = new Map<unknown, RowChange[]>()
    const slots = this.#takeDirty(byTable)
    const changes = [...byTable.values()].flat()
    const loose = this.#loose
    if (changes.length === 0 && loose.size === 0) return false
    for (const change of loose) changes.push(change)
    this.#loose = new Map()
    this.#looseWriting = loose
    this.#writes += changes.length
    const batch: Batch = { slots, write: this.#rows.write(changes) }
    this.#writing = batch
    batch.write.landed.then(
      () => this.#landed(batch),
      (error: unknown) => this.#failed(error),
    )
    return true
  }

  /** Their rows go to `byTable`: those of one lie side by side, and are put faster one behind the other. */
  #takeDirty(byTable: Map<unknown, RowChange[]>): readonly AnySlot[] {
    const slots: AnySlot[] = []
    const queue = this.#queue
    let bytes = 0
    let spared = 0
    const end = queue.length
    while (this.#queueAt < end && slots.length < BATCH_ROWS && bytes < BATCH_BYTES) {
      const slot = queue[this.#queueAt++]!
      if (!slot.isDirty) continue
      const isWarm = slot.stamp !== slot.queued && spared < SPARED_MAX
      if (isWarm || this.clock - slot.stamp < this.#recent) {
        spared++
        slot.queued = slot.stamp
        queue.push(slot)
        continue
      }
      const row = slot.table.rowOf(slot)
      bytes += row?.length ?? 0
      const change: RowChange = [slot.table.keyOf(slot), row]
      const rows = byTable.get(slot.table)
      if (rows === undefined) byTable.set(slot.table, [change])
      else rows.push(change)
      this.#clean(slot, row)
      slots.push(slot)
    }
    if (this.#queueAt * 2 > queue.length) {
      queue.splice(0, this.#queueAt)
      this.#queueAt = 0
    }
    return slots
  }

  #clean(slot: AnySlot, row: string | null): void {
    this.#dirtyBytes -= slot.bytes
    slot.isDirty = false
    slot.isWriting = true
    const bytes = SLOT_BYTES + 2 * (row?.length ?? 0)
    this.#bytes += bytes - slot.bytes
    slot.bytes = bytes
  }

  #wait(): void {
    const batch = this.#writing
    if (this.#failure !== null) throw this.#failure.error
    if (batch === null) return
    try {
      batch.write.wait()
    } catch (error) {
      this.#failed(error)
      throw error
    }
    this.#landed(batch)
  }

  #landed(batch: Batch): void {
    if (this.#writing !== batch) return
    this.#writing = null
    this.#looseWriting = new Map()
    for (const slot of batch.slots) slot.isWriting = false
    this.#forgetRows()
  }

  #forgetRows(): void {
    for (const prefix of this.#forgotten) this.#rows.forget(prefix)
    this.#forgotten = []
  }

  #failed(error: unknown): void {
    if (this.#failure !== null) return
    this.#failure = { error }
    this.#fail(error)
  }
}
