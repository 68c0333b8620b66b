/**
 * The laws that every operator keeps, on a table of all of them, each beside its counterpart in RxJS.
 */
import fc from 'fast-check'
import { concat, defer, from, lastValueFrom } from 'rxjs'
import * as rx7 from 'rxjs/operators'
import t, { type Test } from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import * as millrace from '../../../lib/index.js'
import { aggregate } from '../../../lib/operators/aggregate.js'
import { avg } from '../../../lib/operators/avg.js'
import { concatMap } from '../../../lib/operators/concat-map.js'
import { count } from '../../../lib/operators/count.js'
import { distinct } from '../../../lib/operators/distinct.js'
import { filter } from '../../../lib/operators/filter.js'
import { lookupJoin } from '../../../lib/operators/join/lookup-join.js'
import { keyBy } from '../../../lib/operators/key-by.js'
import { map } from '../../../lib/operators/map.js'
import { max } from '../../../lib/operators/max.js'
import { mergeMap } from '../../../lib/operators/merge-map.js'
import { min } from '../../../lib/operators/min.js'
import { process } from '../../../lib/operators/process/process.js'
import { operatorListState, valueState } from '../../../lib/operators/process/state-spec.js'
import { firstPerKey } from '../../../lib/operators/rank/first-per-key.js'
import { lastPerKey } from '../../../lib/operators/rank/last-per-key.js'
import { topN } from '../../../lib/operators/rank/top-n.js'
import type { RecordErrorPolicy } from '../../../lib/operators/record-error.js'
import { reduce } from '../../../lib/operators/reduce.js'
import { rx } from '../../../lib/operators/rx.js'
import { scan } from '../../../lib/operators/scan.js'
import { BATCH } from '../../../lib/operators/signal.js'
import { skip } from '../../../lib/operators/skip.js'
import type { AnyStream, NoKey, Op, Time } from '../../../lib/operators/stream.js'
import { sum } from '../../../lib/operators/sum.js'
import { take } from '../../../lib/operators/take.js'
import { tap } from '../../../lib/operators/tap.js'
import { windowAll } from '../../../lib/operators/window/window.js'
import { windowProcess } from '../../../lib/operators/window/window-process.js'
import { countWindow, tumbling } from '../../../lib/window/assigner.js'
import {
  definitionOf,
  type HarnessOptions,
  OperatorHarness,
} from '../../support/operator-harness.js'
import { testSeed } from '../../support/test-seed.js'
import { notRows } from './not-rows.js'
import type { OfNumber, Row } from './row.js'
import { scriptedLaws } from './scripted-laws.js'
import { scriptedRows } from './scripted-rows.js'
import { sequenceRows } from './sequence-rows.js'

const SEED = testSeed(11)

// Some 15 s of work; a busy machine takes several times that.
t.setTimeout(400_000)

const half = (x: number) => Math.floor(x / 2)
const copies = (x: number) => Array.from({ length: Math.abs(x) % 4 }, (_, i) => x * 10 + i)
/** By the greatest half; of equals the earlier first. `given` may be indexes into `values`. */
const firstThree = (given: readonly number[], values: readonly number[] = given) =>
  given
    .map((x, i) => [x, half(values[i]!)] as const)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 3)
    .map(([x]) => x)
function* lazily(x: number) {
  yield* copies(x)
}

/** A window and what is made of it are one operator. */
const behind =
  (window: unknown, content: unknown): Op<AnyStream, AnyStream> =>
  (stream) =>
    (content as Op<AnyStream, AnyStream>)((window as Op<AnyStream, AnyStream>)(stream))

const rows: readonly Row[] = [
  {
    name: 'map',
    op: (f, o) => map((x: number) => f(x) + 1, o),
    rx: rx7.map((x) => x + 1),
    keyed: 'kept',
  },
  {
    name: 'filter',
    op: (f, o) => filter((x: number) => f(x) % 2 === 0, o),
    rx: rx7.filter((x) => x % 2 === 0),
    keyed: 'kept',
  },
  {
    name: 'tap',
    op: (f, o) => tap((x: number) => void f(x), o),
    rx: rx7.tap(() => {}),
    keyed: 'kept',
  },
  {
    name: 'keyBy',
    op: (f, o) => keyBy((x: number) => f(x) % 3, o),
    rx: rx7.tap(() => {}),
    keyed: 'no',
  },
  {
    name: 'mergeMap of arrays',
    op: (f, o) => mergeMap((x: number) => copies(f(x)), o),
    rx: rx7.mergeMap(copies),
    keyed: 'kept',
  },
  {
    name: 'mergeMap of generators',
    op: (f, o) => mergeMap((x: number) => lazily(f(x)), o),
    rx: rx7.mergeMap(lazily),
    keyed: 'kept',
  },
  {
    name: 'mergeMap of strings',
    op: (f, o) => mergeMap((x: number) => `${f(x)}`, o),
    rx: rx7.mergeMap((x) => `${x}`),
    keyed: 'kept',
  },
  {
    name: 'concatMap of sets',
    op: (f, o) => concatMap((x: number) => new Set(copies(f(x))), o),
    rx: rx7.concatMap((x) => new Set(copies(x))),
    keyed: 'kept',
  },
  {
    name: 'mergeMap of promises',
    op: (f, o) => mergeMap(async (x: number) => f(x) + 1, o),
    rx: rx7.map((x) => x + 1),
    keyed: 'kept',
    order: 'any',
    async: true,
  },
  {
    name: 'mergeMap of promises, ordered',
    op: (f, o) => mergeMap(async (x: number) => f(x) + 1, { ...o, ordered: true, concurrency: 3 }),
    rx: rx7.map((x) => x + 1),
    keyed: 'kept',
    async: true,
  },
  {
    name: 'mergeMap of async iterables, ordered',
    op: (f, o) =>
      mergeMap(
        async function* (x: number) {
          yield* copies(f(x))
        },
        { ...o, ordered: true },
      ),
    rx: rx7.concatMap(copies),
    keyed: 'kept',
    async: true,
  },
  {
    name: 'concatMap of promises',
    op: (f, o) => concatMap(async (x: number) => f(x), o),
    rx: rx7.tap(() => {}),
    keyed: 'kept',
    async: true,
  },
  {
    name: 'mergeMap of arrays, in flight',
    op: (f, o) =>
      mergeMap((x: number) => copies(f(x)), { ...o, concurrency: 2, ordered: true, retry: 0 }),
    rx: rx7.concatMap(copies),
    keyed: 'kept',
  },
  {
    name: 'lookupJoin',
    op: (f, o) => lookupJoin(async (k: number) => k + 1, { ...o, by: (x: number) => half(f(x)) }),
    rx: rx7.map((x) => [x, half(x) + 1]),
    keyed: 'kept',
    order: 'any',
    async: true,
  },
  {
    name: 'lookupJoin with a cache, ordered',
    op: (f, o) =>
      lookupJoin(async (k: number) => (k % 2 === 0 ? undefined : k), {
        ...o,
        by: f,
        cache: { max: 3 },
        ordered: true,
        concurrency: 3,
      }),
    rx: (source) =>
      source.pipe(
        rx7.filter((x) => x % 2 !== 0),
        rx7.map((x) => [x, x]),
      ),
    keyed: 'kept',
    async: true,
  },
  {
    name: 'scan',
    op: (f, o) => scan((a: number, x: number) => a + f(x), 5, o),
    rx: rx7.scan((a, x) => a + x, 5),
    keyed: 'pairs',
  },
  {
    name: 'scan without seed',
    op: (f, o) => scan((a: number, x: number) => (a * 2 + f(x)) % 97, undefined, o),
    rx: rx7.scan((a: number, x) => (a * 2 + x) % 97),
    keyed: 'pairs',
  },
  {
    name: 'reduce',
    op: (f, o) => reduce((a: string, x: number) => `${a},${f(x)}`, '', o),
    rx: rx7.reduce((a: string, x) => `${a},${x}`, ''),
    keyed: 'pairs',
  },
  {
    name: 'reduce without seed',
    op: (f, o) => reduce((a: number, x: number) => (a * 2 + f(x)) % 97, undefined, o),
    rx: rx7.reduce((a: number, x) => (a * 2 + x) % 97),
    keyed: 'pairs',
  },
  { name: 'count', op: (_, o) => count(o), rx: rx7.count(), keyed: 'pairs', throws: false },
  {
    name: 'count by predicate',
    op: (f, o) => count((x: number) => f(x) > 2, o),
    rx: rx7.count((x) => x > 2),
    keyed: 'pairs',
  },
  {
    name: 'sum',
    op: (_, o) => sum(undefined, o),
    rx: rx7.reduce((a, x) => a + x, 0),
    keyed: 'pairs',
    throws: false,
  },
  {
    name: 'sum by selector',
    op: (f, o) => sum((x: number) => f(x) * 3, o),
    rx: rx7.reduce((a, x) => a + x * 3, 0),
    keyed: 'pairs',
  },
  {
    name: 'avg by selector',
    op: (f, o) => avg((x: number) => f(x) * 2, o),
    rx: (source) =>
      source.pipe(
        rx7.toArray(),
        rx7.filter((all) => all.length > 0),
        rx7.map((all) => all.reduce((a, x) => a + x * 2, 0) / all.length),
      ),
    keyed: 'pairs',
  },
  {
    name: 'windowAll by count',
    op: (f, o) =>
      behind(
        windowAll(countWindow(3)),
        reduce((all: readonly number[], x: number) => [...all, f(x)], [], o),
      ),
    rx: (source) =>
      source.pipe(
        rx7.bufferCount(3),
        rx7.map((value, i) => ({ start: i * 3, end: i * 3 + value.length, value })),
      ),
    keyed: 'no',
  },
  {
    name: 'windowAll by the clock',
    op: (f, o) =>
      behind(
        windowAll(tumbling('1h', { time: 'processing' })),
        windowProcess(
          reduce((all: readonly number[], x: number) => [...all, f(x)], []),
          ({ value }) => [value],
          o,
        ),
      ),
    rx: (source) =>
      source.pipe(
        rx7.toArray(),
        rx7.filter((all) => all.length > 0),
      ),
    keyed: 'no',
  },
  {
    name: 'windowProcess',
    op: (_, o) =>
      behind(
        windowAll(countWindow(2)),
        windowProcess<number, Time, NoKey, number>(({ records }) => records.flatMap(copies), o),
      ),
    rx: rx7.mergeMap(copies),
    keyed: 'no',
    throws: false,
  },
  { name: 'min', op: (_, o) => min(undefined, o), rx: rx7.min(), keyed: 'pairs', throws: false },
  { name: 'max', op: (_, o) => max(undefined, o), rx: rx7.max(), keyed: 'pairs', throws: false },
  {
    name: 'min by comparer',
    op: (_, o) => min((a: number, b: number) => half(a) - half(b), o),
    rx: rx7.min((a, b) => half(a) - half(b)),
    keyed: 'pairs',
    throws: false,
  },
  {
    name: 'max by comparer',
    op: (_, o) => max((a: number, b: number) => half(a) - half(b), o),
    rx: rx7.max((a, b) => half(a) - half(b)),
    keyed: 'pairs',
    throws: false,
  },
  {
    name: 'aggregate with merge',
    op: (f, o) =>
      aggregate(
        {
          create: () => ({ n: 0, sum: 0 }),
          add: (a, x: number) => ({ n: a.n + 1, sum: a.sum + f(x) }),
          merge: (a, b) => ({ n: a.n + b.n, sum: a.sum + b.sum }),
          result: (a) => a.sum - a.n,
        },
        o,
      ),
    rx: rx7.reduce((a, x) => a + x - 1, 0),
    keyed: 'pairs',
  },
  {
    name: 'aggregate with select',
    op: (f, o) =>
      aggregate({ select: (x: number) => f(x) * 2, create: () => 1, add: (a, x) => a - x }, o),
    rx: rx7.reduce((a, x) => a - x * 2, 1),
    keyed: 'pairs',
  },
  {
    name: 'aggregate',
    op: (f, o) => aggregate({ create: () => '', add: (a, x: number) => `${a},${f(x)}` }, o),
    rx: rx7.reduce((a: string, x) => `${a},${x}`, ''),
    keyed: 'pairs',
  },
  {
    name: 'aggregate at changes',
    op: (f, o) =>
      aggregate(
        { create: () => '', add: (a, x: number) => `${a},${f(x)}` },
        { emit: 'changes', ...o },
      ),
    rx: (source) =>
      source.pipe(
        rx7.scan((all: string, x) => `${all},${x}`, ''),
        rx7.startWith(undefined),
        rx7.pairwise(),
        rx7.map(([before, after]) => ({ before, after })),
      ),
    keyed: 'pairs',
  },
  {
    name: 'topN with ties',
    op: (f, o) => topN(3, { by: (x: number) => half(f(x)), ties: true, ...o }),
    rx: (source) =>
      source.pipe(
        rx7.toArray(),
        rx7.map((all) => {
          const ranked = all.toSorted((a, b) => half(b) - half(a))
          return ranked.filter((x, i) => i < 3 || half(x) === half(ranked[2]!))
        }),
      ),
    keyed: 'pairs',
  },
  {
    name: 'distinct',
    op: (_, o) => distinct(undefined, o),
    rx: rx7.distinct(),
    keyed: 'kept',
    throws: false,
  },
  {
    name: 'distinct by selector',
    op: (f, o) => distinct((x: number) => half(f(x)), o),
    rx: rx7.distinct(half),
    keyed: 'kept',
  },
  {
    name: 'distinct with retention',
    op: (f, o) => distinct((x: number) => half(f(x)), { ...o, retention: '1h' }),
    rx: rx7.distinct(half),
    keyed: 'kept',
  },
  {
    name: 'topN',
    op: (f, o) => topN(3, { by: (x: number) => half(f(x)), ...o }),
    rx: (source) =>
      source.pipe(
        rx7.toArray(),
        rx7.map((all) => firstThree(all)),
      ),
    keyed: 'pairs',
  },
  {
    name: 'topN at changes',
    op: (f, o) => topN(3, { by: (x: number) => half(f(x)), emit: 'changes', ...o }),
    rx: (source) =>
      source.pipe(
        rx7.scan((seen: readonly number[], x) => [...seen, x], []),
        rx7.filter((seen) =>
          firstThree(
            seen.map((_, i) => i),
            seen,
          ).includes(seen.length - 1),
        ),
        rx7.map((seen) => firstThree(seen)),
      ),
    keyed: 'pairs',
  },
  {
    name: 'firstPerKey',
    op: (_, o) => firstPerKey(o),
    rx: rx7.take(1),
    keyed: 'kept',
    throws: false,
  },
  {
    name: 'lastPerKey',
    op: (_, o) => lastPerKey(o),
    rx: rx7.takeLast(1),
    keyed: 'pairs',
    throws: false,
  },
  {
    name: 'lastPerKey by what orders it',
    op: (f, o) => lastPerKey({ by: (x: number) => half(f(x)), ...o }),
    rx: rx7.max((a, b) => half(a) - half(b) || -1),
    keyed: 'pairs',
  },
  { name: 'take', op: (_, o) => take(3, o), rx: rx7.take(3), keyed: 'kept', throws: false },
  { name: 'skip', op: (_, o) => skip(3, o), rx: rx7.skip(3), keyed: 'kept', throws: false },
  {
    name: 'rx',
    op: (_, o) =>
      rx(
        rx7.map((x: number) => x + 1),
        rx7.pairwise(),
        { ...o, capacity: 100 },
      ),
    rx: (source) =>
      source.pipe(
        rx7.map((x) => x + 1),
        rx7.pairwise(),
      ),
    keyed: 'no',
    throws: false,
    restores: false,
  },
  {
    name: 'rx of operators that complete',
    op: (_, o) => rx(rx7.take<number>(2), rx7.toArray(), o),
    rx: (source) => source.pipe(rx7.take(2), rx7.toArray()),
    keyed: 'no',
    throws: false,
    restores: false,
  },
  {
    name: 'process with state',
    op: (f, o) =>
      process(
        {
          state: { sum: valueState<number>() },
          onRecord(x: number, { key, state, emit }) {
            const sum = (state.sum.get() ?? 0) + x
            state.sum.set(sum + 1_000)
            state.sum.set(sum + f(x) - x)
            emit(key === undefined ? sum : [key, sum])
          },
        },
        o,
      ),
    rx: rx7.scan((sum, x) => sum + x, 0),
    keyed: 'pairs',
  },
  {
    name: 'process that expands',
    op: (f, o) =>
      process(
        {
          onRecord(x: number, { emit }) {
            for (const y of copies(x)) emit(y)
            f(x)
          },
        },
        o,
      ),
    rx: rx7.mergeMap(copies),
    keyed: 'no',
  },
  {
    name: 'process that speaks at the end',
    op: (f, o) =>
      process(
        {
          state: { seen: operatorListState<number>() },
          onRecord: (x: number, { state }) => state.seen.append(f(x)),
          onEnd({ state, emit }) {
            for (const x of state.seen.get()) emit(x)
          },
        },
        o,
      ),
    rx: rx7.tap(() => {}),
    keyed: 'no',
  },
  ...sequenceRows,
]

const same: OfNumber = (x) => x
const keyOf = (x: number) => x % 3
const cuts = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 })
const numbers = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 40 })

const definitionFor = (row: Row, f = same) => definitionOf(row.op(f, {}) as Op<never, AnyStream>)

/** Opened, and past its first turn. */
function harnessFor(row: Row, options: HarnessOptions = {}, f = same): OperatorHarness {
  const harness = new OperatorHarness([definitionFor(row, f)], options)
  harness.drain()
  return harness
}

/** A gate that closes at random behind a batch. */
function shaky(seed: number): () => boolean {
  const random = seededRandom(seed)
  return () => random() < 0.5
}

/** What RxJS gives for the same batches. */
const referenceOf = (row: Row, batches: readonly (readonly number[])[]): Promise<unknown[]> => {
  const source = row.paced
    ? from(batches).pipe(rx7.concatMap((records) => concat(records, settled)))
    : from(batches.flat())
  return lastValueFrom(source.pipe(row.rx, rx7.toArray()))
}

/** Completes once promises that are there have settled. */
const settled = defer(() => new Promise(setImmediate)).pipe(rx7.ignoreElements())

const reference = (row: Row, input: readonly number[], sizes: readonly number[] = [1024]) =>
  referenceOf(row, batchesOf(input, sizes))

function batchesOf(input: readonly number[], sizes: readonly number[]): (readonly number[])[] {
  const batches = []
  for (let at = 0, i = 0; at < input.length; i++) {
    batches.push(input.slice(at, at + sizes[i % sizes.length]!))
    at += batches.at(-1)!.length
  }
  return batches
}

const settle = async (row: Row, harness: OperatorHarness): Promise<void> => {
  if (row.async === true) await harness.settle()
  else if (row.waitsMs !== undefined) await harness.settle(row.waitsMs)
  else harness.drain()
}

async function run(
  row: Row,
  harness: OperatorHarness,
  input: readonly number[],
  sizes: readonly number[] = [4],
  keyed = false,
  ends = true,
): Promise<OperatorHarness> {
  for (const part of batchesOf(input, sizes)) {
    harness.gateOpen = true
    harness.batch(recordsOf(row, part), keyed ? part.map(keyOf) : null)
    if (row.async === true) await harness.settle()
    else harness.drain()
    if (harness.error !== undefined) return harness
  }
  if (!ends) return harness
  harness.end()
  await settle(row, harness)
  return harness
}

/** Frozen: an operator leaves what it is given as it was. */
function recordsOf({ given }: Row, input: readonly number[]): unknown[] {
  const records = given === undefined ? [...input] : input.map(given)
  return Object.freeze(records) as unknown[]
}

const inOrderOf = (row: Row, values: unknown[]): unknown[] =>
  row.order === 'any' ? values.map((value) => JSON.stringify(value)).sort() : values

/** Keys come in any order among each other. */
const sorted = (keyed: boolean, values: readonly unknown[]) =>
  keyed ? values.map(text).sort() : values

const text = (value: unknown) => JSON.stringify(value)

/** Throws what the harness found broken, so that a property fails with it. */
function assertSound(harness: OperatorHarness): void {
  if (harness.broken.length > 0) throw new Error(harness.broken[0])
  if (harness.error !== undefined) throw harness.error
}

for (const row of rows) {
  t.test(row.name, async (t) => {
    t.test('never: says nothing, holds nothing', async (t) => {
      const harness = harnessFor(row)
      t.same(harness.values, row.begins ?? [])
      t.same(harness.marks, [])
      t.notOk(harness.deferred)
      harness.unsubscribe()
    })

    t.test('empty, one, many: as RxJS, with the end last and once', async (t) => {
      const many = Array.from({ length: row.async ? 50 : 3000 }, (_, i) => (i * 7) % 11)
      for (const input of [[], [7], many]) {
        const harness = await run(row, harnessFor(row), input, [1024])
        t.same(harness.broken, [])
        t.same(harness.marks, ['end'])
        t.ok(harness.output.at(-1)?.tag !== BATCH)
        t.equal(
          text(inOrderOf(row, harness.values)),
          text(inOrderOf(row, await reference(row, input))),
        )
      }
    })

    t.test('as RxJS under any cut into batches and any closing of the gate', async () => {
      await fc.assert(
        fc.asyncProperty(numbers, cuts, fc.nat(), async (input, sizes, seed) => {
          const harness = harnessFor(row, { stayOpen: shaky(seed) })
          await run(row, harness, input, sizes)
          assertSound(harness)
          const expected = inOrderOf(row, await reference(row, input, sizes))
          return text(inOrderOf(row, harness.values)) === text(expected)
        }),
        { numRuns: row.async ? 3 : 25, seed: SEED },
      )
    })

    if (row.keyed !== 'no') {
      t.test('behind keyBy: as RxJS on each key alone', async () => {
        const property = async (input: number[], sizes: number[], seed: number) => {
          const harness = harnessFor(row, { keyed: true, stayOpen: shaky(seed) })
          await run(row, harness, input, sizes, true)
          assertSound(harness)
          const pairs =
            row.keyed === 'pairs'
              ? (harness.values as [number, unknown][])
              : harness.values.map((value, i) => [harness.keys[i], value])
          for (const key of new Set(input.map(keyOf))) {
            const mine = batchesOf(input, sizes).map((part) => part.filter((x) => keyOf(x) === key))
            const expected = inOrderOf(row, await referenceOf(row, mine))
            const got = pairs.filter(([k]) => k === key).map(([, value]) => value)
            if (text(inOrderOf(row, got)) !== text(expected)) return false
          }
          return pairs.every(([key]) => input.some((x) => keyOf(x) === key))
        }
        const options = { numRuns: row.async ? 2 : 15, seed: SEED + 1 }
        await fc.assert(fc.asyncProperty(numbers, cuts, fc.nat(), property), options)
      })
    }

    t.test('an upstream error passes, and nothing after it', async (t) => {
      const harness = harnessFor(row)
      harness.batch(recordsOf(row, [1]))
      harness.fail(new Error('upstream'))
      if (!harness.marks.includes('end')) t.match(harness.error, { message: 'upstream' })
      const before = harness.output.length
      await settle(row, harness)
      t.equal(harness.output.length, before)
    })

    t.test('stopped early: nothing comes out after it', async (t) => {
      const harness = harnessFor(row, { stayOpen: () => false })
      harness.batch(recordsOf(row, [3, 7, 11, 2]))
      harness.unsubscribe()
      const before = harness.output.length
      await settle(row, harness)
      t.equal(harness.output.length, before)
      t.equal(harness.error, undefined)
      t.equal(harness.clock.timers, 0)
    })

    t.test('endless: output keeps pace with input', async (t) => {
      const harness = harnessFor(row)
      for (let i = 0; i < (row.async ? 10 : 100); i++) {
        harness.batch(recordsOf(row, [i % 7, i % 5]))
        await settle(row, harness)
      }
      t.same(harness.broken, [])
      t.ok(harness.values.length <= harness.counts()[0] * 4)
      harness.unsubscribe()
    })

    t.test('watermarks, barriers and idleness pass in order, behind the records', async (t) => {
      const harness = harnessFor(row, { stayOpen: () => false })
      const steps = [
        () => harness.watermark(1),
        () => harness.batch(recordsOf(row, [1, 2, 3])),
        () => harness.watermark(2),
        () => harness.barrier(1),
        () => harness.idle(false),
        () => harness.idle(true),
        () => harness.batch(recordsOf(row, [5])),
        () => harness.watermark(3),
        () => harness.end(),
      ]
      for (const step of steps) {
        harness.gateOpen = true
        step()
        await settle(row, harness)
      }
      t.same(harness.broken, [])
      const all = ['w1', 'w2', 'b1', 'idle', 'active', 'w3', 'end']
      // What ends its stream early passes nothing more.
      const passed = harness.marks.slice(0, -1)
      t.same(harness.marks, [
        ...(harness.stops > 0 ? all.slice(0, passed.length) : all.slice(0, -1)),
        'end',
      ])
    })

    t.test('a watermark that goes back changes no result', async (t) => {
      const harness = harnessFor(row)
      for (const step of [
        () => harness.watermark(5),
        () => harness.batch(recordsOf(row, [2, 4])),
        () => harness.watermark(3),
        () => harness.batch(recordsOf(row, [7])),
        () => harness.end(),
      ]) {
        await settle(row, harness)
        step()
      }
      await settle(row, harness)
      t.equal(harness.error, undefined)
      t.same(harness.broken, [])
      const expected = inOrderOf(row, await referenceOf(row, [[2, 4], [7]]))
      if (row.waitsMs === undefined) t.same(inOrderOf(row, harness.values), expected)
    })

    if (row.async !== true && row.restores !== false) {
      t.test('restored at a barrier, it goes on as if nothing had happened', async () => {
        const property = async (input: number[], at: number, keyed: boolean, cut: number[]) => {
          const undisturbed = await run(row, harnessFor(row, { keyed }), input, cut, keyed)
          const before = harnessFor(row, { keyed })
          const [early, late] = [input.slice(0, at), input.slice(at)]
          await run(row, before, early, cut, keyed, false)
          if (before.marks.includes('end')) return
          before.barrier(1)
          before.drain()
          before.unsubscribe()
          const after = harnessFor(row, { keyed, state: before.states })
          await run(row, after, late, cut, keyed)
          assertSound(after)
          const seen = [...before.values, ...after.values]
          if (text(sorted(keyed, seen)) !== text(sorted(keyed, undisturbed.values))) {
            throw new Error(`${text(seen)} instead of ${text(undisturbed.values)}`)
          }
        }
        const keyed = row.keyed === 'no' ? fc.constant(false) : fc.boolean()
        const options = { numRuns: 25, seed: SEED + 2 }
        await fc.assert(fc.asyncProperty(numbers, fc.nat(40), keyed, cuts, property), options)
      })
    }

    t.test('zero credit at the end: what is due waits, the end behind it', async (t) => {
      const harness = harnessFor(row)
      harness.batch(recordsOf(row, [1, 2]))
      await settle(row, harness)
      const before = harness.output.length
      harness.gateOpen = false
      harness.end()
      t.notOk(harness.output.slice(before).some((signal) => signal.tag === BATCH))
      await settle(row, harness)
      t.same(harness.marks, ['end'])
      t.same(harness.broken, [])
    })

    if (row.throws !== false) errorLaws(t, row)
  })
}

for (const row of scriptedRows) {
  t.test(row.name, async (t) => scriptedLaws(t, row))
}

t.test('every public operator is a row of this table, or is known to be none', async (t) => {
  const operatorOf = ({ name }: { name: string }) => /^\w+/.exec(name)![0]
  const inTable = new Set([...rows, ...scriptedRows].map(operatorOf))
  const exported = Object.entries(millrace).flatMap(([name, value]) =>
    typeof value === 'function' ? [name] : [],
  )
  t.same(
    exported.filter((name) => !inTable.has(name) && !notRows.has(name)),
    [],
    'give it a row, or say in not-rows.ts why it has none',
  )
  t.same(
    [...notRows.keys()].filter((name) => inTable.has(name) || !exported.includes(name)),
    [],
    'not-rows.ts names nothing else',
  )
  t.same(
    [...inTable].filter((name) => !exported.includes(name)),
    [],
    'rows are of what is public',
  )
})

const lastTry: RecordErrorPolicy = { retry: 1, otherwise: 'deadLetter' }

function errorLaws(t: Test, row: Row): void {
  const input = [1, 2, 13, 4, 5, 6]
  // One by one where records that come together meet each other, so that each is called for.
  const sizes = row.paced ? [1] : [4]

  const poison = (times: number): OfNumber => {
    let left = times
    return (x) => {
      if (x === 13 && left-- > 0) throw new RangeError('unlucky')
      return x
    }
  }

  /** Runs with a function that throws `times` times on 13; `whole`: 13 is expected to count. */
  async function check(policy: HarnessOptions['policy'], times: number, whole: boolean) {
    const harness = harnessFor(row, policy === undefined ? {} : { policy }, poison(times))
    await run(row, harness, input, sizes)
    const given = batchesOf(input, sizes).map((part) => part.filter((x) => whole || x !== 13))
    const expected = inOrderOf(row, await referenceOf(row, given))
    return { harness, expected, values: inOrderOf(row, harness.values) }
  }

  t.test('fail: the chain ends, with operator and cause', async (t) => {
    const { harness } = await check(undefined, 1, true)
    t.match(harness.error, { code: 'E_USER_CODE', cause: { message: 'unlucky' } })
    t.match(harness.error, { message: new RegExp(`"${definitionFor(row).kind}"`) })
    t.notOk(harness.marks.includes('end'))
  })

  t.test('skip: as if the record had never come', async (t) => {
    const { harness, values, expected } = await check('skip', 99, false)
    t.same(values, expected)
    t.same(harness.deadLetters, [])
    t.same(harness.marks, ['end'])
  })

  t.test('deadLetter: skipped, and sent once', async (t) => {
    const { harness, values, expected } = await check(() => 'deadLetter', 99, false)
    t.same(values, expected)
    t.equal(harness.deadLetters.length, 1)
    t.match(harness.deadLetters[0], { error: { message: 'unlucky' }, record: 13 })
  })

  t.test('retry: the same record again, then what remains', async (t) => {
    const cured = await check({ retry: 2 }, 2, true)
    t.same(cured.values, cured.expected)
    const failed = await check({ retry: 1 }, 2, true)
    t.match(failed.harness.error, { code: 'E_USER_CODE' })
    const dropped = await check(lastTry, 2, false)
    t.same(dropped.values, dropped.expected)
    t.equal(dropped.harness.deadLetters.length, 1)
  })
}
