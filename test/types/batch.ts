/** Type tests of rankings and bounded joins: compiled with everything else. */
import {
  firstPerKey,
  hashJoin,
  keyBy,
  lastPerKey,
  type NoKey,
  pipeline,
  type Stream,
  sort,
  sortMergeJoin,
  topN,
} from '../../lib/index.js'
import { source } from '../support/fake-parts.js'
import { type Equal, is } from './equal.js'

interface Bid {
  readonly auction: number
  readonly price: number
}

interface Auction {
  readonly id: number
}

export const ranks = pipeline('types', (flow) => {
  const bids = flow.from(source<Bid>('bids'))
  const keyed = bids.pipe(keyBy((bid) => bid.auction))

  const top = keyed.pipe(topN(3, { by: (bid) => bid.price }))
  is<Equal<typeof top, Stream<readonly [key: number, value: readonly Bid[]]>>>(true)

  const changes = bids.pipe(
    topN(3, { by: (bid) => bid.price, id: (bid) => bid.auction, emit: 'changes' }),
  )
  is<Equal<typeof changes, Stream<readonly Bid[]>>>(true)

  // @ts-expect-error: versions are told apart only where changes are told
  bids.pipe(topN(3, { by: (bid) => bid.price, id: (bid: Bid) => bid.auction }))

  // @ts-expect-error: records are no order
  bids.pipe(topN(3, { by: (bid) => bid }))

  is<Equal<ReturnType<typeof firstOf>, Stream<Bid, 'untimed', number>>>(true)
  const firstOf = () => keyed.pipe(firstPerKey())

  const last = keyed.pipe(lastPerKey({ by: (bid) => bid.price }))
  is<Equal<typeof last, Stream<readonly [key: number, value: Bid]>>>(true)

  // @ts-expect-error: needs a key
  bids.pipe(firstPerKey())
  // @ts-expect-error: needs a key
  bids.pipe(lastPerKey())

  const sorted = bids.pipe(sort({ by: (bid) => [bid.auction, bid.price], order: 'desc' }))
  is<Equal<typeof sorted, Stream<Bid, 'untimed', NoKey>>>(true)
})

export const joins = pipeline('types', (flow) => {
  const bids = flow.from(source<Bid>('bids')).pipe(keyBy((bid) => bid.auction))
  const auctions = flow.from(source<Auction>('auctions'))
  const keyed = auctions.pipe(keyBy((auction) => auction.id))

  const inner = bids.pipe(hashJoin(keyed))
  is<Equal<typeof inner, Stream<readonly [left: Bid, right: Auction], 'untimed', number>>>(true)

  const left = bids.pipe(sortMergeJoin(keyed, { kind: 'left' }))
  type Left = readonly [left: Bid, right: Auction | undefined]
  is<Equal<typeof left, Stream<Left, 'untimed', number>>>(true)

  const full = bids.pipe(hashJoin(keyed, { kind: 'full' }))
  type Full = readonly [left: Bid | undefined, right: Auction | undefined]
  is<Equal<typeof full, Stream<Full, 'untimed', number>>>(true)

  // @ts-expect-error: both need a key
  bids.pipe(hashJoin(auctions))
  // @ts-expect-error: both need a key
  auctions.pipe(sortMergeJoin(auctions))
})
