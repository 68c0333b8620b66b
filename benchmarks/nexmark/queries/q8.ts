/**
 * q8, monitor new users: who has come and begun to sell within the same 10 s.
 *
 *     SELECT p.id, p.name, p.window_start
 *     FROM (SELECT DISTINCT id, name, window_start FROM TUMBLE(person, dateTime, 10 s)) p
 *     JOIN (SELECT DISTINCT seller, window_start FROM TUMBLE(auction, dateTime, 10 s)) a
 *       ON p.id = a.seller AND p.window_start = a.window_start
 *
 * Keeps ids and names of open windows.
 */
import { coGroup, keyBy, map, tumbling } from 'millrace'
import type { Auction, Person } from '../model.js'
import { defineQuery } from '../query.js'

interface NewSeller {
  readonly id: number
  readonly name: string
  readonly since: number
}

export default defineQuery<NewSeller>({
  name: 'q8',
  title: 'persons who sell within 10 s of coming',
  reads: ['person', 'auction'],
  columns: { id: (row) => row.id, name: (row) => row.name, startTime: (row) => row.since },
  build(_flow, { persons, auctions }) {
    const sellers = auctions.pipe(
      map(({ seller }: Auction) => seller),
      keyBy((seller) => seller),
    )
    return persons.pipe(
      map(({ id, name }: Person) => ({ id, name })),
      keyBy(({ id }) => id),
      coGroup(sellers, tumbling('10s'), ({ key, window, left, right }) =>
        left.length === 0 || right.length === 0
          ? []
          : [...new Set(left.map(({ name }) => name))].map((name) => ({
              id: key,
              name,
              since: window.start,
            })),
      ),
    )
  },
})
