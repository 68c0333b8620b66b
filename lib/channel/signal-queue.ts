/**
 * What waits on one side of a channel, in order.
 *
 * Data is bounded by credits. Signals need none, so they coalesce: behind one batch at most one
 * watermark (the latest), one idleness (the latest) per barrier is kept. So the queue holds at most
 * 3 × (data + barriers + 1) entries, whatever the sender says and however slow the receiver is.
 */
import { BATCH, IDLE, type Marker, WATERMARK } from '../operators/signal.js'

/** What stands for a batch: the batch itself, or the frame it is still encoded in. */
export interface Data {
  readonly tag: typeof BATCH
}

const SLOTS_FIRST = 8

export class SignalQueue<D extends Data> {
  #slots: (D | Marker | undefined)[] = new Array(SLOTS_FIRST)
  #head = 0
  #length = 0
  #data = 0

  /** Entries of any kind. */
  get length(): number {
    return this.#length
  }

  /** Entries that are data. */
  get data(): number {
    return this.#data
  }

  push(entry: D | Marker): void {
    if (entry.tag === BATCH) this.#data += 1
    else if (this.#coalesce(entry)) return
    if (this.#length === this.#slots.length) this.#grow()
    this.#slots[this.#at(this.#length)] = entry
    this.#length += 1
  }

  /** The oldest entry, left where it is. */
  peek(): D | Marker | undefined {
    return this.#slots[this.#head]
  }

  shift(): D | Marker | undefined {
    const entry = this.#slots[this.#head]
    if (entry === undefined) return undefined
    this.#slots[this.#head] = undefined
    this.#head = this.#at(1)
    this.#length -= 1
    if (entry.tag === BATCH) this.#data -= 1
    return entry
  }

  /** Every entry, oldest first. */
  forEach(visit: (entry: D | Marker) => void): void {
    for (let offset = 0; offset < this.#length; offset++) visit(this.#slots[this.#at(offset)]!)
  }

  /** Drops everything that `keep` does not want. */
  retain(keep: (entry: D | Marker) => boolean): void {
    for (let left = this.#length; left > 0; left--) {
      const entry = this.shift()!
      if (keep(entry)) this.push(entry)
    }
  }

  /** Replaces a marker of the same tag that no data or barrier has followed. */
  #coalesce(marker: Marker): boolean {
    if (marker.tag !== WATERMARK && marker.tag !== IDLE) return false
    for (let offset = this.#length - 1; offset >= 0; offset--) {
      const slot = this.#at(offset)
      const waiting = this.#slots[slot]!
      if (waiting.tag === marker.tag) {
        if (!isOlder(marker, waiting)) this.#slots[slot] = marker
        return true
      }
      if (waiting.tag !== WATERMARK && waiting.tag !== IDLE) return false
    }
    return false
  }

  #at(offset: number): number {
    return (this.#head + offset) & (this.#slots.length - 1)
  }

  /** Twice the room, so that positions stay a power of two. */
  #grow(): void {
    const { length } = this.#slots
    const slots = new Array(length * 2)
    for (let offset = 0; offset < length; offset++) slots[offset] = this.#slots[this.#at(offset)]
    this.#slots = slots
    this.#head = 0
  }
}

const isOlder = (marker: Marker, waiting: Data | Marker): boolean =>
  marker.tag === WATERMARK && waiting.tag === WATERMARK && marker.timeMs < waiting.timeMs
