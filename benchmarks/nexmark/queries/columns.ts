/** Columns that several queries have. */
import type { Auction, Bid } from '../model.js'
import type { Columns } from '../row-text.js'

/** A bid without the way it came by. */
export type BareBid = Pick<Bid, 'auction' | 'bidder' | 'price' | 'dateTime' | 'extra'>

export const BARE_BID: Columns<BareBid> = {
  auction: (bid) => bid.auction,
  bidder: (bid) => bid.bidder,
  price: (bid) => bid.price,
  dateTime: (bid) => bid.dateTime,
  extra: (bid) => bid.extra,
}

export const BID: Columns<Bid> = {
  auction: (bid) => bid.auction,
  bidder: (bid) => bid.bidder,
  price: (bid) => bid.price,
  channel: (bid) => bid.channel,
  url: (bid) => bid.url,
  dateTime: (bid) => bid.dateTime,
  extra: (bid) => bid.extra,
}

/** An auction without its id. */
export const OFFER: Columns<Auction> = {
  itemName: (auction) => auction.itemName,
  description: (auction) => auction.description,
  initialBid: (auction) => auction.initialBid,
  reserve: (auction) => auction.reserve,
  auctionDateTime: (auction) => auction.dateTime,
  expires: (auction) => auction.expires,
  seller: (auction) => auction.seller,
  category: (auction) => auction.category,
  auctionExtra: (auction) => auction.extra,
}

/** Columns of a part of a row; `part` gives it. */
export const columnsOf = <Row, Part>(
  part: (row: Row) => Part,
  columns: Columns<Part>,
): Columns<Row> =>
  Object.fromEntries(
    Object.entries(columns).map(([name, cell]) => [name, (row: Row) => cell(part(row))]),
  )

/** A number of thousandths as a decimal with three digits behind the point. */
export const thousandths = (n: number): string => (n / 1000).toFixed(3)
