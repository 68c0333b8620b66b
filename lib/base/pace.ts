/**
 * How far a walk over state goes before it pauses. Whoever walks takes 1 off for each entry it looks at, and
 * pauses where nothing is left; whoever lets it walk gives it more.
 *
 * A walk that paused behind each entry would spend as much on being resumed as on the entries.
 */
export interface Pace {
  left: number
}

/** Of a walk that never pauses. */
export const unpaced = (): Pace => ({ left: Number.POSITIVE_INFINITY })
