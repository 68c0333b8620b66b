/**
 * Type tests of composing: compiled with everything else, so that a wrong inference breaks the
 * build. `@ts-expect-error` marks what must not compile.
 */
import { of, pairwise } from 'rxjs'
import {
  aggregate,
  broadcast,
  count,
  distinct,
  type Flow,
  filter,
  global,
  keyBy,
  map,
  max,
  merge,
  mergeMap,
  mergeWith,
  min,
  type NoKey,
  partitionBy,
  pipeline,
  rebalance,
  reduce,
  rescale,
  rx,
  type Stream,
  scan,
  shuffle,
  skip,
  sum,
  type Time,
  take,
  tap,
} from '../../lib/index.js'
import { lines, remember, sink, source } from '../support/fake-parts.js'
import { type Equal, is } from './equal.js'

interface Bid {
  readonly auction: number
  readonly price: number
  readonly bidder: string
}

export const infers = pipeline('types', (flow: Flow) => {
  const text = flow.from(lines('x'))
  is<Equal<typeof text, Stream<string>>>(true)

  const words = text.pipe(mergeMap((line) => line.split(' ')))
  is<Equal<typeof words, Stream<string>>>(true)

  const keyed = words.pipe(keyBy((word) => word.length))
  is<Equal<typeof keyed, Stream<string, 'untimed', number>>>(true)

  const counted = words.pipe(
    keyBy((word) => word),
    count({ name: 'words' }),
  )
  is<Equal<typeof counted, Stream<readonly [key: string, value: number]>>>(true)
  is<Equal<typeof counted, Stream<readonly [key: string, value: number], 'untimed', NoKey>>>(true)

  const total = words.pipe(count())
  is<Equal<typeof total, Stream<number>>>(true)

  const longest = words.pipe(
    keyBy((word) => word[0] ?? ''),
    map((word) => word.length),
    filter((length) => length > 3),
    scan((most, length) => Math.max(most, length), 0),
  )
  is<Equal<typeof longest, Stream<readonly [key: string, value: number]>>>(true)

  const narrowed = text.pipe(
    map((line) => (line === '' ? undefined : line)),
    filter((line): line is string => line !== undefined),
  )
  is<Equal<typeof narrowed, Stream<string>>>(true)

  const bids = flow.from(source<Bid>('bids'))
  const turnover = bids.pipe(
    keyBy((bid) => bid.auction),
    reduce((sum, bid) => sum + bid.price, 0),
  )
  is<Equal<typeof turnover, Stream<readonly [key: number, value: number]>>>(true)

  const fetched = text.pipe(
    mergeMap(async (line) => Number(line), { concurrency: 4, ordered: true }),
    tap((n) => n.toFixed()),
    skip(1),
  )
  is<Equal<typeof fetched, Stream<number>>>(true)
  const streamed = text.pipe(
    mergeMap(async function* (line) {
      yield line.length
    }),
    sum(),
  )
  is<Equal<typeof streamed, Stream<number>>>(true)

  const dearest = bids.pipe(
    keyBy((bid) => bid.auction),
    max((a, b) => a.price - b.price),
  )
  is<Equal<typeof dearest, Stream<readonly [key: number, value: Bid]>>>(true)
  const first = bids.pipe(min((a, b) => a.price - b.price))
  is<Equal<typeof first, Stream<Bid>>>(true)
  const sums = bids.pipe(
    keyBy((bid) => [bid.auction, bid.bidder]),
    sum((bid) => bid.price),
  )
  is<Equal<typeof sums, Stream<readonly [key: readonly [number, string], value: number]>>>(true)
  const mean = bids.pipe(
    keyBy((bid) => bid.auction),
    aggregate({
      select: (bid) => bid.price,
      create: () => ({ sum: 0, n: 0 }),
      add: (total, price) => ({ sum: total.sum + price, n: total.n + 1 }),
      result: (total) => total.sum / total.n,
    }),
  )
  is<Equal<typeof mean, Stream<readonly [key: number, value: number]>>>(true)
  const joined = words.pipe(reduce((all, word) => `${all} ${word}`))
  is<Equal<typeof joined, Stream<string>>>(true)
  const paired = text.pipe(rx(pairwise()))
  is<Equal<typeof paired, Stream<[string, string]>>>(true)

  const remembered = bids.pipe(
    keyBy((bid) => bid.bidder),
    remember(),
  )
  is<Equal<typeof remembered, Stream<readonly [string, Bid]>>>(true)

  const spread = bids.pipe(
    keyBy((bid) => bid.auction),
    rebalance(),
  )
  is<Equal<typeof spread, Stream<Bid>>>(true)
  const spreads = bids.pipe(
    rescale(),
    shuffle(),
    broadcast(),
    global(),
    partitionBy((bid, parallelism) => bid.auction % parallelism),
  )
  is<Equal<typeof spreads, Stream<Bid>>>(true)

  const listed = flow.from([1, 2, 3])
  is<Equal<typeof listed, Stream<number>>>(true)
  const observed = flow.from(of('a', 'b'), { capacity: 10, overflow: 'fail', name: 'seen' })
  is<Equal<typeof observed, Stream<string>>>(true)
  const pulled = flow.from(
    (async function* () {
      yield 1n
    })(),
  )
  is<Equal<typeof pulled, Stream<bigint>>>(true)

  const mixed = merge(text, total)
  is<Equal<typeof mixed, Stream<string | number>>>(true)
  const both = merge(keyed, words.pipe(keyBy((word) => word.length)))
  is<Equal<typeof both, Stream<string, 'untimed', number>>>(true)
  const half = merge(keyed, words)
  is<Equal<typeof half, Stream<string>>>(true)
  const within = text.pipe(
    map((line) => line.length),
    mergeWith(text, total),
    distinct(),
  )
  is<Equal<typeof within, Stream<string | number>>>(true)

  const letters = flow.deadLetters().pipe(map((letter) => letter.operator))
  is<Equal<typeof letters, Stream<string>>>(true)

  const twelve = text.pipe(
    map((line) => line.length),
    map((n) => n + 1),
    map((n) => n + 1),
    map((n) => n + 1),
    map((n) => n + 1),
    map((n) => n + 1),
    map((n) => n + 1),
    map((n) => n + 1),
    map((n) => n + 1),
    map((n) => n + 1),
    keyBy((n) => n % 2 === 0),
    take(3),
  )
  is<Equal<typeof twelve, Stream<number, 'untimed', boolean>>>(true)
  const thirteen = text.pipe(
    map((line) => line.length),
    map((n) => n + 1),
    map((n) => n + 1),
    map((n) => n + 1),
    map((n) => n + 1),
    map((n) => n + 1),
    map((n) => n + 1),
    map((n) => n + 1),
    map((n) => n + 1),
    map((n) => n + 1),
    map((n) => n + 1),
    map((n) => n + 1),
    count(),
  )
  is<Equal<typeof thirteen, Stream<unknown, Time, unknown>>>(true)

  counted.to(sink<readonly [string, number]>())
  counted.to(sink(), { name: 'shown', parallelism: 1 })
})

export const refuses = pipeline('refused', (flow) => {
  const bids = flow.from(source<Bid>('bids'))
  // @ts-expect-error a field that does not exist
  bids.pipe(map((bid) => bid.prise))
  // @ts-expect-error keyed state without a key
  bids.pipe(remember())
  bids.pipe(
    keyBy((bid) => bid.auction),
    rebalance(),
    // @ts-expect-error a partitioner ends the key's scope
    remember(),
  )
  // @ts-expect-error the sink takes other records
  bids.to(sink<string>())
  // @ts-expect-error an Observable cannot wait: it must say how much may be kept
  flow.from(of(1))
  // @ts-expect-error the name of a file is no source
  flow.from('hamlet.txt')
  // @ts-expect-error options that do not exist
  bids.to(sink(), { paralelism: 2 })
  // @ts-expect-error a misspelt option of the pipeline
  pipeline('x', () => {}, { garantee: 'exactly-once' })
})
