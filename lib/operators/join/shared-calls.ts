/**
 * Calls that are shared by all who ask for the same key at the same time, and a cache of what they gave.
 *
 * Everything here is derived: it begins empty with each attempt, and no snapshot knows it. Errors are not
 * kept. A call is aborted once all who share it have given up; who asks after one of them has does not
 * join it any more, for it may hang.
 */
import { type CanonicalKey, canonicalKey, flatKey } from '../../base/key.js'

export interface CacheLimits {
  /** Keys, at most; the one that was asked for longest ago goes first. 0: no cache. */
  readonly keysMax: number
  /** After a call has given it; +∞: as long as there is room. */
  readonly ttlMs: number
}

export interface CallCounts {
  calls: number
  /** Answered by the cache. */
  hits: number
  /** Answered by a call that was under way. */
  shared: number
}

type Call = (key: never, signal: AbortSignal) => unknown

interface Answer {
  readonly found: unknown
  readonly untilMs: number
}

interface Shared {
  readonly promise: Promise<unknown>
  readonly abort: AbortController
  /** Those who have not given up. */
  sharers: number
}

export class SharedCalls {
  readonly counts: CallCounts = { calls: 0, hits: 0, shared: 0 }
  readonly #call: Call
  readonly #limits: CacheLimits
  /** Monotonic, in ms. */
  readonly #now: () => number
  /** The key that was asked for longest ago stands first. */
  readonly #cache = new Map<CanonicalKey, Answer>()
  readonly #underWay = new Map<CanonicalKey, Shared>()

  constructor(call: Call, limits: CacheLimits, now: () => number) {
    this.#call = call
    this.#limits = limits
    this.#now = now
  }

  /** Answers in the cache; some of them may be too old. */
  get size(): number {
    return this.#cache.size
  }

  /** What is known of the key; null where a call is needed. */
  known(key: unknown): { readonly found: unknown } | null {
    const canonical = canonicalKey(key)
    const answer = this.#cache.get(canonical)
    if (answer === undefined) return null
    this.#cache.delete(canonical)
    if (answer.untilMs <= this.#now()) return null
    this.#cache.set(canonical, answer)
    this.counts.hits++
    return answer
  }

  /** Calls, or joins the call for this key. `signal`: of who asks; aborted when it gives up. */
  ask(key: unknown, signal: AbortSignal): Promise<unknown> {
    const canonical = canonicalKey(key)
    let shared = this.#underWay.get(canonical)
    if (shared === undefined) shared = this.#begin(key, canonical)
    else this.counts.shared++
    shared.sharers++
    this.#leaveOnAbort(shared, canonical, signal)
    return shared.promise
  }

  #begin(key: unknown, canonical: CanonicalKey): Shared {
    this.counts.calls++
    const abort = new AbortController()
    const promise = called(() => this.#call(key as never, abort.signal))
    const shared: Shared = { promise, abort, sharers: 0 }
    this.#underWay.set(canonical, shared)
    promise.then(
      (found) => {
        // Where somebody has given up on it, a later call may know better.
        if (this.#close(canonical, shared)) this.#keep(key, found)
      },
      () => this.#close(canonical, shared),
    )
    return shared
  }

  #leaveOnAbort(shared: Shared, canonical: CanonicalKey, signal: AbortSignal): void {
    const leave = () => {
      this.#close(canonical, shared)
      if (--shared.sharers === 0) shared.abort.abort(signal.reason)
    }
    signal.addEventListener('abort', leave, { once: true })
    const forget = () => signal.removeEventListener('abort', leave)
    shared.promise.then(forget, forget)
  }

  /** Nobody joins it any more; false where that was so already. */
  #close(canonical: CanonicalKey, shared: Shared): boolean {
    return this.#underWay.get(canonical) === shared && this.#underWay.delete(canonical)
  }

  #keep(key: unknown, found: unknown): void {
    const { keysMax, ttlMs } = this.#limits
    if (keysMax === 0) return
    // A string cut out of a bigger one would keep all of that alive.
    const canonical = canonicalKey(flatKey(key))
    this.#cache.delete(canonical)
    if (this.#cache.size >= keysMax) this.#cache.delete(this.#cache.keys().next().value)
    this.#cache.set(canonical, { found, untilMs: this.#now() + ttlMs })
  }
}

/** What a plain function throws is an error of its promise, like that of an async one. */
async function called(call: () => unknown): Promise<unknown> {
  return await call()
}
