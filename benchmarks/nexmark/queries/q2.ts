/**
 * q2, selection: the bids of some auctions.
 *
 *     SELECT auction, price FROM bid WHERE auction % 123 = 0
 *
 * Keeps nothing.
 */
import { filter, map } from 'millrace'
import type { Bid } from '../model.js'
import { defineQuery } from '../query.js'

export default defineQuery<Pick<Bid, 'auction' | 'price'>>({
  name: 'q2',
  title: 'bids of some auctions',
  reads: ['bid'],
  columns: { auction: ({ auction }) => auction, price: ({ price }) => price },
  build: (_flow, { bids }) =>
    bids.pipe(
      filter(({ auction }) => auction % 123 === 0),
      map(({ auction, price }: Bid) => ({ auction, price })),
    ),
})
