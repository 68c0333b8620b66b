/**
 * Numbers of bids, of their bidders and of their auctions, by price; q15 has them per day, q16 per channel
 * and day.
 *
 *     COUNT(*), …, COUNT(DISTINCT bidder), …, COUNT(DISTINCT auction), …
 *
 * Few groups have most of the bids, so what is counted once is kept by itself: of each group and bidder
 * (and auction) whether there was one, at which prices. That is dealt out over all subtasks; what it adds
 * to the numbers of the group is summed where it is found, and again where the group is.
 */
import { aggregate, filter, keyBy, map, merge, mergeMap, type Stream } from 'millrace'
import type { Bid, Change } from '../model.js'
import type { Columns } from '../row-text.js'
import { changes } from './changes.js'
import { minuteOf } from './day.js'
import { either, minus, NONE, plus, type Totals, totalsColumns, totalsOf } from './totals.js'

/** One row. */
export interface Statistics {
  readonly group: string
  readonly bids: Totals
  readonly bidders: Totals
  readonly auctions: Totals
  /** Of the last bid: minutes since midnight. */
  readonly minute: number
}

const NOTHING: Statistics = { group: '', bids: NONE, bidders: NONE, auctions: NONE, minute: 0 }

const together = (a: Statistics, b: Statistics): Statistics => ({
  group: b.group,
  bids: plus(a.bids, b.bids),
  bidders: plus(a.bidders, b.bidders),
  auctions: plus(a.auctions, b.auctions),
  minute: Math.max(a.minute, b.minute),
})

/** The table of all groups. */
export function bidStatistics(
  bids: Stream<Bid, 'event'>,
  groupOf: (bid: Bid) => string,
): Stream<Change<Statistics>> {
  const all = bids.pipe(
    map((bid: Bid) => ({
      ...NOTHING,
      group: groupOf(bid),
      bids: totalsOf(bid.price),
      minute: minuteOf(bid.dateTime),
    })),
  )
  const bidders = onceEach('bidders', bids, groupOf, ({ bidder }) => bidder).pipe(
    map(({ group, found }) => ({ ...NOTHING, group, bidders: found })),
  )
  const auctions = onceEach('auctions', bids, groupOf, ({ auction }) => auction).pipe(
    map(({ group, found }) => ({ ...NOTHING, group, auctions: found })),
  )
  return merge(all, bidders, auctions).pipe(
    keyBy(({ group }) => group),
    aggregate(
      { create: () => NOTHING, add: together, merge: together },
      { emit: 'changes', name: 'groups' },
    ),
    mergeMap(([, { before, after }]) => changes(before, after)),
  )
}

/** Of each group and `id` what is found for the first time. */
function onceEach(
  name: string,
  bids: Stream<Bid, 'event'>,
  groupOf: (bid: Bid) => string,
  idOf: (bid: Bid) => number,
): Stream<{ readonly group: string; readonly found: Totals }> {
  return bids.pipe(
    keyBy((bid) => [groupOf(bid), idOf(bid)] as const),
    aggregate(
      {
        select: ({ price }: Bid) => price,
        create: () => NONE,
        add: (seen, price) => either(seen, totalsOf(price)),
        merge: either,
      },
      { emit: 'changes', name },
    ),
    map(([[group], { before = NONE, after }]) => ({ group, found: minus(after, before) })),
    filter(({ found }) => found.cheap + found.fair + found.dear > 0),
  )
}

export const STATISTICS: Columns<Statistics> = {
  ...totalsColumns('bids', (row: Statistics) => row.bids),
  ...totalsColumns('bidders', (row: Statistics) => row.bidders),
  ...totalsColumns('auctions', (row: Statistics) => row.auctions),
}
