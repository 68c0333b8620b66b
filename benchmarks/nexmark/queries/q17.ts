/**
 * q17, auction statistics: of each auction and day the number of bids by price, and their lowest, highest,
 * average and total price.
 *
 *     SELECT auction, DATE_FORMAT(dateTime, 'yyyy-MM-dd') AS day, …,
 *            MIN(price), MAX(price), AVG(price), SUM(price)
 *     FROM bid GROUP BY auction, DATE_FORMAT(dateTime, 'yyyy-MM-dd')
 *
 * An average is cut to a whole number. Keeps one row per auction and day, for ever: a bid may come at any
 * time.
 */
import { aggregate, keyBy, mergeMap } from 'millrace'
import type { Bid } from '../model.js'
import { defineQuery } from '../query.js'
import { changes } from './changes.js'
import { dayOf, dayText } from './day.js'
import { NONE, plus, type Totals, totalsColumns, totalsOf } from './totals.js'

interface Prices {
  readonly totals: Totals
  readonly min: number
  readonly max: number
  readonly sum: number
}

interface Statistics extends Prices {
  readonly auction: number
  readonly day: number
}

export default defineQuery<Statistics>({
  name: 'q17',
  title: 'statistics of the bids of each auction and day',
  reads: ['bid'],
  columns: {
    auction: ({ auction }) => auction,
    day: ({ day }) => dayText(day),
    ...totalsColumns('bids', ({ totals }: Statistics) => totals),
    min: ({ min }) => min,
    max: ({ max }) => max,
    avg: ({ sum, totals }) => Math.floor(sum / totals.all),
    sum: ({ sum }) => sum,
  },
  key: ({ auction, day }) => `${auction} ${day}`,
  build: (_flow, { bids }) =>
    bids.pipe(
      keyBy(({ auction, dateTime }) => [auction, dayOf(dateTime)] as const),
      aggregate(
        {
          select: ({ price }: Bid) => price,
          create: (): Prices => ({ totals: NONE, min: Infinity, max: -Infinity, sum: 0 }),
          add: ({ totals, min, max, sum }, price) => ({
            totals: plus(totals, totalsOf(price)),
            min: Math.min(min, price),
            max: Math.max(max, price),
            sum: sum + price,
          }),
          merge: (a, b) => ({
            totals: plus(a.totals, b.totals),
            min: Math.min(a.min, b.min),
            max: Math.max(a.max, b.max),
            sum: a.sum + b.sum,
          }),
        },
        { emit: 'changes', name: 'statistics' },
      ),
      mergeMap(([[auction, day], { before, after }]) =>
        changes(before && { auction, day, ...before }, { auction, day, ...after }),
      ),
    ),
})
