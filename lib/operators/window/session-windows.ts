/**
 * Sessions that speak once, when event time has come to their end: without triggers, evictors and allowed
 * lateness, for which `paned-windows.ts` has panes and timers. The meaning is the same.
 *
 * What a key has lies in the state `sessions`; which keys are due is derived: each has a place in a queue,
 * at or before the end of its first session. A session that grows does not move it: it is put back when it
 * comes up too early. A session that comes to lie before all others of its key gets a place of its own, and
 * the one behind counts again after it.
 */
import { flatKey } from '../../base/key.js'
import { roomForOne } from '../../base/list.js'
import type { ValueState } from '../../state/state.js'
import { type Due, DueQueue } from '../../time/due-queue.js'
import { touching } from '../../window/sessions.js'
import { checkSpan, type WindowSpan } from '../../window/span.js'
import type { PaneFold } from './pane-fold.js'
import type { WindowOutput } from './window-output.js'
import { HELD, LATE, type Windows } from './windows.js'

interface Session {
  start: number
  end: number
  value: unknown
}

/** One key's sessions, which are apart, and in order of time. */
export interface KeySessions {
  /** Where its place in the queue is: never behind the last instant of the first session. */
  dueMs: number
  readonly sessions: Session[]
}

/** What the key has, to be changed apart from the original. */
export const copyKeySessions = (
  { dueMs, sessions }: KeySessions,
  copy: (content: unknown) => unknown,
): KeySessions => ({
  dueMs,
  sessions: sessions.map(({ start, end, value }) => ({ start, end, value: copy(value) })),
})

export interface SessionOptions {
  readonly endOf: (input: unknown, timeMs: number) => number
  readonly fold: PaneFold
  /** Null: what the function sees is the content as it is. */
  readonly show: ((content: unknown, span: WindowSpan) => unknown) | null
  readonly state: ValueState<KeySessions>
  readonly groupOf: (key: unknown) => number
}

/** A key in the queue. It counts as long as the key is to be looked at then. */
interface Place extends Due {
  dueMs: number
  /** Where the key has another place that it came before; +∞: nowhere. */
  behindMs: number
  readonly group: number
  readonly key: unknown
  /** What the key has, as state gave it in that epoch; null where state lends nothing. */
  of: KeySessions | null
  epoch: number
}

const NO_SESSION: Session = { start: 0.5, end: 0.5, value: undefined }

export class SessionWindows implements Windows {
  readonly wakeMs = Infinity
  readonly fatal = null
  readonly #options: SessionOptions
  readonly #state: ValueState<KeySessions>
  readonly #due = new DueQueue<Place>()
  #watermarkMs = -Infinity

  constructor(options: SessionOptions) {
    this.#options = options
    this.#state = options.state
    for (const [key, { dueMs }] of this.#state.entries()) {
      const group = options.groupOf(key)
      this.#due.push({ dueMs, behindMs: Infinity, group, key, of: null, epoch: Number.NaN })
    }
  }

  add(input: unknown, timeMs: number, group: number, key: unknown): number {
    const { endOf, fold } = this.#options
    const end = endOf(input, timeMs)
    checkSpan(timeMs, end, timeMs)
    const of = this.#state.get(group, key)
    if (of === undefined) {
      if (end - 1 <= this.#watermarkMs) return LATE
      this.#open(timeMs, end, fold.first(input, timeMs), group, key)
      return HELD
    }
    const last = of.sessions[of.sessions.length - 1]!
    // Most records are in the newest session of their key.
    const isLast = timeMs >= last.start && timeMs <= last.end && last.end - 1 > this.#watermarkMs
    if (!isLast) return this.#addElsewhere(of, input, timeMs, end, group, key)
    last.value = fold.add(last.value, input, timeMs)
    if (end > last.end) last.end = end
    this.#keep(of, group, key)
    return HELD
  }

  advance(watermarkMs: number): void {
    if (watermarkMs > this.#watermarkMs) this.#watermarkMs = watermarkMs
  }

  tick(): void {}

  end(): void {
    this.#watermarkMs = Infinity
  }

  speak(output: WindowOutput): boolean {
    output.resume()
    while (!output.full) {
      const place = this.#due.takeDue(this.#watermarkMs)
      if (place === null) return true
      this.#look(place, output)
    }
    return false
  }

  expire(): void {}

  /** The first session of a key. */
  #open(start: number, end: number, value: unknown, group: number, key: unknown): void {
    const dueMs = end - 1
    const sessions = roomForOne(NO_SESSION)
    sessions.push({ start, end, value })
    const of = { dueMs, sessions }
    this.#state.set(group, key, of)
    this.#arm(of, Infinity, group, key)
  }

  /** Sessions that touch a record's own become one with it, and late is only what remains late. */
  #addElsewhere(
    of: KeySessions,
    input: unknown,
    timeMs: number,
    end: number,
    group: number,
    key: unknown,
  ): number {
    const { fold } = this.#options
    const { sessions } = of
    const { from, to } = touching(sessions, { start: timeMs, end })
    const newest = from === to ? end : Math.max(end, sessions[to - 1]!.end)
    if (newest - 1 <= this.#watermarkMs) return LATE
    if (from === to) {
      sessions.splice(from, 0, { start: timeMs, end, value: fold.first(input, timeMs) })
    } else {
      const first = sessions[from]!
      let { value } = first
      // Contents that grow in place are merged, so copied, before they grow.
      for (let i = from + 1; i < to; i++) value = fold.merge!(value, sessions[i]!.value)
      first.value = fold.add(value, input, timeMs)
      if (timeMs < first.start) first.start = timeMs
      first.end = newest
      if (to - from > 1) sessions.splice(from + 1, to - from - 1)
    }
    const dueMs = sessions[0]!.end - 1
    if (dueMs < of.dueMs) {
      const behindMs = of.dueMs
      of.dueMs = dueMs
      this.#arm(of, behindMs, group, key)
    }
    this.#keep(of, group, key)
    return HELD
  }

  #arm(of: KeySessions, behindMs: number, group: number, key: unknown): void {
    const { epoch } = this.#state
    const { dueMs } = of
    // Held longer than the batch, whose strings it must not keep alive.
    this.#due.push({ dueMs, behindMs, group, key: flatKey(key), of: lent(of, epoch), epoch })
  }

  /** A key's time may have come: then its first session speaks, and is dropped. */
  #look(place: Place, output: WindowOutput): void {
    const { group, key, dueMs } = place
    const { epoch } = this.#state
    const of = place.epoch === epoch ? place.of! : this.#state.get(group, key)
    // The key has been dropped, or has got an earlier place.
    if (of === undefined || of.dueMs !== dueMs) return
    const { sessions } = of
    const first = sessions[0]!
    const isOver = first.end - 1 === dueMs
    if (isOver) sessions.shift()
    if (sessions.length > 0) {
      of.dueMs = Math.min(sessions[0]!.end - 1, place.behindMs)
      if (of.dueMs < place.behindMs) {
        place.dueMs = of.dueMs
        place.of = lent(of, epoch)
        place.epoch = epoch
        this.#due.push(place)
      }
      this.#keep(of, group, key)
    } else {
      of.dueMs = Number.NaN
      this.#state.delete(group, key)
    }
    if (isOver) this.#give(first, group, key, output)
  }

  #give(session: Session, group: number, key: unknown, output: WindowOutput): void {
    const { show } = this.#options
    const { start, end, value } = session
    if (show === null) output.giveMade(group, key, start, end, value)
    else output.give(group, key, start, end, () => show(value, session))
  }

  /** After a change to what state has given: where it has epochs, it knows. */
  #keep(of: KeySessions, group: number, key: unknown): void {
    if (Number.isNaN(this.#state.epoch)) this.#state.set(group, key, of)
  }
}

/** What may be kept of what state gave in an epoch; NaN: it has none. */
const lent = (of: KeySessions, epoch: number): KeySessions | null =>
  Number.isNaN(epoch) ? null : of
