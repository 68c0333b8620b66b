/**
 * q3, local item suggestion: who sells in a category, in three states.
 *
 *     SELECT p.name, p.city, p.state, a.id
 *     FROM auction a JOIN person p ON a.seller = p.id
 *     WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')
 *
 * Keeps the persons and auctions that pass, for ever: a seller may come before or after, and sell again.
 */
import { filter, join, keyBy, map } from 'millrace'
import type { Auction, Person } from '../model.js'
import { defineQuery } from '../query.js'

interface Suggestion {
  readonly name: string
  readonly city: string
  readonly state: string
  readonly id: number
}

const STATES = ['OR', 'ID', 'CA']

export default defineQuery<Suggestion>({
  name: 'q3',
  title: 'who sells in a category, in three states',
  reads: ['person', 'auction'],
  columns: {
    name: (row) => row.name,
    city: (row) => row.city,
    state: (row) => row.state,
    id: (row) => row.id,
  },
  build(_flow, { auctions, persons }) {
    const sellers = persons.pipe(
      filter(({ state }) => STATES.includes(state)),
      map(({ id, name, city, state }: Person) => ({ id, name, city, state })),
      keyBy(({ id }) => id),
    )
    return auctions.pipe(
      filter(({ category }) => category === 10),
      map(({ id, seller }: Auction) => ({ id, seller })),
      keyBy(({ seller }) => seller),
      join(sellers, { retention: 'unbounded' }),
      map(([{ id }, { name, city, state }]) => ({ name, city, state, id })),
    )
  },
})
