/**
 * q5, hot items: in each window of 10 s, every 2 s, the auctions with the most bids.
 *
 *     WITH counts AS (SELECT window_start, window_end, auction, COUNT(*) AS num
 *                     FROM HOP(bid, dateTime, 2 s, 10 s) GROUP BY window_start, window_end, auction)
 *     SELECT * FROM counts c WHERE num >= (SELECT MAX(num) FROM counts WHERE window_start = c.window_start)
 *
 * Keeps one count per auction and slice of 2 s, for 10 s of event time.
 */
import {
  count,
  keyBy,
  mergeMap,
  sliding,
  topN,
  tumbling,
  type WindowResult,
  window,
  windowAll,
} from 'millrace'
import { defineQuery } from '../query.js'

/** Bids of an auction in a window. */
type Bids = WindowResult<number, number>

export default defineQuery<Bids>({
  name: 'q5',
  title: 'the auctions with the most bids in 10 s',
  reads: ['bid'],
  columns: {
    windowStart: ({ start }) => start,
    windowEnd: ({ end }) => end,
    auction: ({ key }) => key,
    bids: ({ value }) => value,
  },
  build: (_flow, { bids }) =>
    bids.pipe(
      keyBy(({ auction }) => auction),
      window(sliding('10s', '2s')),
      count({ name: 'bids' }),
      // A result has the time of its window's last instant: those of one window, and no others, fall together.
      windowAll(tumbling('2s')),
      topN(1, { by: ({ value }: Bids) => value, ties: true, name: 'most' }),
      mergeMap(({ value }) => value),
    ),
})
