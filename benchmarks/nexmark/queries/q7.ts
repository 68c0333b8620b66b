/**
 * q7, highest bid: of each window of 10 s the bids at the highest price.
 *
 *     SELECT auction, price, bidder, dateTime, extra
 *     FROM (SELECT *, RANK() OVER (PARTITION BY window_start ORDER BY price DESC) AS rank
 *           FROM TUMBLE(bid, dateTime, 10 s))
 *     WHERE rank = 1
 *
 * This is "q7-strict": the original joins on `dateTime BETWEEN window_end - 10 s AND window_end`, by which a bid
 * at the very end of a window is also compared with the one before, to which it does not belong.
 * Keeps the best bids of open windows.
 */
import { mergeMap, topN, tumbling, windowAll } from 'millrace'
import type { Bid } from '../model.js'
import { defineQuery } from '../query.js'

export default defineQuery<Bid>({
  name: 'q7',
  title: 'the highest bids in 10 s',
  reads: ['bid'],
  columns: {
    auction: (bid) => bid.auction,
    price: (bid) => bid.price,
    bidder: (bid) => bid.bidder,
    dateTime: (bid) => bid.dateTime,
    extra: (bid) => bid.extra,
  },
  build: (_flow, { bids }) =>
    bids.pipe(
      windowAll(tumbling('10s')),
      topN(1, { by: ({ price }: Bid) => price, ties: true, name: 'highest' }),
      mergeMap(({ value }) => value),
    ),
})
