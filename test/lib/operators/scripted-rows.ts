/** Operators that need several inputs, a key or event time: rows of the table of all operators. */
import { hashJoin } from '../../../lib/operators/batch/hash-join.js'
import { sort } from '../../../lib/operators/batch/sort.js'
import { sortMergeJoin } from '../../../lib/operators/batch/sort-merge-join.js'
import { buffer } from '../../../lib/operators/combine/buffer.js'
import { combineLatest, combineLatestWith } from '../../../lib/operators/combine/combine-latest.js'
import { concat, concatWith } from '../../../lib/operators/combine/concat.js'
import { connect } from '../../../lib/operators/combine/connect.js'
import { cross } from '../../../lib/operators/combine/cross.js'
import { race, raceWith } from '../../../lib/operators/combine/race.js'
import { skipUntil } from '../../../lib/operators/combine/skip-until.js'
import { takeUntil } from '../../../lib/operators/combine/take-until.js'
import { withLatestFrom } from '../../../lib/operators/combine/with-latest-from.js'
import { zip, zipWith } from '../../../lib/operators/combine/zip.js'
import { single } from '../../../lib/operators/first.js'
import { broadcastJoin } from '../../../lib/operators/join/broadcast-join.js'
import { intervalJoin } from '../../../lib/operators/join/interval-join.js'
import { join } from '../../../lib/operators/join/join.js'
import { temporalJoin } from '../../../lib/operators/join/temporal-join.js'
import { process } from '../../../lib/operators/process/process.js'
import type { FiredTimer, ProcessContext } from '../../../lib/operators/process/process-context.js'
import { processWith } from '../../../lib/operators/process/process-with.js'
import { processWithBroadcast } from '../../../lib/operators/process/process-with-broadcast.js'
import type { ValueHandle } from '../../../lib/operators/process/state-handles.js'
import {
  broadcastState,
  listState,
  operatorListState,
  type StateSpec,
  valueState,
} from '../../../lib/operators/process/state-spec.js'
import { reduce } from '../../../lib/operators/reduce.js'
import type { AnyStream } from '../../../lib/operators/stream.js'
import { sum } from '../../../lib/operators/sum.js'
import { window, windowAll } from '../../../lib/operators/window/window.js'
import { windowProcess } from '../../../lib/operators/window/window-process.js'
import {
  type Assigner,
  countWindow,
  cumulating,
  globalWindow,
  session,
  sliding,
  slidingCount,
  tumbling,
} from '../../../lib/window/assigner.js'
import { countEvictor } from '../../../lib/window/evictor.js'
import { continuousEventTimeTrigger, countTrigger, purging } from '../../../lib/window/trigger.js'
import type { OfNumber } from './row.js'
import type { Item } from './script.js'

/** What is known of keys, event time and kinds of input is read off the operator's traits. */
export interface ScriptedRow {
  readonly name: string
  readonly inputs: number
  /** The operator behind its streams; `f` stands for the user's function, as in `Row`. */
  readonly op: (f: OfNumber, first: AnyStream, ...others: AnyStream[]) => unknown
  /** What comes of inputs that give nothing. */
  readonly ofNothing?: readonly unknown[]
  /** True where it passes watermarks on as they come: who merges them sees to it that they rise. */
  readonly relays?: true
  /**
   * `results`: the function is called where a result is made, of records that are kept till then, so that a
   * skipped failure costs the whole result. Default: the record alone.
   */
  readonly skips?: 'results'
  /** How alone it is used here, beside what its traits demand. */
  readonly only?: { readonly keyed?: true; readonly timed?: true }
  /** False where the operator has no user function that may throw on one record. */
  readonly throws?: false
  /** False where what it holds is no part of snapshots. */
  readonly restores?: false
}

/** Of two streams, by an operator in a pipe. */
const two = (
  name: string,
  op: (f: OfNumber, other: AnyStream) => unknown,
  more: Partial<ScriptedRow> = {},
): ScriptedRow => ({
  name,
  inputs: 2,
  op: (f, first, other) => (op(f, other!) as (stream: AnyStream) => unknown)(first),
  ...more,
})

/** Of one stream. */
const one = (
  name: string,
  op: (f: OfNumber) => unknown,
  more: Partial<ScriptedRow> = {},
): ScriptedRow => ({
  name,
  inputs: 1,
  op: (f, first) => (op(f) as (stream: AnyStream) => unknown)(first),
  ...more,
})

const plain = { throws: false } as const
/** What it holds is read again from the beginning. */
const bounded = { throws: false, restores: false, relays: true } as const

/** A window and what is made of it are one operator. */
const windowed =
  (before: unknown, content: unknown) =>
  (stream: AnyStream): unknown =>
    (content as (s: unknown) => unknown)((before as (s: AnyStream) => unknown)(stream))

const ids = (f: OfNumber) =>
  reduce(
    (all: readonly number[], { id, x }: Item) => (f(x) < 0 ? all : [...all, id]),
    [] as readonly number[],
  )

const everyId = windowProcess(({ records }: { records: readonly unknown[] }) => [
  (records as readonly Item[]).map(({ id }) => id),
]) as unknown

const sumOf = (f: OfNumber) => sum(({ x }: Item) => f(x))

/** Records are kept, and folded where the window speaks. */
const kept = { skips: 'results' } as const

const windowIn = (
  outer: typeof window | typeof windowAll,
  assigner: Assigner<never>,
  options: object = {},
) => (outer as (assigner: unknown, options: unknown) => unknown)(assigner, options)

const windowRows: readonly ScriptedRow[] = [
  one('window tumbling, of reduce', (f) => windowed(windowIn(window, tumbling(20)), ids(f))),
  one('window tumbling, of sum', (f) => windowed(windowIn(window, tumbling(20)), sumOf(f))),
  one('window sliding, of sum', (f) => windowed(windowIn(window, sliding(30, 10)), sumOf(f))),
  one('window sliding, of reduce', (f) => windowed(windowIn(window, sliding(30, 10)), ids(f))),
  one('window cumulating', (f) => windowed(windowIn(window, cumulating(40, 10)), ids(f))),
  one('window session, of sum', (f) => windowed(windowIn(window, session(5)), sumOf(f))),
  one('window session, of reduce', (f) => windowed(windowIn(window, session(5)), ids(f)), kept),
  one('window session of a gap of its own', (f) =>
    windowed(
      windowIn(
        window,
        session(({ x }: Item) => 3 + (x % 4)),
      ),
      sumOf(f),
    ),
  ),
  one('window count', (f) => windowed(windowIn(window, countWindow(3)), ids(f))),
  one('window sliding count', (f) => windowed(windowIn(window, slidingCount(4, 2)), ids(f)), kept),
  one('window with lateness', (f) =>
    windowed(windowIn(window, tumbling(20), { allowedLateness: 10 }), ids(f)),
  ),
  one('window session with lateness', (f) =>
    windowed(windowIn(window, session(5), { allowedLateness: 10 }), sumOf(f)),
  ),
  one('window that speaks now and then', (f) =>
    windowed(windowIn(window, tumbling(50), { trigger: continuousEventTimeTrigger(10) }), ids(f)),
  ),
  one('window by count within a time', (f) =>
    windowed(windowIn(window, tumbling(50), { trigger: countTrigger(2) }), ids(f)),
  ),
  one('window global, purged', (f) =>
    windowed(windowIn(window, globalWindow(), { trigger: purging(countTrigger(3)) }), ids(f)),
  ),
  one(
    'window global with an evictor',
    (f) =>
      windowed(
        windowIn(window, globalWindow(), { trigger: countTrigger(2), evictor: countEvictor(3) }),
        ids(f),
      ),
    kept,
  ),
  one('windowAll tumbling', (f) => windowed(windowIn(windowAll, tumbling(20)), sumOf(f))),
  one('windowAll session', (f) => windowed(windowIn(windowAll, session(5)), sumOf(f))),
  one('windowProcess', () => windowed(windowIn(window, tumbling(20)), everyId), plain),
  one('windowProcess of sessions', () => windowed(windowIn(window, session(5)), everyId), plain),
]

const combineRows: readonly ScriptedRow[] = [
  { name: 'zip', inputs: 3, op: (_, ...all) => zip(all), ...plain },
  two('zipWith', (_, b) => zipWith(b), plain),
  { name: 'combineLatest', inputs: 3, op: (_, ...all) => combineLatest(all), ...plain },
  two('combineLatestWith', (_, b) => combineLatestWith(b), plain),
  {
    name: 'withLatestFrom',
    inputs: 3,
    op: (_, a, ...others) => withLatestFrom(...others)(a as never),
    ...plain,
  },
  { name: 'race', inputs: 3, op: (_, ...all) => race(all), ...plain },
  two('raceWith', (_, b) => raceWith(b), plain),
  two('takeUntil', (_, b) => takeUntil(b), plain),
  two('skipUntil', (_, b) => skipUntil(b), plain),
  two('buffer', (_, b) => buffer(b), { ...plain, ofNothing: [[]] }),
  { name: 'concat', inputs: 3, op: (_, ...all) => concat(all), ...plain },
  two('concatWith', (_, b) => concatWith(b), plain),
  two('cross', (_, b) => cross(b), plain),
  two('connect', (f, b) =>
    connect(b, {
      left: ({ id, x }: Item) => `left ${id} ${f(x)}`,
      right: ({ id, x }: Item) => `right ${id} ${f(x)}`,
    }),
  ),
]

const joinRows: readonly ScriptedRow[] = [
  ...(['inner', 'left', 'right', 'full'] as const).flatMap((kind) => [
    two(`intervalJoin, ${kind}`, (_, b) => intervalJoin(b, { lower: -8, upper: 5, kind }), plain),
    two(`join, ${kind}`, (_, b) => join(b, { retention: '1h', kind }), plain),
    two(`hashJoin, ${kind}`, (_, b) => hashJoin(b, { kind }), bounded),
    two(`sortMergeJoin, ${kind}`, (_, b) => sortMergeJoin(b, { kind }), bounded),
  ]),
  two('join, unbounded', (_, b) => join(b, { retention: 'unbounded', kind: 'full' }), plain),
  ...(['inner', 'left'] as const).flatMap((kind) => [
    two(`temporalJoin, ${kind}`, (_, b) => temporalJoin(b, { kind }), plain),
    ...(['end', 'first', 'no'] as const).map((wait) =>
      two(`broadcastJoin, ${kind}, waits: ${wait}`, (f, b) =>
        broadcastJoin(b, {
          by: ({ x }: Item) => f(x) % 4,
          sideBy: ({ x }: Item) => f(x) % 4,
          kind,
          wait,
        }),
      ),
    ),
  ]),
]

/** Speaks 7 ms after each record; typed loosely, as rows know no stream. */
const remindful = (f: OfNumber) => ({
  state: { seen: valueState<readonly number[]>() },
  onRecord(
    { id, x }: Item,
    { state, timers, timeMs }: ProcessContext<unknown, Seen, 'event', number, undefined>,
  ) {
    state.seen.set([...(state.seen.get() ?? []), id])
    timers.event.register(timeMs + 7)
    f(x)
  },
  onTimer(
    { timeMs }: FiredTimer<number>,
    { key, state, emit }: ProcessContext<unknown, Seen, 'event', number, undefined>,
  ) {
    emit([key, timeMs, state.seen.get()])
  },
})

type Seen = { readonly seen: StateSpec<ValueHandle<readonly number[]>> }

const processRows: readonly ScriptedRow[] = [
  two(
    'processWith',
    (f, b) =>
      processWith(b, {
        state: { left: listState<number>(), right: listState<number>() },
        onLeft({ id, x }: Item, { state, emit }) {
          state.left.append(id)
          emit([id, [...state.right.get()]])
          f(x)
        },
        onRight({ id, x }: Item, { state, emit }) {
          emit([[...state.left.get()], id])
          state.right.append(id)
          f(x)
        },
        onEnd: ({ key, state, emit }) => emit([key, [...state.left.get(), ...state.right.get()]]),
      }),
    { relays: true },
  ),
  two(
    'processWithBroadcast',
    (f, b) =>
      processWithBroadcast(b, {
        state: { rules: broadcastState<number, number>(), waiting: operatorListState<number>() },
        onRecord({ id, x }: Item, { state, emit }) {
          state.waiting.append(id)
          emit([id, state.rules.get(f(x) % 4)])
        },
        onBroadcast({ id, x }: Item, { state }) {
          state.rules.set(x % 4, id)
          f(x)
        },
        onEnd({ state, emit }) {
          if (state.waiting.get().length > 0) emit([...state.waiting.get()])
        },
      }),
    { relays: true },
  ),
  one('process with timers', (f) => process(remindful(f) as never), { only: { timed: true } }),
]

const boundedRows: readonly ScriptedRow[] = [
  // Without a key, a stream that has none is a failure.
  one('single', () => single(({ id }: Item) => id === 0), { ...plain, only: { keyed: true } }),
  one('sort', (f) => sort({ by: ({ x }: Item) => f(x) }), { restores: false }),
  one('sort downwards', (f) => sort({ by: ({ x }: Item) => f(x), order: 'desc' }), {
    restores: false,
  }),
  one('sort by comparing', () => sort({ compare: (a: Item, b: Item) => a.x - b.x }), bounded),
]

export const scriptedRows: readonly ScriptedRow[] = [
  ...combineRows,
  ...joinRows,
  ...processRows,
  ...windowRows,
  ...boundedRows,
]
