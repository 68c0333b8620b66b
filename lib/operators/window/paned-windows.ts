/**
 * Windows with a content of their own per key: for triggers, evictors, sessions, and aggregates that
 * cannot merge. The meaning of each step is that of Flink's WindowOperator.
 *
 * What a key has lies in the state `windows`, its timers in `event` and `clock`: one per key and kind of
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
  createKeyPanes,
  createPane,
  findPane,
  insertPane,
  type KeyPanes,
  type Pane,
  unwant,
} from './pane.js'
import type { PaneFold } from './pane-fold.js'
import { PaneTrigger } from './pane-trigger.js'
import type { WindowOutput } from './window-output.js'
import { HELD, LATE, OUTSIDE, SPEAKS, type Windows } from './windows.js'

/** Where windows come from: spans cut at fixed times, a gap, or one without end. */
export type PaneSource =
  | { readonly by: 'slices'; readonly slicing: Slicing }
  | { readonly by: 'gap'; readonly gapMs: (record: unknown) => number }
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

  constructor(options: PanedOptions) {
    this.#options = options
    this.#state = options.state.value('windows', { mutable: true })
    this.#event = options.state.timers('event')
    this.#clock = options.state.timers('clock')
    this.#trigger = new PaneTrigger(options.trigger, options.nowMs)
  }

  get wakeMs(): number {
    return this.#clock.nextMs
  }

  add(input: unknown, timeMs: number, group: number, key: unknown): number {
    const found = this.#state.get(group, key)
    const of = found ?? createKeyPanes()
    if (this.#options.source.by === 'gap') return this.#addToSession(of, input, timeMs, group, key)
    const windows = this.#windowsOf(timeMs).filter((window) => !this.#isLate(window.end))
    if (windows.length === 0) return this.#refused(timeMs)
    // All that may throw on a record comes before the first change.
    const contents = windows.map((window) =>
      this.#content(findPane(of.panes, window), input, timeMs),
    )
    windows.forEach((window, i) => {
      let pane = findPane(of.panes, window)
      if (pane === undefined) {
        pane = createPane(window)
        insertPane(of.panes, pane)
      }
      this.#fill(pane, contents[i], input, timeMs, group, key)
    })
    this.#save(of, group, key)
    return this.#step < this.#steps.length ? SPEAKS : HELD
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

  #content(pane: Pane | undefined, input: unknown, timeMs: number): unknown {
    const { fold } = this.#options
    return pane?.filled ? fold.add(pane.value, input, timeMs) : fold.first(input, timeMs)
  }

  /** Windows that touch the record's own become one with it, and late is only what remains late. */
  #addToSession(of: KeyPanes, input: unknown, timeMs: number, group: number, key: unknown): number {
    const { source, fold } = this.#options
    const gapMs = (source as { gapMs: (record: unknown) => number }).gapMs(input)
    const own = { start: timeMs, end: timeMs + gapMs }
    checkSpan(own.start, own.end, timeMs)
    const near = touching(of.panes, own)
    const span = joined(of.panes, own, near)
    if (this.#isLate(span.end)) return LATE
    const merged = of.panes.slice(near.from, near.to)
    const filled = merged.filter((pane) => pane.filled)
    const [first, ...rest] = filled
    // Contents that grow in place are merged, so copied, before they grow.
    const before = rest.reduce((sum, pane) => fold.merge!(sum, pane.value), first?.value)
    const content =
      first === undefined ? fold.first(input, timeMs) : fold.add(before, input, timeMs)
    const pane = this.#merge(of, merged, span, key)
    this.#fill(pane, content, input, timeMs, group, key)
    this.#save(of, group, key)
    return this.#step < this.#steps.length ? SPEAKS : HELD
  }

  #merge(of: KeyPanes, merged: readonly Pane[], span: WindowSpan, key: unknown): Pane {
    const [only] = merged
    const covers = only !== undefined && only.start === span.start && only.end === span.end
    if (covers && merged.length === 1) return only
    const pane = createPane(span)
    pane.unshown = merged.some(({ unshown }) => unshown)
    for (const old of merged) of.panes.splice(of.panes.indexOf(old), 1)
    insertPane(of.panes, pane)
    if (merged.length > 0) this.#guard(key, () => this.#trigger.merge(pane, merged))
    return pane
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
    const decision = this.#guard(key, () => this.#trigger.onRecord(pane, input, timeMs))
    this.#plan(decision, pane, group, key, false)
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
    if (drop) this.#guard(key, () => this.#trigger.clear(pane))
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
    const decision = unwant(times, timeMs)
      ? this.#guard(key, () => this.#trigger.onTime(pane, timeMs, isEvent))
      : 'continue'
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
    let eventMs = Infinity
    let clockMs = Infinity
    for (const pane of of.panes) {
      eventMs = Math.min(eventMs, this.#eventDropMs(pane), ...pane.eventTimes)
      clockMs = Math.min(clockMs, this.#clockDropMs(pane), ...pane.clockTimes)
    }
    const gone = of.panes.length === 0
    if (gone || eventMs < of.eventTimerMs) {
      of.eventTimerMs = move(this.#event, group, key, of.eventTimerMs, eventMs)
    }
    if (gone || clockMs < of.clockTimerMs) {
      of.clockTimerMs = move(this.#clock, group, key, of.clockTimerMs, clockMs)
    }
    if (gone) this.#state.delete(group, key)
    else this.#state.set(group, key, of)
  }

  /** A trigger that throws has been half done: the record cannot be skipped. */
  #guard<R>(key: unknown, call: () => R): R {
    try {
      return call()
    } catch (error) {
      try {
        return this.#options.errors.fail(error, undefined, key)
      } catch (failure) {
        this.fatal = failure
        throw failure
      }
    }
  }
}

const ALWAYS: readonly WindowSpan[] = [{ start: -Infinity, end: Infinity }]

function empty(pane: Pane): void {
  pane.filled = false
  pane.value = undefined
  pane.unshown = false
}

/** The one timer of a key, from one time to another; +∞ is none. */
function move(timers: Timers, group: number, key: unknown, fromMs: number, toMs: number): number {
  if (fromMs !== Infinity) timers.delete(group, key, fromMs)
  if (toMs !== Infinity) timers.register(group, key, toMs)
  return toMs
}
