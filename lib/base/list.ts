/** Lists as V8 likes them. */

/**
 * An empty list for values of any kind, to be filled with `push`.
 *
 * A plain `[]` is, to V8, one of small integers until something else is pushed. Code that was compiled
 * while it had seen such lists only expects integers; the first object it is to push throws the compiled
 * code away, and from then on `push` is called rather than compiled into the loop. Measured with
 * benchmarks/nexmark (q0): such a source read its events a third slower, in some runs and not in others.
 *
 * `T`: what it is to hold.
 */
export function emptyList<T>(): T[] {
  const list: unknown[] = ['']
  list.length = 0
  return list as T[]
}

/**
 * An empty list with room for one, where a list that grew has room for seventeen. `any`: a value of the kind that
 * it is to hold; 0.5 for times, which are no small integers.
 */
export function roomForOne<T>(any: T): T[] {
  const list = [any]
  list.pop()
  return list
}

/** As `emptyList`, for numbers that may be no small integers, as times are. */
export function emptyNumbers(): number[] {
  const list = [0.5]
  list.length = 0
  return list
}
