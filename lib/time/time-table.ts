/**
 * A table from times to places: numbers only, in typed arrays, at most half full, searched from a time's own
 * cell onwards. With a million times at random a Map takes twice as long to add to and to delete from
 * (`npm run bench -- windows`).
 */

const CAPACITY_FIRST = 64

export class TimeTable {
  /** NaN: an empty cell. */
  #times = new Float64Array(CAPACITY_FIRST).fill(Number.NaN)
  /** Parallel to `#times`. */
  #places = new Int32Array(CAPACITY_FIRST)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The place of a time; -1 where it has none. */
  get(time: number): number {
    const cell = this.#find(time)
    return this.#times[cell] === time ? this.#places[cell]! : -1
  }

  /** Caller must know that the time is finite and has no place yet. */
  add(time: number, place: number): void {
    if (2 * ++this.#size > this.#times.length) this.#resize(2 * this.#times.length)
    const cell = this.#find(time)
    this.#times[cell] = time
    this.#places[cell] = place
  }

  /** Caller must know that the time has a place. */
  delete(time: number): void {
    const times = this.#times
    const mask = times.length - 1
    let hole = this.#find(time)
    // What lies behind and would not be found across a hole moves into it.
    for (let cell = (hole + 1) & mask; !Number.isNaN(times[cell]!); cell = (cell + 1) & mask) {
      const own = cellOf(times[cell]!, mask)
      if (((cell - own) & mask) < ((cell - hole) & mask)) continue
      times[hole] = times[cell]!
      this.#places[hole] = this.#places[cell]!
      hole = cell
    }
    times[hole] = Number.NaN
    this.#size--
    // Far from where it grows again.
    if (times.length > CAPACITY_FIRST && 16 * this.#size < times.length) {
      this.#resize(times.length / 4)
    }
  }

  clear(): void {
    this.#size = 0
    this.#times = new Float64Array(CAPACITY_FIRST).fill(Number.NaN)
    this.#places = new Int32Array(CAPACITY_FIRST)
  }

  /** The cell of the time, or the empty one where it would go. */
  #find(time: number): number {
    const times = this.#times
    const mask = times.length - 1
    let cell = cellOf(time, mask)
    for (;;) {
      const seen = times[cell]!
      if (seen === time || Number.isNaN(seen)) return cell
      cell = (cell + 1) & mask
    }
  }

  #resize(capacity: number): void {
    const times = this.#times
    const places = this.#places
    this.#times = new Float64Array(capacity).fill(Number.NaN)
    this.#places = new Int32Array(capacity)
    for (let i = 0; i < times.length; i++) {
      if (Number.isNaN(times[i]!)) continue
      const cell = this.#find(times[i]!)
      this.#times[cell] = times[i]!
      this.#places[cell] = places[i]!
    }
  }
}

const float = new Float64Array(1)
const words = new Int32Array(float.buffer)

/** Where the search for a time begins; -0 is 0. */
function cellOf(time: number, mask: number): number {
  float[0] = time + 0
  let hash = Math.imul(words[0]!, 0x9e3779b1) ^ Math.imul(words[1]!, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35)
  return (hash ^ (hash >>> 13)) & mask
}
