/**
 * q19, auction top 10: the ten highest bids of each auction, with their ranks.
 *
 *     SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS rank FROM bid)
 *     WHERE rank <= 10
 *
 * Of bids at the same price the one with the lower number is the higher. Keeps ten bids per auction, for
 * ever: there may always be a higher one.
 */
import { keyBy, process, recordsOf, valueState } from 'millrace'
import type { Bid, Change } from '../model.js'
import { defineQuery } from '../query.js'
import { BID, columnsOf } from './columns.js'

interface Ranked {
  readonly bid: Bid
  readonly rank: number
}

const RANKS = 10

export default defineQuery<Ranked>({
  name: 'q19',
  title: 'the ten highest bids of each auction',
  reads: ['bid'],
  columns: { ...columnsOf((row: Ranked) => row.bid, BID), rank: ({ rank }) => rank },
  key: ({ bid, rank }) => `${bid.auction} ${rank}`,
  build: (_flow, { bids }) =>
    bids.pipe(
      keyBy(({ auction }) => auction),
      process({
        emits: recordsOf<Change<Ranked>>(),
        state: { highest: valueState<readonly Bid[]>() },
        onRecord(bid, { state, emit }) {
          const before = state.highest.get() ?? []
          const at = before.findIndex((other) => isHigher(bid, other))
          const rank = at < 0 ? before.length : at
          if (rank === RANKS) return
          const after = [...before.slice(0, rank), bid, ...before.slice(rank, RANKS - 1)]
          state.highest.set(after)
          for (let i = rank; i < after.length; i++) {
            const moved = before[i]
            if (moved !== undefined)
              emit({ kind: 'update-before', row: { bid: moved, rank: i + 1 } })
            const kind = moved === undefined ? 'insert' : 'update-after'
            emit({ kind, row: { bid: after[i]!, rank: i + 1 } })
          }
        },
      }),
    ),
})

const isHigher = (a: Bid, b: Bid): boolean =>
  a.price > b.price || (a.price === b.price && a.seq < b.seq)
