/**
 * q0, pass through: what it costs to read and to write.
 *
 *     SELECT auction, bidder, price, dateTime, extra FROM bid
 *
 * Keeps nothing.
 */
import { map } from 'millrace'
import type { Bid } from '../model.js'
import { defineQuery } from '../query.js'
import { BARE_BID, type BareBid } from './columns.js'

export default defineQuery<BareBid>({
  name: 'q0',
  title: 'all bids, as they are',
  reads: ['bid'],
  columns: BARE_BID,
  build: (_flow, { bids }) =>
    bids.pipe(
      map(({ auction, bidder, price, dateTime, extra }: Bid) => ({
        auction,
        bidder,
        price,
        dateTime,
        extra,
      })),
    ),
})
