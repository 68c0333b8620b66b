/**
 * Reads the splits assigned to one source subtask: one after another, or side by side.
 *
 * The owner polls `read` and hears of readiness through the context's `wake`. More splits are asked for
 * when the last one has been read, not before: what one subtask holds in advance another may lack.
 */
import type { Cancel } from '../base/clock.js'
import type { Json } from '../base/json.js'
import { emptyList } from '../base/list.js'
import type { InputChange } from '../operators/signal.js'
import type { Source, SourceContext, SourceReader, Split } from './source.js'

export interface SplitReadingOwner {
  /** Ask the assigner for more splits. Called again only after `add`. */
  onWantSplits(): void
  /** An input has changed; said before any record that was read after the change. Default: nobody asks. */
  onInput?(input: number, state: InputChange['state']): void
}

/** The input that stands for splits still to come, where they are read one after another. */
export const SPLITS_TO_COME = -1

/** A look for idle splits that comes this late says nothing about them: the thread was busy. */
const LOOK_LATE_MS = 50

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
  /** Number of the split in this subtask. */
  readonly input: number
  /** False after `'waiting'`, until the reader wakes. */
  ready: boolean
  /** Since when it has had nothing, though it was asked; monotonic time. NaN while it is ready. */
  waitingSinceMs: number
  idle: boolean
  /** Not to be read for now. */
  held: boolean
}

export class SplitReading {
  readonly #source: Source<unknown>
  readonly #context: SourceContext
  readonly #owner: SplitReadingOwner
  readonly #queued: { readonly split: Split; readonly position: Json }[] = []
  readonly #open: OpenSplit[] = []
  /** What is said of inputs when there is next something to say. */
  #opened = 0
  #ended: OpenSplit | null = null
  #toCome: 'unsaid' | 'said' | 'over' = 'unsaid'
  readonly #idleMs: number
  #stopLooking: Cancel = () => {}
  /** When the next look for idle splits is due; NaN while none is. */
  #lookDueMs = Number.NaN
  /** Index in `#open` of the split that is asked next: endless splits take turns. */
  #turn = 0
  #asked = false
  #last = false
  #current: OpenSplit | null = null
  #closed = false
  /** Records taken from a reader that then threw; nobody gets them. */
  dropped = 0
  /** The split read last has more that is ready. */
  hasMore = false

  /** `idleMs`: a split of an endless source that has had nothing for so long is idle; 0: never. */
  constructor(
    source: Source<unknown>,
    context: SourceContext,
    owner: SplitReadingOwner,
    idleMs = 0,
  ) {
    this.#source = source
    this.#context = context
    this.#owner = owner
    this.#idleMs = source.bounded ? 0 : idleMs
    // Splits that follow may hold older records than those of the first.
    if (!source.concurrentSplits && source.bounded) this.#sayToCome()
  }

  /** Splits from the assigner; `last`: no more will follow. */
  add(splits: readonly Split[], last: boolean): void {
    // They may have been on their way when it was told to stop: to be read by nobody.
    if (this.#closed) return
    this.#queued.push(...splits.map((split) => ({ split, position: null })))
    this.#last ||= last
    this.#asked = false
  }

  /** Asks for the first split, unless a predecessor has left some. */
  start(): void {
    if (this.#queued.length === 0 || this.#source.concurrentSplits) this.#ask()
  }

  get exhausted(): boolean {
    return this.#last && this.#queued.length === 0 && this.#open.length === 0
  }

  /** Number of the split that the records read last came from. */
  get input(): number {
    return this.#current?.input ?? 0
  }

  /** Id of the split with that number, as long as it is being read. */
  splitOf(input: number): string | null {
    return this.#open.find((open) => open.input === input)?.split.id ?? null
  }

  /** Holds a split back, or lets it be read again. */
  hold(input: number, held: boolean): void {
    const entry = this.#open.find((open) => open.input === input)
    if (entry === undefined || entry.held === held) return
    entry.held = held
    if (held) return
    if (!entry.ready) entry.waitingSinceMs = this.#context.clock.now()
    this.#context.wake()
  }

  /** At most `max` records that are ready now; empty when there are none. */
  read(max: number): unknown[] {
    const records = emptyList<unknown>()
    this.#sayEnded()
    this.#openQueued()
    for (let tries = this.#open.length; tries > 0 && records.length === 0; tries--) {
      const at = this.#turn % this.#open.length
      const entry = this.#open[at]!
      this.#turn = at + 1
      if (!entry.ready || entry.held) continue
      this.#current = entry
      const status = this.#readFrom(entry, records, max)
      this.hasMore = status === 'more'
      if (status === 'waiting') {
        entry.ready = false
        entry.waitingSinceMs = this.#context.clock.now()
      } else if (entry.idle) this.#wake(entry)
      if (status === 'end') {
        this.#open.splice(at, 1)
        this.#turn = at
        this.#release(entry.reader)
        this.#ended = entry
        if (records.length > 0) break
        this.#sayEnded()
        this.#openQueued()
        // The one just opened deserves its chance in this very call.
        if (this.#open.length > 0) tries++
      }
    }
    if (records.length === 0 && this.#idleMs > 0) this.#lookForIdle()
    return records
  }

  #say(input: number, state: InputChange['state']): void {
    this.#owner.onInput?.(input, state)
  }

  #sayToCome(): void {
    this.#toCome = 'said'
    this.#say(SPLITS_TO_COME, 'active')
  }

  /** Said only after the records that came with the end have gone ahead. */
  #sayEnded(): void {
    if (this.#ended === null) return
    this.#say(this.#ended.input, 'ended')
    this.#ended = null
  }

  #wake(entry: OpenSplit): void {
    entry.idle = false
    this.#say(entry.input, 'active')
  }

  /**
   * Says which splits have been waiting for `idleMs`, and sees that it is called when the next may
   * have. A look that comes late proves nothing: while the subtask was held up, or its thread busy,
   * nobody asked. Then the wait begins anew.
   */
  #lookForIdle(): void {
    const nowMs = this.#context.clock.now()
    const isLate = nowMs > this.#lookDueMs + LOOK_LATE_MS
    let nextMs = Number.POSITIVE_INFINITY
    for (const entry of this.#open) {
      if (entry.ready || entry.idle || entry.held) continue
      if (isLate) entry.waitingSinceMs = nowMs
      const dueMs = entry.waitingSinceMs + this.#idleMs
      if (dueMs <= nowMs) {
        entry.idle = true
        this.#say(entry.input, 'idle')
      } else nextMs = Math.min(nextMs, dueMs)
    }
    this.#stopLooking()
    this.#lookDueMs = Number.NaN
    if (nextMs === Number.POSITIVE_INFINITY) return
    this.#lookDueMs = nextMs
    this.#stopLooking = this.#context.clock.after(nextMs - nowMs, () => this.#context.wake())
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
    return (
      (this.#queued.length > 0 && (this.#source.concurrentSplits || this.#open.length === 0)) ||
      this.#open.some((entry) => entry.ready && !entry.held) ||
      this.#context.clock.now() >= this.#lookDueMs
    )
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
    this.#stopLooking()
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
        input: this.#opened++,
        ready: true,
        waitingSinceMs: Number.NaN,
        idle: false,
        held: false,
        reader: this.#source.open(split, position, {
          ...this.#context,
          wake: () => {
            entry.ready = true
            this.#context.wake()
          },
        }),
      }
      this.#open.push(entry)
      this.#say(entry.input, 'active')
    }
    if (this.#toCome === 'said' && this.#last && this.#queued.length === 0) {
      this.#toCome = 'over'
      this.#say(SPLITS_TO_COME, 'ended')
    }
    if (this.#open.length === 0) this.#ask()
  }

  #ask(): void {
    if (this.#asked || this.#last) return
    this.#asked = true
    this.#owner.onWantSplits()
  }
}
