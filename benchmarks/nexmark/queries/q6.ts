/**
 * q6, average selling price by seller: of the last ten auctions that have closed, at each that closes.
 *
 *     SELECT id, seller, AVG(price) OVER (PARTITION BY seller ORDER BY expires, id
 *                                         ROWS BETWEEN 9 PRECEDING AND CURRENT ROW)
 *     FROM winning_bids
 *
 * An average is rounded to a whole number. Keeps what `winningBids` keeps, and ten prices per seller, for
 * ever: nobody knows when one sells again.
 */
import { keyBy, listState, map, process, recordsOf, valueState } from 'millrace'
import { defineQuery } from '../query.js'
import { winningBids } from './winning-bids.js'

interface Sale {
  readonly id: number
  readonly seller: number
  readonly expires: number
  readonly price: number
}

interface Average {
  readonly id: number
  readonly seller: number
  readonly price: number
}

const SALES = 10

export default defineQuery<Average>({
  name: 'q6',
  title: "average price of a seller's last ten sales",
  reads: ['auction', 'bid'],
  columns: { id: (row) => row.id, seller: (row) => row.seller, price: (row) => row.price },
  build: (_flow, events) =>
    winningBids(events, 'closed').pipe(
      map(({ auction: { id, seller, expires }, bid }) => ({
        id,
        seller,
        expires,
        price: bid.price,
      })),
      keyBy(({ seller }) => seller),
      process({
        emits: recordsOf<Average>(),
        state: { closing: listState<Sale>(), last: valueState<readonly number[]>() },
        onRecord(sale: Sale, { state, timers }) {
          state.closing.append(sale)
          timers.event.register(sale.expires)
        },
        // Sales come from several subtasks: their order is known once event time has passed them.
        onTimer({ timeMs }, { key, state, emit }) {
          const closing = state.closing.get()
          const closed = closing.filter(({ expires }) => expires === timeMs)
          let last = state.last.get() ?? []
          for (const { id, price } of closed.sort((a, b) => a.id - b.id)) {
            last = [...last, price].slice(-SALES)
            emit({ id, seller: key, price: average(last) })
          }
          state.last.set(last)
          state.closing.replace(closing.filter(({ expires }) => expires !== timeMs))
        },
      }),
    ),
})

const average = (prices: readonly number[]): number =>
  Math.round(prices.reduce((sum, price) => sum + price, 0) / prices.length)
