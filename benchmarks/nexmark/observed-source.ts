/**
 * A source that notes when its events are read, and hands them out no sooner than they are due where a
 * pace is set: event `seq` is due `seq / pace` seconds after the first read of its thread. What was due
 * and could not be taken keeps its due time, so a queue that grows is seen as latency.
 */

import type { ReadStatus, Source, SourceContext, SourceReader } from 'millrace/connectors'
import type { Cancel } from '../../lib/base/clock.js'
import { noteRead, nowMs } from './latency.js'
import type { NexmarkEvent } from './model.js'

export function observed(source: Source<NexmarkEvent>, pace: number | null): Source<NexmarkEvent> {
  return {
    ...source,
    settings: { ...source.settings, pace },
    open(split, position, context) {
      const reader = source.open(split, position, context)
      return pace === null ? new NotingReader(reader) : new PacedReader(reader, pace, context)
    },
  }
}

class NotingReader implements SourceReader<NexmarkEvent> {
  readonly #reader: SourceReader<NexmarkEvent>

  constructor(reader: SourceReader<NexmarkEvent>) {
    this.#reader = reader
  }

  read(out: NexmarkEvent[], max: number): ReadStatus {
    const before = out.length
    const status = this.#reader.read(out, max)
    if (out.length > before) noteRead(out[out.length - 1]!.dateTime, nowMs())
    return status
  }

  position() {
    return this.#reader.position()
  }

  close() {
    return this.#reader.close()
  }
}

/** When this thread began, less what had been due before: for all its readers. */
let zeroMs = Number.NaN

/** Its position runs one event at a time, so that none is read before it is due. */
class PacedReader implements SourceReader<NexmarkEvent> {
  readonly #reader: SourceReader<NexmarkEvent>
  readonly #pace: number
  readonly #context: SourceContext
  readonly #held: NexmarkEvent[] = []
  #status: ReadStatus = 'more'
  #position
  #cancel: Cancel = () => {}

  constructor(reader: SourceReader<NexmarkEvent>, pace: number, context: SourceContext) {
    this.#reader = reader
    this.#pace = pace
    this.#context = context
    this.#position = reader.position()
  }

  read(out: NexmarkEvent[], max: number): ReadStatus {
    this.#cancel()
    const now = nowMs()
    const full = out.length + max
    const before = out.length
    while (out.length < full) {
      if (this.#held.length === 0 && !this.#fetch()) return 'end'
      const event = this.#held[0]!
      if (Number.isNaN(zeroMs)) zeroMs = now - this.#dueMs(event)
      const dueMs = zeroMs + this.#dueMs(event)
      if (dueMs > now) return out.length > before ? 'more' : this.#wait(dueMs - now)
      this.#held.pop()
      this.#position = this.#reader.position()
      noteRead(event.dateTime, dueMs)
      out.push(event)
    }
    return 'more'
  }

  position() {
    return this.#position
  }

  close() {
    this.#cancel()
    return this.#reader.close()
  }

  /** False at the end. */
  #fetch(): boolean {
    while (this.#held.length === 0 && this.#status !== 'end') {
      this.#status = this.#reader.read(this.#held, 1)
    }
    return this.#held.length > 0
  }

  #dueMs({ seq }: NexmarkEvent): number {
    return (seq * 1000) / this.#pace
  }

  #wait(ms: number): ReadStatus {
    this.#cancel = this.#context.clock.after(ms, () => this.#context.wake())
    return 'waiting'
  }
}
