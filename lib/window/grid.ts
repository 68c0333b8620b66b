/** Grids: the instants at which windows begin, without end in both directions. */

/** Contract: `floor(t) ≤ t < next(t)`, and there is no line of the grid between the two. */
export interface Grid {
  /** The last line at or before `timeMs`. */
  floor(timeMs: number): number
  /** The first line behind `timeMs`. */
  next(timeMs: number): number
}

/** Lines at `offsetMs` + n × `stepMs` in UTC. */
export function fixedGrid(stepMs: number, offsetMs: number): Grid {
  const shift = modulo(offsetMs, stepMs)
  return {
    floor: (timeMs) => timeMs - modulo(timeMs - shift, stepMs),
    next: (timeMs) => timeMs - modulo(timeMs - shift, stepMs) + stepMs,
  }
}

/**
 * The remainder of floor division, 0 ≤ result < `divisor`. Exact where a quotient would be rounded:
 * `floor(a / b)` is wrong by one for some timestamps beyond 2^52 / b.
 */
export function modulo(value: number, divisor: number): number {
  const rest = value % divisor
  // `+ 0` turns -0 into 0.
  return rest < 0 ? rest + divisor : rest + 0
}
