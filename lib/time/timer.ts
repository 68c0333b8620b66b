/** Timers as they are told of. */

export interface Timer {
  /** Ms since 1970. */
  readonly timeMs: number
  readonly group: number
  readonly key: unknown
  readonly name: string
}

/** A timer, and its place in the order of registration. */
export interface PlacedTimer extends Timer {
  readonly at: number
}
