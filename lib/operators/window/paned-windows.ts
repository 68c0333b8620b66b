/**
 * Windows with a content of their own per key: for triggers, evictors, sessions that are by the clock or may
 * speak again, and aggregates that cannot merge. The meaning of each step is that of Flink's WindowOperator.
 *
 * What a key has lies in the state `windows`, or `records` where it keeps them, its timers in `event` and `clock`: one per key and kind of
 * time, at or before the first time that one of its windows waits for, so that a session which grows
 * with every record moves no timer.
 */
import type { StateStore, ValueState } from '../../state/state.js'
import type { Timers } from '../../time/timers.js'
import { joined, touching } from '../../window/sessions.js'
import { type Slicing, windowsAt } from '../../window/slicing.js'
import { checkSpan, type WindowSpan } from '../../window/span.js'
import type { Trigger, TriggerDecision } from '../../window/trigger.js'
import type { RecordErrors } from '../record-error.js'
import {
  copyKeyPanes,
  createKeyPanes,
  createPane,
  insertPane,
  isOf,
  type KeyPanes,
  type Pane,
  positionOf,
  seek,
  unwant,
} from './pane.js'
import type { PaneFold } from './pane-fold.js'
import { PaneTrigger } from './pane-trigger.js'
import type { WindowOutput } from './window-output.js'
import { HELD, LATE, OUTSIDE, SPEAKS, type Windows } from './windows.js'

/** Where windows come from: spans cut at fixed times, a gap behind each input, or one without end. */
export type PaneSource =
  | { readonly by: 'slices'; readonly slicing: Slicing }
  | { readonly by: 'gap'; readonly endOf: (input: unknown, timeMs: number) => number }
  | { readonly by: 'nothing' }

export interface PanedOptions {
  readonly source: PaneSource
  readonly fold: PaneFold
  readonly trigger: Trigger
  readonly latenessMs: number
  /** How windows end: by the watermark, by the clock, or never. */
  readonly endsBy: 'event' | 'clock' | 'nothing'
  readonly state: StateStore
  readonly errors: RecordErrors
  readonly nowMs: () => number
}

/** What is to be done with a pane, once there is room for its result. */
interface Step {
  readonly group: number
  readonly key: unknown
  readonly pane: Pane
  readonly fire: boolean
  readonly purge: boolean
  readonly drop: boolean
}

export class PanedWindows implements Windows {
  fatal: unknown = null
  readonly #options: PanedOptions
  readonly #state: ValueState<KeyPanes>
  readonly #event: Timers
  readonly #clock: Timers
  readonly #trigger: PaneTrigger
  #watermarkMs = -Infinity
  #nowMs = -Infinity
  /** Timers are taken only when time has come, never between records. */
  #advancing = false
  #ticking = false
  #last: IterableIterator<readonly [key: unknown, value: KeyPanes]> | null = null
  /** At most the windows of one record, or of one timer. */
  #steps: Step[] = []
  #step = 0
  #slice: WindowSpan = { start: 0, end: 0 }
  #sliceWindows: readonly WindowSpan[] = []
  /** Contents of the panes of one record; the first times that those need. */
  readonly #contents: unknown[] = []
  #needEventMs = Infinity
  #needClockMs = Infinity

  constructor(options: PanedOptions) {
    this.#options = options
    // Records and accumulators are never taken for each other: who finds the other's refuses it.
    this.#state = options.state.value(options.fold.keeps ? 'records' : 'windows', {
      mutable: true,
      copy: (of: KeyPanes) => copyKeyPanes(of, options.fold.copy),
    })
    this.#event = options.state.timers('event')
    this.#clock = options.state.timers('clock')
    this.#trigger = new PaneTrigger(options.trigger, options.nowMs)
  }

  get wakeMs(): number {
    return this.#clock.nextMs
  }

  add(input: unknown, timeMs: number, group: number, key: unknown): number {
    const of = this.#state.get(group, key) ?? createKeyPanes()
    if (this.#options.source.by === 'gap') return this.#addToSession(of, input, timeMs, group, key)
    const windows = this.#windowsOf(timeMs)
    let from = 0
    while (from < windows.length && this.#isLate(windows[from]!.end)) from++
    if (from === windows.length) return this.#refused(timeMs)
    const at = positionOf(of.panes, windows[from]!.end)
    this.#makeContents(of.panes, at, windows, from, input, timeMs)
    for (let i = from, place = at; i < windows.length; i++, place++) {
      place = seek(of.panes, place, windows[i]!)
      let pane = of.panes[place]
      if (pane === undefined || !isOf(pane, windows[i]!)) {
        pane = createPane(windows[i]!)
        of.panes.splice(place, 0, pane)
      }
      this.#fill(pane, this.#contents[i], input, timeMs, group, key)
    }
    return this.#filled(of, group, key)
  }

  /** All that may throw on a record comes before the first change. */
  #makeContents(
    panes: readonly Pane[],
    at: number,
    windows: readonly WindowSpan[],
    from: number,
    input: unknown,
    timeMs: number,
  ): void {
    const { fold } = this.#options
    for (let i = from, place = at; i < windows.length; i++) {
      place = seek(panes, place, windows[i]!)
      const pane = panes[place]
      const isThere = pane?.filled === true && isOf(pane, windows[i]!)
      this.#contents[i] = isThere ? fold.add(pane.value, input, timeMs) : fold.first(input, timeMs)
    }
  }

  advance(watermarkMs: number): void {
    if (watermarkMs <= this.#watermarkMs) return
    this.#watermarkMs = watermarkMs
    this.#trigger.watermarkMs = watermarkMs
    this.#advancing = true
  }

  tick(nowMs: number): void {
    this.#nowMs = nowMs
    this.#ticking = true
  }

  end(): void {
    // Where no time ends windows, a trigger might ask for the next time for ever.
    if (this.#options.endsBy === 'event') this.advance(Infinity)
    this.#last = this.#state.entries()
  }

  speak(output: WindowOutput): boolean {
    output.resume()
    while (!output.full) {
      if (this.#step < this.#steps.length) this.#carryOut(this.#steps[this.#step++]!, output)
      else if (this.#advancing)
        this.#advancing = this.#takeTimer(this.#event, this.#watermarkMs, true)
      else if (this.#ticking) this.#ticking = this.#takeTimer(this.#clock, this.#nowMs, false)
      else if (this.#last === null || !this.#takeLast(this.#last)) return true
    }
    return false
  }

  expire(): void {}

  #windowsOf(timeMs: number): readonly WindowSpan[] {
    const { source } = this.#options
    if (source.by !== 'slices') return ALWAYS
    if (timeMs >= this.#slice.start && timeMs < this.#slice.end) return this.#sliceWindows
    const slice = source.slicing.sliceAt(timeMs)
    const windows = windowsAt(source.slicing, slice.start)
    const [first, last] = [windows[0] ?? slice, windows.at(-1) ?? slice]
    checkSpan(first.start, last.end, timeMs)
    this.#slice = slice
    this.#sliceWindows = windows
    return windows
  }

  #isLate(end: number): boolean {
    const { endsBy, latenessMs } = this.#options
    return endsBy === 'event' && end - 1 + latenessMs <= this.#watermarkMs
  }

  #refused(timeMs: number): number {
    const { endsBy, latenessMs } = this.#options
    return endsBy === 'event' && timeMs + latenessMs <= this.#watermarkMs ? LATE : OUTSIDE
  }

  /** Windows that touch the record's own become one with it, and late is only what remains late. */
  #addToSession(of: KeyPanes, input: unknown, timeMs: number, group: number, key: unknown): number {
    const { source } = this.#options
    const { endOf } = source as { endOf: (input: unknown, timeMs: number) => number }
    const own = { start: timeMs, end: endOf(input, timeMs) }
    checkSpan(own.start, own.end, timeMs)
    const near = touching(of.panes, own)
    const span = joined(of.panes, own, near)
    if (this.#isLate(span.end)) return LATE
    // Most records are in the session before, and only lengthen it: that takes no list.
    const only = near.to - near.from === 1 ? of.panes[near.from]! : null
    const merged = only === null ? of.panes.slice(near.from, near.to) : null
    const content =
      merged === null ? this.#grown(only!, input, timeMs) : this.#sum(merged, input, timeMs)
    const pane =
      merged === null ? this.#lengthen(only!, span, key) : this.#merge(of, merged, span, key)
    this.#fill(pane, content, input, timeMs, group, key)
    return this.#filled(of, group, key)
  }

  #grown({ filled, value }: Pane, input: unknown, timeMs: number): unknown {
    const { fold } = this.#options
    return filled ? fold.add(value, input, timeMs) : fold.first(input, timeMs)
  }

  /** The content of several panes, and a record more. */
  #sum(merged: readonly Pane[], input: unknown, timeMs: number): unknown {
    const { fold } = this.#options
    const [first, ...rest] = merged.filter((pane) => pane.filled)
    if (first === undefined) return fold.first(input, timeMs)
    // Contents that grow in place are merged, so copied, before they grow.
    const before = rest.reduce((sum, pane) => fold.merge!(sum, pane.value), first.value)
    return fold.add(before, input, timeMs)
  }

  /** Of several panes the first goes on as the one that they become. */
  #merge(of: KeyPanes, merged: readonly Pane[], span: WindowSpan, key: unknown): Pane {
    const [first, ...others] = merged
    if (first === undefined) {
      const pane = createPane(span)
      insertPane(of.panes, pane)
      return pane
    }
    const states = merged.map(({ trigger }) => trigger)
    for (const other of others) {
      first.unshown ||= other.unshown
      of.panes.splice(of.panes.indexOf(other), 1)
    }
    return this.#become(first, span, states, key)
  }

  #lengthen(pane: Pane, span: WindowSpan, key: unknown): Pane {
    return isOf(pane, span) ? pane : this.#become(pane, span, [pane.trigger], key)
  }

  /** A pane with a new span, made of panes whose triggers had these states. */
  #become(first: Pane, span: WindowSpan, states: readonly unknown[], key: unknown): Pane {
    first.start = span.start
    first.end = span.end
    first.trigger = undefined
    forgetTimes(first.eventTimes)
    forgetTimes(first.clockTimes)
    try {
      this.#trigger.merge(first, states)
    } catch (error) {
      this.#fail(error, key)
    }
    return first
  }

  #fill(
    pane: Pane,
    content: unknown,
    input: unknown,
    timeMs: number,
    group: number,
    key: unknown,
  ): void {
    pane.filled = true
    pane.value = content
    pane.unshown = true
    let decision: TriggerDecision = 'continue'
    try {
      decision = this.#trigger.onRecord(pane, input, timeMs)
    } catch (error) {
      this.#fail(error, key)
    }
    if (decision !== 'continue') this.#plan(decision, pane, group, key, false)
    this.#needEventMs = Math.min(this.#needEventMs, this.#nextEventMs(pane))
    this.#needClockMs = Math.min(this.#needClockMs, this.#nextClockMs(pane))
  }

  /** After the panes of a record were filled. */
  #filled(of: KeyPanes, group: number, key: unknown): number {
    const [eventMs, clockMs] = [this.#needEventMs, this.#needClockMs]
    this.#needEventMs = Infinity
    this.#needClockMs = Infinity
    this.#arm(of, group, key, eventMs, clockMs)
    this.#state.set(group, key, of)
    return this.#step < this.#steps.length ? SPEAKS : HELD
  }

  #plan(decision: TriggerDecision, pane: Pane, group: number, key: unknown, drop: boolean): void {
    if (decision === 'continue' && !drop) return
    if (this.#step === this.#steps.length) {
      this.#steps = []
      this.#step = 0
    }
    const fire = decision === 'fire' || decision === 'fireAndPurge'
    const purge = decision === 'purge' || decision === 'fireAndPurge'
    this.#steps.push({ group, key, pane, fire, purge, drop })
  }

  #carryOut({ group, key, pane, fire, purge, drop }: Step, output: WindowOutput): void {
    if (fire && pane.filled) this.#show(pane, group, key, output)
    if (purge) empty(pane)
    if (drop) this.#clear(pane, key)
    const of = this.#state.get(group, key)
    if (of === undefined) return
    if (drop) of.panes.splice(of.panes.indexOf(pane), 1)
    this.#save(of, group, key)
  }

  #show(pane: Pane, group: number, key: unknown, output: WindowOutput): void {
    const { fold } = this.#options
    pane.unshown = false
    output.give(group, key, pane.start, pane.end, () => {
      const { shown, content } = fold.show(pane.value, pane)
      pane.value = content
      return shown
    })
  }

  /** Takes one timer that is due; false where there is none. */
  #takeTimer(timers: Timers, timeMs: number, isEvent: boolean): boolean {
    const timer = timers.takeDue(timeMs)
    if (timer === null) return false
    const { group, key } = timer
    const of = this.#state.get(group, key)
    if (of === undefined) return true
    if (isEvent) of.eventTimerMs = Infinity
    else of.clockTimerMs = Infinity
    for (const pane of of.panes) this.#onTime(pane, timer.timeMs, isEvent, group, key)
    this.#save(of, group, key)
    return true
  }

  #onTime(pane: Pane, timeMs: number, isEvent: boolean, group: number, key: unknown): void {
    const times = isEvent ? pane.eventTimes : pane.clockTimes
    const decision = unwant(times, timeMs) ? this.#call(pane, timeMs, isEvent, key) : 'continue'
    const dropMs = isEvent ? this.#eventDropMs(pane) : this.#clockDropMs(pane)
    this.#plan(decision, pane, group, key, dropMs <= timeMs)
  }

  #eventDropMs({ end }: Pane): number {
    const { endsBy, latenessMs } = this.#options
    return endsBy === 'event' ? end - 1 + latenessMs : Infinity
  }

  #clockDropMs({ end }: Pane): number {
    return this.#options.endsBy === 'clock' ? end : Infinity
  }

  /** At the end of the stream, one key: what no result has shown speaks, and everything is dropped. */
  #takeLast(entries: IterableIterator<readonly [key: unknown, value: KeyPanes]>): boolean {
    const entry = entries.next()
    if (entry.done) {
      this.#last = null
      this.#state.clear()
      this.#event.clear()
      this.#clock.clear()
      return false
    }
    const [key, { panes }] = entry.value
    for (const pane of panes) {
      if (!pane.unshown) continue
      // The group is not needed any more: nothing is saved behind the end.
      this.#steps.push({ group: 0, key, pane, fire: true, purge: false, drop: false })
    }
    return true
  }

  /** Stores what a key has, and sees to it that its timers come in time. */
  #save(of: KeyPanes, group: number, key: unknown): void {
    let [eventMs, clockMs] = [Infinity, Infinity]
    for (const pane of of.panes) {
      eventMs = Math.min(eventMs, this.#nextEventMs(pane))
      clockMs = Math.min(clockMs, this.#nextClockMs(pane))
    }
    if (of.panes.length === 0) {
      // A timer that is earlier than any other of the key can only be its last.
      this.#arm(of, group, key, -Infinity, -Infinity)
      this.#state.delete(group, key)
      return
    }
    this.#arm(of, group, key, eventMs, clockMs)
    this.#state.set(group, key, of)
  }

  /** Moves the key's timers to the front where they would come too late; −∞: there are to be none. */
  #arm(of: KeyPanes, group: number, key: unknown, eventMs: number, clockMs: number): void {
    if (eventMs < of.eventTimerMs) {
      of.eventTimerMs = move(this.#event, group, key, of.eventTimerMs, eventMs)
    }
    if (clockMs < of.clockTimerMs) {
      of.clockTimerMs = move(this.#clock, group, key, of.clockTimerMs, clockMs)
    }
  }

  #nextEventMs(pane: Pane): number {
    return earliest(pane.eventTimes, this.#eventDropMs(pane))
  }

  #nextClockMs(pane: Pane): number {
    return earliest(pane.clockTimes, this.#clockDropMs(pane))
  }

  #call(pane: Pane, timeMs: number, isEvent: boolean, key: unknown): TriggerDecision {
    try {
      return this.#trigger.onTime(pane, timeMs, isEvent)
    } catch (error) {
      return this.#fail(error, key)
    }
  }

  #clear(pane: Pane, key: unknown): void {
    try {
      this.#trigger.clear(pane)
    } catch (error) {
      this.#fail(error, key)
    }
  }

  /** A trigger that throws has been half done: the record cannot be skipped. */
  #fail(error: unknown, key: unknown): never {
    try {
      return this.#options.errors.fail(error, undefined, key)
    } catch (failure) {
      this.fatal = failure
      throw failure
    }
  }
}

const ALWAYS: readonly WindowSpan[] = [{ start: -Infinity, end: Infinity }]

function empty(pane: Pane): void {
  pane.filled = false
  pane.value = undefined
  pane.unshown = false
}

/** Keeps the memory of the list: setting its length to 0 would give it back, once per record. */
function forgetTimes(times: number[]): void {
  while (times.length > 0) times.pop()
}

/** The one timer of a key, from one time (+∞: none) to another (−∞: none). */
function move(timers: Timers, group: number, key: unknown, fromMs: number, toMs: number): number {
  if (fromMs !== Infinity) timers.delete(group, key, fromMs)
  if (toMs === -Infinity) return Infinity
  timers.register(group, key, toMs)
  return toMs
}

/** Times are few. */
function earliest(times: readonly number[], orMs: number): number {
  let first = orMs
  for (let i = 0; i < times.length; i++) if (times[i]! < first) first = times[i]!
  return first
}
