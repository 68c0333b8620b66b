/**
 * q9, winning bids: each auction with its best bid so far.
 *
 *     SELECT * FROM (SELECT a.*, b.*, ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.dateTime) AS rank
 *                    FROM auction a JOIN bid b ON b.auction = a.id AND b.dateTime BETWEEN a.dateTime AND a.expires)
 *     WHERE rank = 1
 *
 * Keeps what `winningBids` keeps.
 */
import { mergeMap } from 'millrace'
import type { Auction, Bid } from '../model.js'
import { defineQuery } from '../query.js'
import { changes } from './changes.js'
import { BARE_BID, columnsOf, OFFER } from './columns.js'
import { winningBids } from './winning-bids.js'

interface Won {
  readonly auction: Auction
  readonly bid: Bid
}

export default defineQuery<Won>({
  name: 'q9',
  title: 'each auction with its best bid',
  reads: ['auction', 'bid'],
  columns: {
    id: ({ auction }) => auction.id,
    ...columnsOf((row: Won) => row.auction, OFFER),
    ...columnsOf((row: Won) => row.bid, BARE_BID),
  },
  key: ({ auction }) => auction.id,
  build: (_flow, events) =>
    winningBids(events).pipe(
      mergeMap(({ auction, bid, before }) =>
        changes(before === null ? undefined : { auction, bid: before }, { auction, bid }),
      ),
    ),
})
