/** Events as lines of text: tab-separated with doubled backslashes, as COPY reads them, or JSON. */
import type { Auction, Bid, EventKind, NexmarkEvent, Person } from './model.js'

const escaped = (text: string): string =>
  text.includes('\\') ? text.replaceAll('\\', '\\\\') : text

const personTsv = (p: Person): string =>
  `${p.seq}\t${p.id}\t${escaped(p.name)}\t${escaped(p.email)}\t${p.creditCard}\t${p.city}\t${p.state}\t${p.dateTime}\t${escaped(p.extra)}`

const auctionTsv = (a: Auction): string =>
  `${a.seq}\t${a.id}\t${escaped(a.itemName)}\t${escaped(a.description)}\t${a.initialBid}\t${a.reserve}\t${a.dateTime}\t${a.expires}\t${a.seller}\t${a.category}\t${escaped(a.extra)}`

const bidTsv = (b: Bid): string =>
  `${b.seq}\t${b.auction}\t${b.bidder}\t${b.price}\t${escaped(b.channel)}\t${escaped(b.url)}\t${b.dateTime}\t${escaped(b.extra)}`

/** Without newline. */
export const TSV: Readonly<Record<EventKind, (event: NexmarkEvent) => string>> = {
  person: (event) => personTsv(event as Person),
  auction: (event) => auctionTsv(event as Auction),
  bid: (event) => bidTsv(event as Bid),
}

/** Without newline. */
export const toJson = (event: NexmarkEvent): string => JSON.stringify(event)
