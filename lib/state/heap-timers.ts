/** Timers as rows: they know themselves nothing of those. */
import type { FreezableTimers, PlacedTimer, Timers } from '../time/timers.js'
import type { Restoring, Rows, TimerRecord } from './frozen.js'

export class HeapTimerState {
  readonly timers: FreezableTimers

  constructor(timers: FreezableTimers) {
    this.timers = timers
  }

  get size(): number {
    return this.timers.size
  }

  *walk(rows: Rows, from: number | null): Iterator<void> {
    if (from === null) {
      for (const timer of this.timers.frozen()) {
        if (timer !== null) put(rows, timer)
        yield
      }
      return
    }
    for (const change of this.timers.changes(from)) {
      if (change !== null) {
        const [timer, isThere] = change
        if (isThere) put(rows, timer)
        else rows.dropPart(timer.group, timer.key, timer.at)
      }
      yield
    }
  }

  restoring(): Restoring {
    return new RestoringTimers(this.timers)
  }
}

function put(rows: Rows, { group, key, name, at, timeMs }: PlacedTimer): void {
  const record: TimerRecord = { name, at }
  rows.put(group, key, record, timeMs)
}

/** Registers at last, in the order in which they were registered at first. */
class RestoringTimers implements Restoring {
  readonly #timers: Timers
  readonly #byPlace = new Map<number, PlacedTimer>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  dropGroup(): void {}
  dropKey(): void {}

  dropPart(_group: number, _key: unknown, part: unknown): void {
    this.#byPlace.delete(part as number)
  }

  put(group: number, key: unknown, record: unknown, timeMs: number): void {
    const { name, at } = record as TimerRecord
    this.#byPlace.set(at, { group, key, name, at, timeMs })
  }

  done(): void {
    const timers = [...this.#byPlace.values()].sort((a, b) => a.at - b.at)
    for (const { group, key, timeMs, name } of timers) {
      this.#timers.register(group, key, timeMs, name)
    }
  }
}
