/** Where timers lie by their time: what is at one place, and the way through all places. */
import type { CanonicalKey } from '../base/key.js'
import type { PlacedTimer } from './timer.js'

/** An epoch that never comes: of a timer that is there. */
export const ALIVE = -1

export class Entry implements PlacedTimer {
  readonly timeMs: number
  readonly group: number
  readonly key: unknown
  readonly name: string
  /** Key and name in one. */
  readonly id: CanonicalKey
  readonly at: number
  /** The epochs in which it came and went. */
  readonly since: number
  until = ALIVE

  constructor(
    timeMs: number,
    group: number,
    key: unknown,
    name: string,
    id: CanonicalKey,
    at: number,
    since: number,
  ) {
    this.timeMs = timeMs
    this.group = group
    this.key = key
    this.name = name
    this.id = id
    this.at = at
    this.since = since
  }
}

/** Several timers of one time, in order of registration. */
export class Bucket {
  readonly timeMs: number
  readonly timers = new Map<CanonicalKey, Entry>()
  /** One iterator for the bucket's life: it sees what is added, and walks over what is gone once. */
  readonly #order = this.timers.values()

  constructor(timeMs: number) {
    this.timeMs = timeMs
  }

  /** Removes the first. Caller must know that there is one. */
  shift(): Entry {
    const first = this.#order.next().value!
    this.timers.delete(first.id)
    return first
  }
}

/** Goes through buckets, which may change meanwhile, without an object for each timer. */
export class Walk {
  readonly #buckets: readonly (Entry | Bucket | null)[]
  #place = 0
  /** Of the bucket at the place before. */
  #timers: Iterator<Entry> | null = null

  constructor(buckets: readonly (Entry | Bucket | null)[]) {
    this.#buckets = buckets
  }

  /** Null where there is none any more. */
  next(): Entry | null {
    for (;;) {
      if (this.#timers !== null) {
        const each = this.#timers.next()
        if (each.done !== true) return each.value
        this.#timers = null
      }
      if (this.#place >= this.#buckets.length) return null
      const found = this.#buckets[this.#place++]!
      if (found instanceof Entry) return found
      if (found !== null) this.#timers = found.timers.values()
    }
  }
}

export const entryOf = (found: Entry | Bucket | null, id: CanonicalKey): Entry | undefined => {
  if (found === null) return undefined
  if (found instanceof Bucket) return found.timers.get(id)
  return isSame(found.id, id) ? found : undefined
}

/** As a Map compares: NaN is itself. */
const isSame = (a: CanonicalKey, b: CanonicalKey): boolean => Object.is(a, b)
