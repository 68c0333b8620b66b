/**
 * q12, processing time windows: how many bids of a bidder come within 10 s by the clock.
 *
 *     SELECT bidder, COUNT(*), window_start, window_end
 *     FROM TUMBLE(bid, PROCTIME(), 10 s) GROUP BY bidder, window_start, window_end
 *
 * Two runs differ, but for the sum of a bidder's counts. Keeps one count per bidder of the window.
 */
import { count, keyBy, tumbling, type WindowResult, window } from 'millrace'
import { defineQuery } from '../query.js'

export default defineQuery<WindowResult<number, number>>({
  name: 'q12',
  title: 'number of bids of a bidder that come within 10 s',
  reads: ['bid'],
  volatile: true,
  columns: {
    bidder: ({ key }) => key,
    bids: ({ value }) => value,
    startTime: ({ start }) => start,
    endTime: ({ end }) => end,
  },
  build: (_flow, { bids }) =>
    bids.pipe(
      keyBy(({ bidder }) => bidder),
      window(tumbling('10s', { time: 'processing' })),
      count({ name: 'bids' }),
    ),
})
