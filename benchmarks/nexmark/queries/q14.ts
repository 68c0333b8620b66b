/**
 * q14, calculation: dear bids in euros, with the time of day, and how often `extra` has a `c`.
 *
 *     SELECT auction, bidder, 0.908 * price AS price,
 *            CASE WHEN HOUR(dateTime) BETWEEN 8 AND 18 THEN 'dayTime'
 *                 WHEN HOUR(dateTime) <= 6 OR HOUR(dateTime) >= 20 THEN 'nightTime' ELSE 'otherTime' END,
 *            dateTime, extra, count_char(extra, 'c')
 *     FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000
 *
 * Hours are UTC. Keeps nothing.
 */
import { filter, map } from 'millrace'
import type { Bid } from '../model.js'
import { defineQuery } from '../query.js'
import { thousandths } from './columns.js'

interface Calculated {
  readonly auction: number
  readonly bidder: number
  /** Thousandths of a eurocent. */
  readonly price: number
  readonly timeOfDay: string
  readonly dateTime: number
  readonly extra: string
  readonly cs: number
}

const HOUR_MS = 3_600_000

export default defineQuery<Calculated>({
  name: 'q14',
  title: 'dear bids in euros, by time of day',
  reads: ['bid'],
  columns: {
    auction: (row) => row.auction,
    bidder: (row) => row.bidder,
    price: (row) => thousandths(row.price),
    bidTimeType: (row) => row.timeOfDay,
    dateTime: (row) => row.dateTime,
    extra: (row) => row.extra,
    cCounts: (row) => row.cs,
  },
  build: (_flow, { bids }) =>
    bids.pipe(
      filter(({ price }) => price * 908 > 1_000_000_000 && price * 908 < 50_000_000_000),
      map(({ auction, bidder, price, dateTime, extra }: Bid) => ({
        auction,
        bidder,
        price: price * 908,
        timeOfDay: timeOfDay(Math.floor(dateTime / HOUR_MS) % 24),
        dateTime,
        extra,
        cs: count(extra, 'c'),
      })),
    ),
})

function timeOfDay(hour: number): string {
  if (hour >= 8 && hour <= 18) return 'dayTime'
  return hour <= 6 || hour >= 20 ? 'nightTime' : 'otherTime'
}

function count(text: string, character: string): number {
  let n = 0
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) n++
  return n
}
