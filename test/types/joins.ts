/** Type tests of joins; see `composing.ts`. */
import { keyBy, lookupJoin, pipeline, type Stream } from '../../lib/index.js'
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

type RecordOf<S> = S extends Stream<infer T, infer _E, infer _Key> ? T : never
type KeyOf<S> = S extends Stream<infer _T, infer _E, infer Key> ? Key : never
