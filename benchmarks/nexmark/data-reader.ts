/** Reads a data file block by block; a query's source and a baseline's loop read by it alike. */
import { closeSync, openSync, readSync } from 'node:fs'
import { type DataHeader, INDEX_COLUMNS, readHeader } from './data-file.js'
import { decodeSection } from './data-section.js'
import { EVENT_KINDS, type EventKind, type NexmarkEvent } from './model.js'

export class DataReader {
  readonly header: DataHeader
  readonly #handle: number
  readonly #index: Float64Array
  readonly #reads: readonly boolean[]
  /** Of one kind there is no order to restore. */
  readonly #only: number
  readonly #last: number
  #buffer = new ArrayBuffer(0)
  #closed = false

  constructor(file: string, reads: readonly EventKind[]) {
    this.header = readHeader(file)
    this.#handle = openSync(file, 'r')
    this.#reads = EVENT_KINDS.map((kind) => reads.includes(kind))
    this.#only = reads.length === 1 ? EVENT_KINDS.indexOf(reads[0]!) : -1
    this.#last = this.#reads.lastIndexOf(true)
    const { blocks, indexOffset } = this.header
    this.#index = new Float64Array(blocks * INDEX_COLUMNS)
    readSync(this.#handle, this.#index, 0, this.#index.byteLength, indexOffset)
  }

  get blocks(): number {
    return this.header.blocks
  }

  /** How many events a block has, of all kinds. */
  eventsOf(number: number): number {
    return this.#index[number * INDEX_COLUMNS + 1]!
  }

  /** The events of a block, of the kinds that are read, in order, behind those of `out`; new objects. */
  block(number: number, out: NexmarkEvent[] = []): NexmarkEvent[] {
    const row = number * INDEX_COLUMNS
    const offset = this.#index[row]!
    const events = this.#index[row + 1]!
    const sectionsAt = (events + 7) & ~7
    if (this.#only >= 0) {
      let at = offset + sectionsAt
      for (let kind = 0; kind < this.#only; kind++) at += this.#index[row + 2 + kind]!
      const buffer = this.#read(at, this.#index[row + 2 + this.#only]!)
      decodeSection(EVENT_KINDS[this.#only]!, buffer, 0, out)
      return out
    }
    // Sections behind the last that is read, the bids mostly, are left where they are.
    let bytes = sectionsAt
    for (let kind = 0; kind <= this.#last; kind++) bytes += this.#index[row + 2 + kind]!
    const buffer = this.#read(offset, bytes)
    const sections = EVENT_KINDS.map(() => [] as NexmarkEvent[])
    let at = sectionsAt
    for (let kind = 0; kind <= this.#last; kind++) {
      if (this.#reads[kind]) decodeSection(EVENT_KINDS[kind]!, buffer, at, sections[kind]!)
      at += this.#index[row + 2 + kind]!
    }
    return interleave(new Uint8Array(buffer, 0, events), sections, this.#reads, out)
  }

  /** At once, and any number of times. */
  close(): void {
    if (!this.#closed) closeSync(this.#handle)
    this.#closed = true
  }

  #read(offset: number, bytes: number): ArrayBuffer {
    if (this.#buffer.byteLength < bytes) this.#buffer = new ArrayBuffer(2 * bytes)
    readSync(this.#handle, new Uint8Array(this.#buffer), 0, bytes, offset)
    return this.#buffer
  }
}

function interleave(
  kinds: Uint8Array,
  sections: readonly (readonly NexmarkEvent[])[],
  reads: readonly boolean[],
  out: NexmarkEvent[],
): NexmarkEvent[] {
  const next = [0, 0, 0]
  for (let i = 0; i < kinds.length; i++) {
    const kind = kinds[i]!
    if (reads[kind]) out.push(sections[kind]![next[kind]!++]!)
  }
  return out
}
