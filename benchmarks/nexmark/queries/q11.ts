/**
 * q11, user sessions: how many bids a bidder makes without a pause of 10 s.
 *
 *     SELECT bidder, COUNT(*), SESSION_START, SESSION_END
 *     FROM SESSION(bid, dateTime, 10 s) GROUP BY bidder
 *
 * Bids exactly 10 s apart are of one session. Keeps one count per open session.
 */
import { count, keyBy, session, type WindowResult, window } from 'millrace'
import { defineQuery } from '../query.js'

export default defineQuery<WindowResult<number, number>>({
  name: 'q11',
  title: "number of bids in each of a bidder's sessions",
  reads: ['bid'],
  columns: {
    bidder: ({ key }) => key,
    bids: ({ value }) => value,
    startTime: ({ start }) => start,
    endTime: ({ end }) => end,
  },
  build: (_flow, { bids }) =>
    bids.pipe(
      keyBy(({ bidder }) => bidder),
      window(session('10s')),
      count({ name: 'bids' }),
    ),
})
