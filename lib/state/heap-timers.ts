/** Timers as rows: they know themselves nothing of those. */

import type { Pace } from '../base/pace.js'
import type { PlacedTimer } from '../time/timer.js'
import type { FreezableTimers, Timers } from '../time/timers.js'
import type { Restoring, Rows, TimerRecord } from './frozen.js'

export class HeapTimerState {
  readonly timers: FreezableTimers

  constructor(timers: FreezableTimers) {
    this.timers = timers
  }

  get size(): number {
    return this.timers.size
  }

  walk(rows: Rows, from: number | null, pace: Pace): Generator<void> {
    if (from !== null) return this.#changes(rows, from, pace)
    return this.timers.frozen((timer) => put(rows, timer), pace)
  }

  restoring(): Restoring {
    return new RestoringTimers(this.timers)
  }

  *#changes(rows: Rows, from: number, pace: Pace): Generator<void> {
    for (const change of this.timers.changes(from)) {
      if (change !== null) {
        const [timer, isThere] = change
        if (isThere) put(rows, timer)
        else rows.dropPart(timer.group, timer.key, timer.at)
      }
      if (--pace.left <= 0) yield
    }
  }
}

function put(rows: Rows, { group, key, name, at, timeMs }: PlacedTimer): void {
  const record: TimerRecord = { name, at }
  rows.put(group, key, record, timeMs)
}

/**
 * Registers at last, in the order in which they were registered at first. In columns: as many objects as
 * there are timers would cost more than all the rest.
 */
class RestoringTimers implements Restoring {
  readonly #timers: Timers
  readonly #groups: number[] = []
  readonly #keys: unknown[] = []
  readonly #names: string[] = []
  readonly #times: number[] = []
  readonly #places: number[] = []
  /** A place is given once, so what is gone does not come again. */
  readonly #gone = new Set<number>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  dropGroup(): void {}
  dropKey(): void {}

  dropPart(_group: number, _key: unknown, part: unknown): void {
    this.#gone.add(part as number)
  }

  put(group: number, key: unknown, record: unknown, timeMs: number): void {
    const { name, at } = record as TimerRecord
    this.#groups.push(group)
    this.#keys.push(key)
    this.#names.push(name)
    this.#times.push(timeMs)
    this.#places.push(at)
  }

  done(): void {
    for (const i of byPlace(this.#places)) {
      if (this.#gone.has(this.#places[i]!)) continue
      this.#timers.register(this.#groups[i]!, this.#keys[i], this.#times[i]!, this.#names[i]!)
    }
  }
}

/** Rows in order of their places. Those that came twice are the same. */
function byPlace(places: readonly number[]): Uint32Array {
  const rows = Uint32Array.from(places.keys())
  for (let i = 1; i < rows.length; i++) {
    if (places[i]! < places[i - 1]!) return rows.sort((a, b) => places[a]! - places[b]!)
  }
  return rows
}
