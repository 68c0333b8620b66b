/**
 * q13, bounded side input: each bid with the row of a table that it names.
 *
 *     SELECT b.auction, b.bidder, b.price, b.dateTime, s.value
 *     FROM bid b JOIN side_input FOR SYSTEM_TIME AS OF PROCTIME() s ON b.auction % 10000 = s.key
 *
 * Keeps the table, in every subtask, and bids until it has been read.
 */
import { broadcastJoin, map } from 'millrace'
import { generate } from 'millrace/connectors'
import type { Bid } from '../model.js'
import { defineQuery } from '../query.js'

interface Named {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly dateTime: number
  readonly value: string
}

const SIDE_ROWS = 10_000

export default defineQuery<Named>({
  name: 'q13',
  title: 'all bids, each with its row of a table',
  reads: ['bid'],
  columns: {
    auction: (row) => row.auction,
    bidder: (row) => row.bidder,
    price: (row) => row.price,
    dateTime: (row) => row.dateTime,
    value: (row) => row.value,
  },
  build(flow, { bids }) {
    const side = flow.from(generate(SIDE_ROWS, (key) => ({ key, value: `${key}` })))
    return bids.pipe(
      broadcastJoin(side, {
        by: ({ auction }: Bid) => auction % SIDE_ROWS,
        sideBy: ({ key }) => key,
      }),
      map(([{ auction, bidder, price, dateTime }, { value }]) => ({
        auction,
        bidder,
        price,
        dateTime,
        value,
      })),
    )
  },
})
