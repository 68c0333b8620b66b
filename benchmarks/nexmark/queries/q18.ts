/**
 * q18, find last bid: the last one of each bidder in each auction.
 *
 *     SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY dateTime DESC) AS rank FROM bid)
 *     WHERE rank = 1
 *
 * Of bids at the same time the one with the higher number is the last. Keeps one bid per bidder and
 * auction, for ever: there may always be a later one.
 */
import { keyBy, process, recordsOf, valueState } from 'millrace'
import type { Bid, Change } from '../model.js'
import { defineQuery } from '../query.js'
import { BID } from './columns.js'

export default defineQuery<Bid>({
  name: 'q18',
  title: 'the last bid of each bidder in each auction',
  reads: ['bid'],
  columns: BID,
  key: ({ bidder, auction }) => `${bidder} ${auction}`,
  build: (_flow, { bids }) =>
    bids.pipe(
      keyBy(({ bidder, auction }) => [bidder, auction] as const),
      process({
        emits: recordsOf<Change<Bid>>(),
        state: { last: valueState<Bid>() },
        onRecord(bid, { state, emit }) {
          const last = state.last.get()
          if (last === undefined) emit({ kind: 'insert', row: bid })
          else {
            if (!isLater(bid, last)) return
            emit({ kind: 'update-before', row: last })
            emit({ kind: 'update-after', row: bid })
          }
          state.last.set(bid)
        },
      }),
    ),
})

const isLater = (a: Bid, b: Bid): boolean =>
  a.dateTime > b.dateTime || (a.dateTime === b.dateTime && a.seq > b.seq)
