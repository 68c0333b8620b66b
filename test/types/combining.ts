/** Type tests of operators with several inputs; see `composing.ts`. */
import {
  buffer,
  combineLatest,
  combineLatestWith,
  concat,
  concatWith,
  connect,
  cross,
  filter,
  groupBy,
  keyBy,
  map,
  type NoKey,
  partition,
  pipeline,
  race,
  raceWith,
  rebalance,
  type Stream,
  share,
  skipUntil,
  takeUntil,
  withLatestFrom,
  zip,
  zipWith,
} from '../../lib/index.js'
import { sink, source } from '../support/fake-parts.js'
import { type Equal, is } from './equal.js'

interface Bid {
  auction: number
  price: number
}

interface Auction {
  id: number
  seller: string
}

export const combining = pipeline('types', (flow) => {
  const bids = flow.from(source<Bid>('bids'))
  const auctions = flow.from(source<Auction>('auctions'))
  const words = flow.from(source<string>('words'))

  const zipped = zip(bids, auctions, words)
  is<Equal<RecordOf<typeof zipped>, [Bid, Auction, string]>>(true)
  is<Equal<KeyOf<typeof zipped>, NoKey>>(true)
  zipped
    .pipe(map(([bid, auction, word]) => bid.price + auction.id + word.length))
    .to(sink<number>())
  const named = zip([bids, words], { name: 'z', bufferMax: 10 })
  is<Equal<RecordOf<typeof named>, [Bid, string]>>(true)

  const within = bids.pipe(
    filter((bid) => bid.price > 0),
    zipWith(auctions, words),
    map(([bid, auction, word]) => [bid.price, auction.id, word] as const),
  )
  is<Equal<typeof within, Stream<readonly [number, number, string]>>>(true)
  const latest = bids.pipe(combineLatestWith([words], { name: 'l' }), withLatestFrom(auctions))
  is<Equal<RecordOf<typeof latest>, [[Bid, string], Auction]>>(true)
  const all = combineLatest([bids, words])
  is<Equal<RecordOf<typeof all>, [Bid, string]>>(true)

  const either = concat(bids, words)
  is<Equal<RecordOf<typeof either>, Bid | string>>(true)
  const eitherWithin = bids.pipe(concatWith(words), raceWith(auctions))
  is<Equal<RecordOf<typeof eitherWithin>, Bid | string | Auction>>(true)
  const won = race([bids, auctions])
  is<Equal<RecordOf<typeof won>, Bid | Auction>>(true)

  const cut = bids.pipe(takeUntil(words), skipUntil(auctions), share())
  is<Equal<RecordOf<typeof cut>, Bid>>(true)
  const arrays = cut.pipe(buffer(words))
  is<Equal<RecordOf<typeof arrays>, Bid[]>>(true)
  const crossed = bids.pipe(cross(auctions))
  is<Equal<RecordOf<typeof crossed>, [Bid, Auction]>>(true)
  const connected = bids.pipe(
    connect(auctions, { left: (bid) => bid.price, right: (auction) => auction.seller }),
  )
  is<Equal<RecordOf<typeof connected>, number | string>>(true)

  const [texts, rest] = partition(concat(bids, words), (x): x is string => typeof x === 'string')
  is<Equal<RecordOf<typeof texts>, string>>(true)
  is<Equal<RecordOf<typeof rest>, Bid>>(true)
  const [dear, cheap] = partition(bids, (bid) => bid.price > 100)
  is<Equal<typeof dear, Stream<Bid>>>(true)
  is<Equal<typeof cheap, Stream<Bid>>>(true)

  const keyedBids = bids.pipe(keyBy((bid) => bid.auction))
  const keyedAuctions = auctions.pipe(groupBy((auction) => auction.id))
  const perKey = keyedBids.pipe(zipWith(keyedAuctions))
  is<Equal<KeyOf<typeof perKey>, number>>(true)
  const staticPerKey = zip(keyedBids, keyedAuctions)
  is<Equal<KeyOf<typeof staticPerKey>, number>>(true)
  const keptByCross = keyedBids.pipe(cross(auctions))
  is<Equal<KeyOf<typeof keptByCross>, number>>(true)

  const timed = bids as unknown as Stream<Bid, 'event'>
  const halfTimed = timed.pipe(combineLatestWith(auctions))
  is<Equal<TimeOf<typeof halfTimed>, 'untimed'>>(true)
  const allTimed = timed.pipe(combineLatestWith(auctions as unknown as Stream<Auction, 'event'>))
  is<Equal<TimeOf<typeof allTimed>, 'event'>>(true)
  const keepsTime = timed.pipe(withLatestFrom(auctions), takeUntil(words))
  is<Equal<TimeOf<typeof keepsTime>, 'event'>>(true)

  // @ts-expect-error only one of them has keys
  zip(keyedBids, auctions).to(sink())
  // @ts-expect-error only one of them has keys
  keyedBids.pipe(zipWith(auctions))
  // @ts-expect-error only one of them has keys
  bids.pipe(withLatestFrom(keyedAuctions))
  // @ts-expect-error only one of them has keys
  keyedBids.pipe(takeUntil(words))
  // @ts-expect-error a partitioner ends the key's scope
  keyedBids.pipe(rebalance(), zipWith(keyedAuctions))
  // @ts-expect-error an option that does not exist
  zip([bids, words], { max: 3 })
  // @ts-expect-error the record of the other side has no such field
  bids.pipe(connect(auctions, { left: (bid) => bid.price, right: (auction) => auction.price }))
})

type RecordOf<S> = S extends Stream<infer T, infer _E, infer _Key> ? T : never
type TimeOf<S> = S extends Stream<infer _T, infer E, infer _Key> ? E : never
type KeyOf<S> = S extends Stream<infer _T, infer _E, infer Key> ? Key : never
