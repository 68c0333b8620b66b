/**
 * q23, bids by persons who also sell: each with the person, and with each auction of theirs.
 *
 *     SELECT b.*, p.*, a.* FROM bid b JOIN person p ON p.id = b.bidder JOIN auction a ON a.seller = b.bidder
 *
 * Keeps all persons, and all bids and auctions of persons who have come, for ever: any later auction of a seller
 * meets all former bids, any later bid all former auctions. Bids of others wait.
 */
import { join, keyBy } from 'millrace'
import type { Auction, Bid, Person } from '../model.js'
import { defineQuery } from '../query.js'
import { columnsOf, OFFER } from './columns.js'

type Row = readonly [readonly [Bid, Person], Auction]

/** All that has come, whatever the number of events: memory is the limit. */
const KEPT = { retention: 'unbounded', bufferMax: Number.MAX_SAFE_INTEGER } as const

export default defineQuery<Row>({
  name: 'q23',
  title: 'bids by persons who also sell',
  reads: ['person', 'auction', 'bid'],
  columns: {
    ...columnsOf(([[bid]]: Row) => bid, {
      bidder: (bid) => bid.bidder,
      price: (bid) => bid.price,
      channel: (bid) => bid.channel,
      url: (bid) => bid.url,
      extra: (bid) => bid.extra,
    }),
    ...columnsOf(([[, person]]: Row) => person, {
      id: (person) => person.id,
      name: (person) => person.name,
      email: (person) => person.email,
      creditCard: (person) => person.creditCard,
      city: (person) => person.city,
      state: (person) => person.state,
      personExtra: (person) => person.extra,
    }),
    ...columnsOf(([, auction]: Row) => auction, OFFER),
  },
  build: (_flow, { bids, persons, auctions }) =>
    bids.pipe(
      keyBy(({ bidder }) => bidder),
      join(persons.pipe(keyBy(({ id }) => id)), { ...KEPT, unique: 'right' }),
      join(auctions.pipe(keyBy(({ seller }) => seller)), KEPT),
    ),
})
