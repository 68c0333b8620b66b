/** Type tests of windows: see composing.ts. */
import {
  aggregate,
  avg,
  count,
  countWindow,
  type Flow,
  globalWindow,
  keyBy,
  map,
  max,
  pipeline,
  reduce,
  type Stream,
  session,
  sideTag,
  sliding,
  sum,
  timestamps,
  tumbling,
  type WindowAllResult,
  type WindowResult,
  window,
  windowAll,
  windowProcess,
} from '../../lib/index.js'
import { source } from '../support/fake-parts.js'
import { type Equal, is } from './equal.js'

interface Bid {
  readonly auction: number
  readonly price: number
  readonly at: number
}

export const infers = pipeline('windows', (flow: Flow) => {
  const bids = flow.from(source<Bid>('bids'))
  const timed = bids.pipe(timestamps((bid) => bid.at))

  const counts = timed.pipe(
    keyBy((bid) => bid.auction),
    window(tumbling('1m')),
    count(),
  )
  is<Equal<typeof counts, Stream<WindowResult<number, number>, 'event'>>>(true)

  const sums = timed.pipe(
    keyBy((bid) => String(bid.auction)),
    window(sliding('1h', '1m'), { allowedLateness: '10s', late: sideTag<Bid>('late') }),
    sum((bid) => bid.price),
  )
  is<Equal<typeof sums, Stream<WindowResult<string, number>, 'event'>>>(true)

  const all = timed.pipe(
    windowAll(session('5m')),
    max((a, b) => a.price - b.price),
  )
  is<Equal<typeof all, Stream<WindowAllResult<Bid>, 'event'>>>(true)

  const byClock = bids.pipe(
    keyBy((bid) => bid.auction),
    window(tumbling('1m', { time: 'processing' })),
    avg((bid) => bid.price),
  )
  is<Equal<typeof byClock, Stream<WindowResult<number, number>>>>(true)

  const byCount = bids.pipe(
    windowAll(countWindow(3)),
    reduce((total, bid) => total + bid.price, 0),
  )
  is<Equal<typeof byCount, Stream<WindowAllResult<number>>>>(true)

  const global = timed.pipe(
    keyBy((bid) => bid.auction),
    window(globalWindow()),
    aggregate({
      select: (bid) => bid.price,
      create: () => 0,
      add: (total, price) => total + price,
    }),
  )
  is<Equal<typeof global, Stream<WindowResult<number, number>>>>(true)

  const gaps = timed.pipe(
    keyBy((bid) => bid.auction),
    window(session((bid) => bid.price)),
    count(),
  )
  is<Equal<typeof gaps, Stream<WindowResult<number, number>, 'event'>>>(true)

  const processed = timed.pipe(
    keyBy((bid) => bid.auction),
    window(tumbling('1m')),
    windowProcess(({ key, window, records }) => [
      { key: key.toFixed(), from: window.start, prices: records.map((bid) => bid.price) },
    ]),
  )
  is<Equal<typeof processed, Stream<{ key: string; from: number; prices: number[] }, 'event'>>>(
    true,
  )

  const combined = timed.pipe(
    windowAll(tumbling('1m')),
    windowProcess(count(), ({ window, value }) => [window.end + value]),
  )
  is<Equal<typeof combined, Stream<number, 'event'>>>(true)

  const combinedMax = timed.pipe(
    keyBy((bid) => bid.auction),
    window(tumbling('1m')),
    windowProcess(
      max((a: Bid, b) => a.price - b.price),
      ({ key, value }) => [key + value.price],
    ),
  )
  is<Equal<typeof combinedMax, Stream<number, 'event'>>>(true)
})

export const refuses = pipeline('refused windows', (flow) => {
  const bids = flow.from(source<Bid>('bids'))
  const timed = bids.pipe(timestamps((bid) => bid.at))
  const keyed = timed.pipe(keyBy((bid) => bid.auction))
  // @ts-expect-error event time windows of a stream without timestamps
  bids.pipe(windowAll(tumbling('1m')))
  bids.pipe(
    keyBy((bid) => bid.auction),
    // @ts-expect-error event time windows of a stream without timestamps
    window(sliding('1m', '1s')),
  )
  // @ts-expect-error windows per key of a stream without one
  timed.pipe(window(tumbling('1m')))
  // @ts-expect-error windows of the whole stream behind a key
  keyed.pipe(windowAll(tumbling('1m')))
  // @ts-expect-error a function of windows outside of them
  keyed.pipe(windowProcess(() => []))
  keyed.pipe(
    window(tumbling('1m')),
    count(),
    // @ts-expect-error the result of a window is no longer keyed
    window(tumbling('1h')),
  )
  // @ts-expect-error a duration without a unit
  tumbling('10')
  // @ts-expect-error an option that does not exist
  tumbling('1m', { offest: '5s' })
  keyed.pipe(map((bid) => bid.price))
})
