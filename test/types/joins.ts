/** Type tests of joins; see `composing.ts`. */
import {
  coGroup,
  hashJoin,
  intervalJoin,
  join,
  keyBy,
  lookupJoin,
  pipeline,
  type Stream,
  sortMergeJoin,
  temporalJoin,
  tumbling,
  windowJoin,
} from '../../lib/index.js'
import { source } from '../support/fake-parts.js'
import { type Equal, is } from './equal.js'

interface Bid {
  auction: number
  price: number
}

interface Auction {
  id: number
  seller: string
}

export const joining = pipeline('types', (flow) => {
  const bids = flow.from(source<Bid>('bids'))
  const keyed = bids.pipe(keyBy((bid) => bid.auction))
  const find = async (id: number): Promise<Auction | null> => ({ id, seller: '' })

  const found = bids.pipe(lookupJoin(find, { by: (bid) => bid.auction }))
  is<Equal<RecordOf<typeof found>, readonly [Bid, Auction]>>(true)
  const left = keyed.pipe(lookupJoin(find, { kind: 'left', cache: { max: 10, ttl: '5m' } }))
  is<Equal<RecordOf<typeof left>, readonly [Bid, Auction | undefined]>>(true)
  is<Equal<KeyOf<typeof left>, number>>(true)
  const inferred = keyed.pipe(lookupJoin(async (id) => `${id.toFixed()}`))
  is<Equal<RecordOf<typeof inferred>, readonly [Bid, string]>>(true)

  // @ts-expect-error neither a key nor what to look up by
  bids.pipe(lookupJoin(find))
  // @ts-expect-error what is looked up is no text
  bids.pipe(lookupJoin(find, { by: (bid) => `${bid.price}` }))
  // @ts-expect-error nothing is known beside the records
  bids.pipe(lookupJoin(find, { by: (bid) => bid.auction, kind: 'full' }))
})

export const keys = pipeline('types', (flow) => {
  const bids = flow.from(source<Bid>('bids')) as unknown as Stream<Bid, 'event'>
  const auctions = flow.from(source<Auction>('auctions')) as unknown as Stream<Auction, 'event'>
  const byNumber = bids.pipe(keyBy((bid) => bid.auction))
  const byText = auctions.pipe(keyBy((auction) => auction.seller))
  const near = { lower: 0, upper: '1m' } as const
  const retention = '1h'

  // @ts-expect-error 'needs keyBy(...) with the same type of key on both sides'
  byNumber.pipe(join(byText, { retention }))
  // @ts-expect-error 'needs keyBy(...) with the same type of key on both sides'
  byNumber.pipe(intervalJoin(byText, near))
  // @ts-expect-error 'needs keyBy(...) with the same type of key on both sides'
  byNumber.pipe(temporalJoin(byText))
  // @ts-expect-error 'needs keyBy(...) with the same type of key on both sides'
  byNumber.pipe(hashJoin(byText))
  // @ts-expect-error 'needs keyBy(...) with the same type of key on both sides'
  byNumber.pipe(sortMergeJoin(byText))
  // @ts-expect-error 'needs keyBy(...) with the same type of key on both sides'
  byNumber.pipe(windowJoin(byText, tumbling('1m')))
  // @ts-expect-error 'needs keyBy(...) with the same type of key on both sides'
  byNumber.pipe(coGroup(byText, tumbling('1m'), () => []))
  const pairs = auctions.pipe(keyBy(({ id, seller }) => [id, seller] as const))
  // @ts-expect-error a pair is no number
  byNumber.pipe(join(pairs, { retention }))

  // Keys that can be equal are compared, whichever is the wider type.
  const maybe = auctions.pipe(keyBy(({ id }): number | undefined => id))
  byNumber.pipe(join(maybe, { retention }))
  maybe.pipe(join(byNumber, { retention }))
  const some = auctions.pipe(keyBy((): 'a' | 'b' => 'a'))
  const others = auctions.pipe(keyBy((): 'b' | 'c' => 'b'))
  some.pipe(join(others, { retention }))
  some.pipe(join(byText, { retention }))
  const sameReversed = bids.pipe(keyBy(({ auction }): [number, string] => [auction, '']))
  pairs.pipe(join(sameReversed, { retention }))
})

type RecordOf<S> = S extends Stream<infer T, infer _E, infer _Key> ? T : never
type KeyOf<S> = S extends Stream<infer _T, infer _E, infer Key> ? Key : never
