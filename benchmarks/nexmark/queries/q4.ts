/**
 * q4, average price for a category: of what auctions have closed at, or would close at now.
 *
 *     SELECT category, AVG(final)
 *     FROM (SELECT a.id, a.category, MAX(b.price) AS final
 *           FROM auction a JOIN bid b ON b.auction = a.id AND b.dateTime BETWEEN a.dateTime AND a.expires
 *           GROUP BY a.id, a.category)
 *     GROUP BY category
 *
 * An average is cut to a whole number. Keeps what `winningBids` keeps, and two numbers per category.
 */
import { aggregate, keyBy, map, mergeMap } from 'millrace'
import { defineQuery } from '../query.js'
import { changes } from './changes.js'
import { winningBids } from './winning-bids.js'

interface Average {
  readonly category: number
  readonly price: number
}

/** Closing prices: their sum, and of how many auctions. */
interface Prices {
  readonly price: number
  readonly auctions: number
}

export default defineQuery<Average>({
  name: 'q4',
  title: 'average closing price of each category',
  reads: ['auction', 'bid'],
  columns: { category: (row) => row.category, price: (row) => row.price },
  key: ({ category }) => category,
  build: (_flow, events) =>
    winningBids(events).pipe(
      map(({ auction, bid, before }) => ({
        category: auction.category,
        price: bid.price - (before?.price ?? 0),
        auctions: before === null ? 1 : 0,
      })),
      keyBy(({ category }) => category),
      aggregate(
        {
          create: () => NOTHING,
          add: together,
          merge: together,
          result: ({ price, auctions }) => Math.floor(price / auctions),
        },
        { emit: 'changes', name: 'averages' },
      ),
      mergeMap(([category, { before, after }]) =>
        changes(before === undefined ? undefined : { category, price: before }, {
          category,
          price: after,
        }),
      ),
    ),
})

const NOTHING: Prices = { price: 0, auctions: 0 }

const together = (a: Prices, b: Prices): Prices => ({
  price: a.price + b.price,
  auctions: a.auctions + b.auctions,
})
