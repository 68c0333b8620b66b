/**
 * The rows of a key by their time, one per time: found by a time or by a range of times, however many there are.
 *
 * They lie in map state. The order of the times of keys with many rows lies beside it; it is derived from the
 * state, when it is needed first.
 */
import { type CanonicalKey, canonicalKey } from '../../base/key.js'
import type { MapState } from '../../state/state.js'

/** Keys with no more rows are searched through: most keys of most joins. */
const SEARCHED_MAX = 16

export class RowsByTime<Row> {
  readonly #rows: MapState<number, Row>
  /** Of keys with many rows, since they have been asked for. */
  readonly #orders = new Map<CanonicalKey, OrderedTimes>()

  constructor(rows: MapState<number, Row>) {
    this.#rows = rows
  }

  get(group: number, key: unknown, timeMs: number): Row | undefined {
    return this.#rows.get(group, key, timeMs)
  }

  set(group: number, key: unknown, timeMs: number, row: Row): void {
    const order = this.#orderOf(key)
    if (order !== undefined && !this.#rows.has(group, key, timeMs)) order.add(timeMs)
    this.#rows.set(group, key, timeMs, row)
  }

  /** Caller must know that there is one. */
  delete(group: number, key: unknown, timeMs: number): void {
    this.#rows.delete(group, key, timeMs)
    const order = this.#orderOf(key)
    if (order === undefined) return
    order.delete(timeMs)
    if (order.size === 0) this.#orders.delete(canonicalKey(key))
  }

  /** The times of rows, from `fromMs` to `toMs`, both included; in no particular order. */
  between(group: number, key: unknown, fromMs: number, toMs: number): readonly number[] {
    const order = this.#order(group, key)
    if (order !== null) return order.between(fromMs, toMs)
    let times = NONE
    for (const [timeMs] of this.#rows.entries(group, key)) {
      if (timeMs < fromMs || timeMs > toMs) continue
      if (times === NONE) times = [timeMs]
      else times.push(timeMs)
    }
    return times
  }

  /** The time of the latest row that is not after `timeMs`; undefined where there is none. */
  latestUntil(group: number, key: unknown, timeMs: number): number | undefined {
    const order = this.#order(group, key)
    if (order !== null) return order.latestUntil(timeMs)
    let latest: number | undefined
    for (const [atMs] of this.#rows.entries(group, key)) {
      if (atMs <= timeMs && (latest === undefined || atMs > latest)) latest = atMs
    }
    return latest
  }

  #orderOf(key: unknown): OrderedTimes | undefined {
    return this.#orders.size === 0 ? undefined : this.#orders.get(canonicalKey(key))
  }

  /** Null where searching is as well. */
  #order(group: number, key: unknown): OrderedTimes | null {
    const known = this.#orderOf(key)
    if (known !== undefined) return known
    if (this.#rows.count(group, key) <= SEARCHED_MAX) return null
    const times: number[] = []
    for (const [timeMs] of this.#rows.entries(group, key)) times.push(timeMs)
    const order = new OrderedTimes(times.sort((a, b) => a - b))
    this.#orders.set(canonicalKey(key), order)
    return order
  }
}

const NONE: number[] = []

/** Ascending times that mostly come at the end and go at the beginning. */
class OrderedTimes {
  readonly #times: number[]
  /** Those before it are gone. */
  #from = 0

  constructor(times: number[]) {
    this.#times = times
  }

  get size(): number {
    return this.#times.length - this.#from
  }

  add(time: number): void {
    const times = this.#times
    if (this.size === 0 || time > times.at(-1)!) times.push(time)
    else times.splice(this.#placeOf(time), 0, time)
  }

  delete(time: number): void {
    const place = this.#placeOf(time)
    if (place !== this.#from) this.#times.splice(place, 1)
    else if (2 * ++this.#from > this.#times.length) {
      this.#times.splice(0, this.#from)
      this.#from = 0
    }
  }

  between(fromMs: number, toMs: number): readonly number[] {
    const times = this.#times
    const from = this.#placeOf(fromMs)
    let until = from
    while (until < times.length && times[until]! <= toMs) until++
    return from === until ? NONE : times.slice(from, until)
  }

  latestUntil(timeMs: number): number | undefined {
    const place = this.#placeOf(timeMs)
    if (this.#times[place] === timeMs) return timeMs
    return place === this.#from ? undefined : this.#times[place - 1]
  }

  /** Of the first that is not before `time`. */
  #placeOf(time: number): number {
    const times = this.#times
    let low = this.#from
    let high = times.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (times[middle]! < time) low = middle + 1
      else high = middle
    }
    return low
  }
}
