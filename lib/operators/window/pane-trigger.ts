/** Calls a trigger for one pane after the other: one window object that looks at the pane in question. */
import type { Trigger, TriggerDecision, TriggerWindow } from '../../window/trigger.js'
import { createPane, type Pane, unwant, want } from './pane.js'

export class PaneTrigger implements TriggerWindow {
  watermarkMs = -Infinity
  readonly #trigger: Trigger
  readonly #now: () => number
  #pane: Pane = createPane({ start: 0, end: 0 })

  constructor(trigger: Trigger, now: () => number) {
    this.#trigger = trigger
    this.#now = now
  }

  onRecord(pane: Pane, record: unknown, timeMs: number): TriggerDecision {
    this.#pane = pane
    return this.#trigger.onRecord(record, timeMs, this)
  }

  onTime(pane: Pane, timeMs: number, isEvent: boolean): TriggerDecision {
    this.#pane = pane
    const decision = isEvent
      ? this.#trigger.onEventTime?.(timeMs, this)
      : this.#trigger.onProcessingTime?.(timeMs, this)
    return decision ?? 'continue'
  }

  /** Panes with these states have become `pane`. */
  merge(pane: Pane, states: readonly unknown[]): void {
    this.#pane = pane
    this.#trigger.onMerge?.(this, states)
  }

  clear(pane: Pane): void {
    this.#pane = pane
    this.#trigger.clear?.(this)
  }

  get start(): number {
    return this.#pane.start
  }

  get end(): number {
    return this.#pane.end
  }

  get state(): unknown {
    return this.#pane.trigger
  }

  set state(state: unknown) {
    this.#pane.trigger = state
  }

  get nowMs(): number {
    return this.#now()
  }

  registerEventTime(timeMs: number): void {
    want(this.#pane.eventTimes, timeMs)
  }

  registerProcessingTime(timeMs: number): void {
    want(this.#pane.clockTimes, timeMs)
  }

  deleteEventTime(timeMs: number): void {
    unwant(this.#pane.eventTimes, timeMs)
  }

  deleteProcessingTime(timeMs: number): void {
    unwant(this.#pane.clockTimes, timeMs)
  }
}
