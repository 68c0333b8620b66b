/**
 * q20, expand bid with auction: all bids of a category, each with its auction.
 *
 *     SELECT b.*, a.* FROM bid b JOIN auction a ON b.auction = a.id WHERE a.category = 10
 *
 * An auction's id is unique: a bid that has met its auction need not be kept. Keeps all auctions, for ever,
 * as bids may come at any time; and the bids whose auction has not come.
 */
import { filter, join, keyBy } from 'millrace'
import type { Auction, Bid } from '../model.js'
import { defineQuery } from '../query.js'
import { BID, columnsOf, OFFER } from './columns.js'

type Row = readonly [Bid, Auction]

export default defineQuery<Row>({
  name: 'q20',
  title: 'all bids of a category, each with its auction',
  reads: ['auction', 'bid'],
  columns: {
    ...columnsOf(([bid]: Row) => bid, BID),
    ...columnsOf(([, auction]: Row) => auction, OFFER),
  },
  build: (_flow, { bids, auctions }) =>
    bids.pipe(
      keyBy(({ auction }) => auction),
      join(auctions.pipe(keyBy(({ id }) => id)), { retention: 'unbounded', unique: 'right' }),
      filter(([, { category }]) => category === 10),
    ),
})
