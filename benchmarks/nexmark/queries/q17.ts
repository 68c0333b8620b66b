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
import { CHEAP_BELOW, DEAR_FROM, NONE, type Totals, totalsColumns } from './totals.js'

interface Prices extends Totals {
  readonly min: number
  readonly max: number
  readonly sum: number
}

interface Statistics {
  readonly auction: number
  readonly day: number
  readonly prices: Prices
}

export default defineQuery<Statistics>({
  name: 'q17',
  title: 'statistics of the bids of each auction and day',
  reads: ['bid'],
  columns: {
    auction: ({ auction }) => auction,
    day: ({ day }) => dayText(day),
    ...totalsColumns('bids', ({ prices }: Statistics) => prices),
    min: ({ prices }) => prices.min,
    max: ({ prices }) => prices.max,
    avg: ({ prices }) => Math.floor(prices.sum / prices.all),
    sum: ({ prices }) => prices.sum,
  },
  key: ({ auction, day }) => `${auction} ${day}`,
  build: (_flow, { bids }) =>
    bids.pipe(
      keyBy(({ auction, dateTime }) => [auction, dayOf(dateTime)] as const),
      aggregate(
        {
          select: ({ price }: Bid) => price,
          create: () => NO_PRICES,
          add: ({ all, cheap, fair, dear, min, max, sum }, price) => ({
            all: all + 1,
            cheap: price < CHEAP_BELOW ? cheap + 1 : cheap,
            fair: price >= CHEAP_BELOW && price < DEAR_FROM ? fair + 1 : fair,
            dear: price >= DEAR_FROM ? dear + 1 : dear,
            min: all === 0 || price < min ? price : min,
            max: price > max ? price : max,
            sum: sum + price,
          }),
          merge: (a, b) => ({
            all: a.all + b.all,
            cheap: a.cheap + b.cheap,
            fair: a.fair + b.fair,
            dear: a.dear + b.dear,
            min: Math.min(a.min, b.min),
            max: Math.max(a.max, b.max),
            sum: a.sum + b.sum,
          }),
        },
        { emit: 'changes', name: 'statistics' },
      ),
      mergeMap(([[auction, day], { before, after }]) =>
        changes(before && { auction, day, prices: before }, { auction, day, prices: after }),
      ),
    ),
})

const NO_PRICES: Prices = { ...NONE, min: 0, max: 0, sum: 0 }
