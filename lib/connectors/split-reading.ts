/**
 * Reads the splits assigned to one source subtask: one after another, or side by side.
 *
 * The owner polls `read` and hears of readiness through the context's `wake`. More splits are asked for
 * when the last one has been read, not before: what one subtask holds in advance another may lack.
 */
import type { Json } from '../base/json.js'
import type { Source, SourceContext, SourceReader, Split } from './source.js'

export interface SplitReadingOwner {
  /** Ask the assigner for more splits. Called again only after `add`. */
  onWantSplits(): void
}

/** What a reading leaves to the one that takes its place: everything it has not handed out. */
export interface SplitRemains {
  /** Splits begun or waiting, each with the position to go on behind; null: the beginning. */
  readonly splits: readonly { readonly split: Split; readonly position: Json }[]
  /** Splits were asked for, and the answer is still to come. */
  readonly asked: boolean
  readonly last: boolean
}

interface OpenSplit {
  readonly split: Split
  readonly reader: SourceReader<unknown>
  /** False after `'waiting'`, until the reader wakes. */
  ready: boolean
}

export class SplitReading {
  readonly #source: Source<unknown>
  readonly #context: SourceContext
  readonly #owner: SplitReadingOwner
  readonly #queued: { readonly split: Split; readonly position: Json }[] = []
  readonly #open: OpenSplit[] = []
  /** Index in `#open` of the split that is asked next: endless splits take turns. */
  #turn = 0
  #asked = false
  #last = false
  #current: OpenSplit | null = null
  #closed = false
  /** Records taken from a reader that then threw; nobody gets them. */
  dropped = 0

  constructor(source: Source<unknown>, context: SourceContext, owner: SplitReadingOwner) {
    this.#source = source
    this.#context = context
    this.#owner = owner
  }

  /** Splits from the assigner; `last`: no more will follow. */
  add(splits: readonly Split[], last: boolean): void {
    // They may have been on their way when it was told to stop: to be read by nobody.
    if (this.#closed) return
    this.#queued.push(...splits.map((split) => ({ split, position: null })))
    this.#last ||= last
    this.#asked = false
  }

  /** Asks for the first split. */
  start(): void {
    this.#ask()
  }

  get exhausted(): boolean {
    return this.#last && this.#queued.length === 0 && this.#open.length === 0
  }

  /** At most `max` records that are ready now; empty when there are none. */
  read(max: number): unknown[] {
    const records: unknown[] = []
    this.#openQueued()
    for (let tries = this.#open.length; tries > 0 && records.length === 0; tries--) {
      const at = this.#turn % this.#open.length
      const entry = this.#open[at]!
      this.#turn = at + 1
      if (!entry.ready) continue
      this.#current = entry
      const status = this.#readFrom(entry, records, max)
      if (status === 'waiting') entry.ready = false
      else if (status === 'end') {
        this.#open.splice(at, 1)
        this.#turn = at
        this.#release(entry.reader)
        this.#openQueued()
        // The one just opened deserves its chance in this very call.
        if (this.#open.length > 0) tries++
      }
    }
    return records
  }

  #readFrom({ reader }: OpenSplit, records: unknown[], max: number) {
    try {
      return reader.read(records, max)
    } catch (error) {
      this.dropped += records.length
      throw error
    }
  }

  /** True when `read` is worth calling. */
  get ready(): boolean {
    return this.#queued.length > 0 || this.#open.some((entry) => entry.ready)
  }

  /** Position after the batch read last, with the split's id: for dead letters and logs. */
  describePosition(): string | null {
    const entry = this.#current
    return entry === null ? null : `${entry.split.id}@${JSON.stringify(entry.reader.position())}`
  }

  /** Positions of all open splits: opening each there gives what has not been read. */
  positions(): ReadonlyMap<string, Json> {
    return new Map(this.#open.map(({ split, reader }) => [split.id, reader.position()]))
  }

  /**
   * For a successor: where each split stands. One of a source that cannot replay has no position to
   * go on at; it is opened as at the beginning.
   */
  remains(): SplitRemains {
    const open = this.#open.map(({ split, reader }) => ({
      split,
      position: this.#source.replays ? reader.position() : null,
    }))
    return { splits: [...open, ...this.#queued], asked: this.#asked, last: this.#last }
  }

  /** Goes on where a predecessor left off. Before `start`. */
  resume({ splits, asked, last }: SplitRemains): void {
    this.#queued.push(...splits)
    this.#asked = asked
    this.#last = last
  }

  /** Reads no more: as if every split had ended. */
  stop(): void {
    this.close()
    this.#queued.length = 0
    this.#last = true
    this.#asked = true
  }

  close(): void {
    this.#closed = true
    for (const { reader } of this.#open) this.#release(reader)
    this.#open.length = 0
  }

  /** What cannot be closed is a failure while more is read; after the end nobody can act on it. */
  #release(reader: SourceReader<unknown>): void {
    const report = (error: unknown): void => {
      if (!this.#closed)
        this.#context.fail(error instanceof Error ? error : new Error(String(error)))
    }
    try {
      Promise.resolve(reader.close()).catch(report)
    } catch (error) {
      report(error)
    }
  }

  #openQueued(): void {
    while (this.#queued.length > 0 && (this.#source.concurrentSplits || this.#open.length === 0)) {
      const { split, position } = this.#queued.shift()!
      const entry: OpenSplit = {
        split,
        ready: true,
        reader: this.#source.open(split, position, {
          ...this.#context,
          wake: () => {
            entry.ready = true
            this.#context.wake()
          },
        }),
      }
      this.#open.push(entry)
    }
    if (this.#open.length === 0) this.#ask()
  }

  #ask(): void {
    if (this.#asked || this.#last) return
    this.#asked = true
    this.#owner.onWantSplits()
  }
}
