/**
 * The records of Nexmark: an auction site's persons, auctions and bids, in one numbered sequence of
 * events. Of every fifty events the first is a person, the next three are auctions, the rest are bids.
 *
 * `seq` is the number of the event, from 0. It is the tie-break where a query ranks by time or price:
 * equal for every number of partitions, which the order of arrival is not. Times are ms since 1970.
 */

export interface Person {
  readonly seq: number
  readonly id: number
  readonly name: string
  readonly email: string
  readonly creditCard: string
  readonly city: string
  readonly state: string
  readonly dateTime: number
  readonly extra: string
}

export interface Auction {
  readonly seq: number
  readonly id: number
  readonly itemName: string
  readonly description: string
  /** Cents. */
  readonly initialBid: number
  /** Cents. */
  readonly reserve: number
  readonly dateTime: number
  /** Last ms at which a bid is valid; never below `dateTime`. */
  readonly expires: number
  /** `Person.id`. */
  readonly seller: number
  readonly category: number
  readonly extra: string
}

export interface Bid {
  readonly seq: number
  /** `Auction.id`, up to ten beyond the newest: the auction may come after its bid, or never. */
  readonly auction: number
  /** `Person.id`; it, too, may come later. */
  readonly bidder: number
  /** Cents. */
  readonly price: number
  readonly channel: string
  readonly url: string
  readonly dateTime: number
  readonly extra: string
}

export type NexmarkEvent = Person | Auction | Bid

export const EVENT_KINDS = ['person', 'auction', 'bid'] as const
export type EventKind = (typeof EVENT_KINDS)[number]

/** Person : auction : bid is 1 : 3 : 46. */
export const GROUP_EVENTS = 50
export const GROUP_PERSONS = 1
export const GROUP_AUCTIONS = 3

/** What an event is follows from its number. */
export function kindOf(seq: number): EventKind {
  const at = seq % GROUP_EVENTS
  if (at < GROUP_PERSONS) return 'person'
  return at < GROUP_PERSONS + GROUP_AUCTIONS ? 'auction' : 'bid'
}

export const isPerson = (event: NexmarkEvent): event is Person => kindOf(event.seq) === 'person'
export const isAuction = (event: NexmarkEvent): event is Auction => kindOf(event.seq) === 'auction'
export const isBid = (event: NexmarkEvent): event is Bid => kindOf(event.seq) === 'bid'

/** One change of a query whose result is a table: what an updating query emits. */
export interface Change<Row> {
  readonly kind: 'insert' | 'update-before' | 'update-after' | 'delete'
  readonly row: Row
}
