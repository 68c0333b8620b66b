/**
 * A data set: what determines every byte of its events, whatever the number of partitions they are
 * read in.
 */

/** B: as Apache Beam seeds its generator, to prove it exact. M: mixed seeds, to run on. */
export const PROFILES = ['M', 'B'] as const
export type Profile = (typeof PROFILES)[number]

export interface Dataset {
  /** Number of events. */
  readonly events: number
  /** Events per second of event time: the density, not the speed. */
  readonly rate: number
  readonly seed: number
  readonly profile: Profile
  /** Events are permuted inside groups of so many; 1: in order. */
  readonly outOfOrder: number
}

/** Event time of event 0, ms: 2015-07-15T00:00:00Z. */
export const BASE_TIME_MS = 1_436_918_400_000

/** How much later than a later one an event of the data set may come, ms. */
export const disorderMs = ({ outOfOrder, rate }: Dataset): number =>
  outOfOrder === 1 ? 0 : Math.ceil((outOfOrder * 1000) / rate)

/** The event time of so many events, ms. */
export const spanMs = ({ rate }: Dataset, events: number): number =>
  Math.ceil((events * 1000) / rate)

/** `timestampOf(dataset)(seq)`: ms; the double product is truncated before the division, as upstream. */
export function timestampOf({ rate }: Pick<Dataset, 'rate'>): (seq: number) => number {
  const delayUs = 1e6 / rate
  return (seq) => BASE_TIME_MS + Math.floor(Math.trunc(seq * delayUs) / 1000)
}
