/** A generated data set as a source: one split per file, read side by side. */
import { join } from 'node:path'
import type { ReadStatus, Source, SourceReader } from 'millrace/connectors'
import type { Json } from '../../lib/base/json.js'
import { dataFileName, readDirectory } from './data-file.js'
import { DataReader } from './data-reader.js'
import type { EventKind, NexmarkEvent } from './model.js'

export function replayed(directory: string, reads: readonly EventKind[]): Source<NexmarkEvent> {
  return {
    kind: 'nexmarkData',
    label: 'nexmarkData',
    bounded: true,
    replays: true,
    pauses: true,
    parallelism: null,
    concurrentSplits: true,
    settings: { directory, reads: [...reads] },
    functions: [],
    splits: async () =>
      readDirectory(directory).map(({ partition, partitions }) => ({
        id: `${partition}/${partitions}`,
        data: { file: join(directory, dataFileName(partition, partitions)) },
      })),
    open: ({ data }, position) =>
      new ReplayReader(new DataReader(data.file as string, reads), position),
  }
}

/** Position: the block, and how many of its events have been handed out. */
class ReplayReader implements SourceReader<NexmarkEvent> {
  readonly #data: DataReader
  #block: number
  #next: number
  #events: readonly NexmarkEvent[] | null = null
  #closed = false

  constructor(data: DataReader, position: Json) {
    const [block, next] = (position ?? [0, 0]) as [number, number]
    this.#data = data
    this.#block = block
    this.#next = next
  }

  /**
   * Blocks until `max` is half full: of some kinds of events a block has few, and what a batch costs by
   * itself would be shared by few. The rest of a block that has no room is kept for the next call.
   */
  read(out: NexmarkEvent[], max: number): ReadStatus {
    const full = out.length + max
    const enough = out.length + (max >> 1)
    do {
      if (this.#closed || this.#block >= this.#data.blocks) return 'end'
      this.#readBlock(out, full - out.length)
    } while (out.length < enough)
    return this.#block < this.#data.blocks ? 'more' : 'end'
  }

  #readBlock(out: NexmarkEvent[], max: number): void {
    if (this.#next === 0 && this.#data.eventsOf(this.#block) <= max) {
      this.#data.block(this.#block++, out)
      return
    }
    const events = this.#events ?? this.#data.block(this.#block)
    const end = Math.min(events.length, this.#next + max)
    for (let i = this.#next; i < end; i++) out.push(events[i]!)
    this.#next = end
    this.#events = events
    if (end === events.length) {
      this.#events = null
      this.#next = 0
      this.#block++
    }
  }

  position(): Json {
    return [this.#block, this.#next]
  }

  close(): void {
    this.#closed = true
    this.#events = null
    this.#data.close()
  }
}
