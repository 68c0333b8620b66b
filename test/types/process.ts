/** Type tests of process functions: compiled with everything else. */
import {
  broadcastState,
  count,
  keyBy,
  listState,
  mapState,
  type NoKey,
  operatorListState,
  process,
  processWith,
  processWithBroadcast,
  recordsOf,
  reducingState,
  type Stream,
  sideOutput,
  sideTag,
  valueState,
} from '../../lib/index.js'
import { type Equal, is } from './equal.js'

interface Bid {
  readonly auction: number
  readonly price: number
}

declare const timed: Stream<Bid, 'event'>
declare const untimed: Stream<Bid>

const late = sideTag<Bid>('late')

export function infers(): void {
  const keyed = timed.pipe(
    keyBy((bid) => bid.auction),
    process({
      emits: recordsOf<string>(),
      state: {
        seen: valueState<number>(),
        last: listState<Bid>({ ttl: '1h' }),
        best: mapState<string, number>({ ttl: 5_000, update: 'readWrite' }),
        most: reducingState((a: number, b: number) => Math.max(a, b)),
      },
      open: async ({ subtask }) => ({ connection: subtask }),
      onRecord(bid, context) {
        const { state, key, timeMs, watermarkMs, opened, timers } = context
        is<Equal<typeof bid, Bid>>(true)
        is<Equal<typeof key, number>>(true)
        is<Equal<typeof timeMs, number>>(true)
        is<Equal<typeof watermarkMs, number>>(true)
        is<Equal<typeof opened, { connection: number }>>(true)
        const seen = state.seen.get()
        is<Equal<typeof seen, number | undefined>>(true)
        const last = state.last.get()
        is<Equal<typeof last, Bid[]>>(true)
        const most = state.most.get()
        is<Equal<typeof most, number | undefined>>(true)
        context.emit('text')
        context.side(late, bid)
        timers.event.register(timeMs + 60_000)
        timers.processing.register(context.now() + 60_000, 'soon')
        // @ts-expect-error it emits strings
        context.emit(5)
        // @ts-expect-error the side output takes bids
        context.side(late, 'text')
        // @ts-expect-error no such state
        state.other
        // @ts-expect-error numbers are kept
        state.seen.set('text')
      },
      onTimer(timer, { key, state, emit }) {
        is<Equal<typeof timer.key, number>>(true)
        is<Equal<typeof timer.kind, 'event' | 'processing'>>(true)
        emit(`${key} ${state.seen.get()}`)
      },
      onEnd: ({ emit }) => emit('end'),
      close: ({ connection }) => void connection,
    }),
  )
  is<Equal<typeof keyed, Stream<string, 'event'>>>(true)
  is<Equal<typeof keyed, Stream<string, 'event', NoKey>>>(true)

  const lateBids = keyed.pipe(sideOutput(late))
  is<Equal<typeof lateBids, Stream<Bid, 'event'>>>(true)

  const counted = keyed.pipe(
    sideOutput(late),
    keyBy((bid) => bid.price),
    count(),
  )
  is<Equal<typeof counted, Stream<readonly [key: number, value: number]>>>(true)

  const plain = untimed.pipe(
    process({
      emits: recordsOf<number>(),
      state: { held: operatorListState<Bid>(), rules: broadcastState<string, number>() },
      onRecord(bid, { state, emit, key, timeMs, timers }) {
        is<Equal<typeof key, undefined>>(true)
        is<Equal<typeof timeMs, null>>(true)
        state.held.append(bid)
        state.rules.set('x', 1)
        timers.processing.register(5)
        // @ts-expect-error 'needs timestamps(...) earlier in the pipe'
        timers.event.register(5)
        emit(bid.price)
      },
    }),
  )
  is<Equal<typeof plain, Stream<number>>>(true)

  untimed.pipe(
    // @ts-expect-error 'needs keyBy(...) earlier in the pipe'
    process({ state: { seen: valueState<number>() }, onRecord: (bid: Bid) => void bid }),
  )

  // Without `emits` anything may be emitted.
  const anything = untimed.pipe(process({ onRecord: (bid: Bid, { emit }) => emit(bid.price) }))
  is<Equal<typeof anything, Stream<unknown>>>(true)
}

declare const rules: Stream<{ readonly id: string; readonly limit: number }>

export function infersSeveralInputs(): void {
  const both = timed.pipe(
    keyBy((bid) => bid.auction),
    processWith(timed.pipe(keyBy((bid) => bid.price)), {
      emits: recordsOf<boolean>(),
      state: { left: valueState<Bid>() },
      onLeft(bid, { state, timers, timeMs, key }) {
        is<Equal<typeof bid, Bid>>(true)
        is<Equal<typeof key, number>>(true)
        timers.event.register(timeMs)
        state.left.set(bid)
      },
      onRight: (bid, { emit, state }) => emit(state.left.get()?.price === bid.price),
    }),
  )
  is<Equal<typeof both, Stream<boolean, 'event'>>>(true)

  const mixed = timed.pipe(
    processWith(rules, {
      emits: recordsOf<number>(),
      onLeft(bid, { timeMs, emit }) {
        is<Equal<typeof timeMs, null>>(true)
        emit(bid.price)
      },
      onRight: (rule, { emit }) => emit(rule.limit),
    }),
  )
  is<Equal<typeof mixed, Stream<number>>>(true)

  const ruled = timed.pipe(
    keyBy((bid) => bid.auction),
    processWithBroadcast(rules, {
      emits: recordsOf<Bid>(),
      state: { rules: broadcastState<string, number>(), seen: valueState<number>() },
      onRecord(bid, { state, emit, timers, timeMs, key }) {
        is<Equal<typeof bid, Bid>>(true)
        is<Equal<typeof key, number>>(true)
        const limit = state.rules.get('x')
        is<Equal<typeof limit, number | undefined>>(true)
        state.seen.set(bid.price)
        timers.event.register(timeMs)
        if (bid.price > (limit ?? 0)) emit(bid)
        // @ts-expect-error only onBroadcast changes it
        state.rules.set('x', 1)
      },
      onBroadcast(rule, context) {
        context.state.rules.set(rule.id, rule.limit)
        // @ts-expect-error it is called for no key
        context.state.seen
        // @ts-expect-error it is called for no key
        context.timers
      },
    }),
  )
  is<Equal<typeof ruled, Stream<Bid, 'event'>>>(true)

  timed.pipe(
    keyBy((bid) => bid.auction),
    // @ts-expect-error 'needs keyBy(...) on all of its inputs, or on none'
    processWith(rules, { onLeft: (bid: Bid) => void bid, onRight: () => {} }),
  )
}
