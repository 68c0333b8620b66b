/**
 * q1, currency conversion: dollars to euros, exactly.
 *
 *     SELECT auction, bidder, CAST(0.908 * price AS DECIMAL(23, 3)) AS price, dateTime, extra FROM bid
 *
 * A price is a whole number of cents, so that the product is one of thousandths. Keeps nothing.
 */
import { map } from 'millrace'
import type { Bid } from '../model.js'
import { defineQuery } from '../query.js'
import { thousandths } from './columns.js'

interface Converted {
  readonly auction: number
  readonly bidder: number
  /** Thousandths of a eurocent. */
  readonly price: number
  readonly dateTime: number
  readonly extra: string
}

export default defineQuery<Converted>({
  name: 'q1',
  title: 'all bids, in euros',
  reads: ['bid'],
  columns: {
    auction: (bid) => bid.auction,
    bidder: (bid) => bid.bidder,
    price: (bid) => thousandths(bid.price),
    dateTime: (bid) => bid.dateTime,
    extra: (bid) => bid.extra,
  },
  build: (_flow, { bids }) =>
    bids.pipe(
      map(({ auction, bidder, price, dateTime, extra }: Bid) => ({
        auction,
        bidder,
        price: price * 908,
        dateTime,
        extra,
      })),
    ),
})
