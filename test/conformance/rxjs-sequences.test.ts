/**
 * Sequences against RxJS 7 on the same input, under a virtual clock: values, when each came, and when
 * the stream was complete. Behind keys, each key against RxJS on the key's part of the input.
 */
import fc from 'fast-check'
import * as rx7 from 'rxjs'
import t from 'tap'
import { bufferCount } from '../../lib/operators/buffer-count.js'
import { concatMap } from '../../lib/operators/concat-map.js'
import { count } from '../../lib/operators/count.js'
import { defaultIfEmpty } from '../../lib/operators/default-if-empty.js'
import { distinct } from '../../lib/operators/distinct.js'
import {
  distinctUntilChanged,
  distinctUntilKeyChanged,
} from '../../lib/operators/distinct-until-changed.js'
import { every, isEmpty } from '../../lib/operators/every.js'
import { filter } from '../../lib/operators/filter.js'
import { elementAt, find, first, last, single } from '../../lib/operators/first.js'
import { ignoreElements } from '../../lib/operators/ignore-elements.js'
import { map } from '../../lib/operators/map.js'
import { dematerialize, materialize } from '../../lib/operators/materialize.js'
import { max } from '../../lib/operators/max.js'
import { mergeMap } from '../../lib/operators/merge-map.js'
import { min } from '../../lib/operators/min.js'
import { pairwise } from '../../lib/operators/pairwise.js'
import { reduce } from '../../lib/operators/reduce.js'
import { scan } from '../../lib/operators/scan.js'
import { BATCH, END } from '../../lib/operators/signal.js'
import { skip } from '../../lib/operators/skip.js'
import { endWith, startWith } from '../../lib/operators/start-with.js'
import { take } from '../../lib/operators/take.js'
import { skipLast, takeLast } from '../../lib/operators/take-last.js'
import { skipWhile, takeWhile } from '../../lib/operators/take-while.js'
import { tap } from '../../lib/operators/tap.js'
import { debounceTime } from '../../lib/operators/time/debounce-time.js'
import { delay } from '../../lib/operators/time/delay.js'
import { bufferTime, sampleTime } from '../../lib/operators/time/sample-time.js'
import { auditTime, throttleTime } from '../../lib/operators/time/throttle-time.js'
import { timeInterval, timestamp } from '../../lib/operators/time/time-interval.js'
import { timeout } from '../../lib/operators/time/timeout.js'
import { windowTime } from '../../lib/operators/time/window-time.js'
import { toArray } from '../../lib/operators/to-array.js'
import { windowCount } from '../../lib/operators/window-count.js'
import { definitionOf, OperatorHarness } from '../support/operator-harness.js'
import { testSeed } from '../support/test-seed.js'
import { singleInputRows } from './rxjs-rows.js'

interface Event {
  /** A multiple of 64: timers are 64 n + 3 long, so none falls on it for as long as a run takes. */
  readonly atMs: number
  readonly value: number
}

interface Heard {
  readonly atMs: number
  readonly value?: unknown
  readonly end?: 'complete' | 'error'
}

interface Row {
  readonly operator: string
  /** One operator, or several in order. */
  readonly ours: () => unknown
  readonly rx: () => rx7.OperatorFunction<number, unknown>
  /** Also compared per key. */
  readonly keyed: boolean
  /** Behind keys it gives `[key, result]`. */
  readonly pairs?: boolean
}

/** Wall time at which the virtual clock begins. */
const WALL_MS = Date.UTC(2024, 0, 1)
const lengthOf = (n: unknown) => (n as { length?: number }).length
const asNotification = (n: number): rx7.ObservableNotification<number> =>
  n < 9 ? { kind: 'N', value: n } : { kind: 'C' }
const even = (n: number) => n % 2 === 0
const row = (
  operator: string,
  ours: Row['ours'],
  rx: Row['rx'],
  keyed = true,
  pairs = false,
): Row => ({ operator, ours, rx, keyed, pairs })

const whole = rx7.mergeMap((window: rx7.Observable<number>) => window.pipe(rx7.toArray()))

const rows: readonly Row[] = [
  row(
    'windowCount',
    () => windowCount(3),
    () => (source) => source.pipe(rx7.windowCount(3), whole),
  ),
  row(
    'windowCount overlapping',
    () => windowCount(3, { startEvery: 2 }),
    () => (source) => source.pipe(rx7.windowCount(3, 2), whole),
  ),
  row(
    'windowCount with gaps',
    () => windowCount(2, { startEvery: 3 }),
    () => (source) => source.pipe(rx7.windowCount(2, 3), whole),
  ),
  row(
    'windowTime',
    () => windowTime(131),
    () => (source) => source.pipe(rx7.windowTime(131), whole),
    false,
  ),
  row(
    'windowTime with a size',
    () => windowTime(131, { maxWindowSize: 3 }),
    () => (source) => source.pipe(rx7.windowTime(131, null, 3), whole),
    false,
  ),
  row(
    'dematerialize',
    () => [map(asNotification), dematerialize()],
    () => (source) => source.pipe(rx7.map(asNotification), rx7.dematerialize()),
  ),
  row(
    'map',
    () => map((n: number) => n + 1),
    () => rx7.map((n) => n + 1),
  ),
  row(
    'filter',
    () => filter(even),
    () => rx7.filter(even),
  ),
  row(
    'tap',
    () => tap(() => {}),
    () => rx7.tap(() => {}),
  ),
  row(
    'scan',
    () => scan((sum: number, n: number) => sum + n, 1),
    () => rx7.scan((sum, n) => sum + n, 1),
    true,
    true,
  ),
  row(
    'reduce',
    () => reduce((sum: number, n: number) => sum + n, 1),
    () => rx7.reduce((sum, n) => sum + n, 1),
    true,
    true,
  ),
  row(
    'distinct',
    () => distinct(),
    () => rx7.distinct(),
  ),
  row(
    'take',
    () => take(3),
    () => rx7.take(3),
  ),
  row(
    'skip',
    () => skip(2),
    () => rx7.skip(2),
  ),
  row(
    'count',
    () => count(),
    () => rx7.count(),
    true,
    true,
  ),
  row(
    'max',
    () => max(),
    () => rx7.max(),
    true,
    true,
  ),
  row(
    'min',
    () => min(),
    () => rx7.min(),
    true,
    true,
  ),
  row(
    'mergeMap',
    () => mergeMap((n: number) => [n, n]),
    () => rx7.mergeMap((n) => [n, n]),
  ),
  row(
    'concatMap',
    () => concatMap((n: number) => [n, n]),
    () => rx7.concatMap((n) => [n, n]),
  ),
  row(
    'distinctUntilKeyChanged',
    () => distinctUntilKeyChanged<string, 'length'>('length'),
    () => rx7.distinctUntilChanged((a, b) => lengthOf(a) === lengthOf(b)),
  ),
  row('pairwise', () => pairwise(), rx7.pairwise),
  row(
    'distinctUntilChanged',
    () => distinctUntilChanged(),
    () => rx7.distinctUntilChanged(),
  ),
  row(
    'distinctUntilChanged by',
    () => distinctUntilChanged((a: boolean, b: boolean) => a === b, { by: even }),
    () => rx7.distinctUntilChanged((a, b) => a === b, even),
  ),
  row(
    'startWith',
    () => startWith(-1, -2),
    () => rx7.startWith(-1, -2),
  ),
  row(
    'endWith',
    () => endWith(-1, -2),
    () => rx7.endWith(-1, -2),
  ),
  row(
    'takeLast',
    () => takeLast(3),
    () => rx7.takeLast(3),
  ),
  row(
    'skipLast',
    () => skipLast(2),
    () => rx7.skipLast(2),
  ),
  row(
    'takeWhile',
    () => takeWhile((n: number) => n < 9),
    () => rx7.takeWhile((n) => n < 9),
  ),
  row(
    'takeWhile inclusive',
    () => takeWhile((n: number) => n < 9, { inclusive: true }),
    () => rx7.takeWhile((n) => n < 9, true),
  ),
  row(
    'skipWhile',
    () => skipWhile(even),
    () => rx7.skipWhile(even),
  ),
  row(
    'first',
    () => first(even, { orElse: -1 }),
    () => rx7.first(even, -1),
    false,
  ),
  row(
    'first without a default',
    () => first(even),
    () => rx7.first(even),
    false,
  ),
  row(
    'last',
    () => last(even, { orElse: -1 }),
    () => rx7.last(even, -1),
    false,
  ),
  row(
    'last without a default',
    () => last(even),
    () => rx7.last(even),
    false,
  ),
  row(
    'single',
    () => single((n: number) => n === 5),
    () => rx7.single((n) => n === 5),
    false,
  ),
  row(
    'find',
    () => find(even),
    () => rx7.find(even),
  ),
  row(
    'elementAt',
    () => elementAt(2, { orElse: -1 }),
    () => rx7.elementAt(2, -1),
    false,
  ),
  row(
    'elementAt without a default',
    () => elementAt(2),
    () => rx7.elementAt(2),
    false,
  ),
  row(
    'bufferCount',
    () => bufferCount(3),
    () => rx7.bufferCount(3),
  ),
  row(
    'bufferCount overlapping',
    () => bufferCount(3, { startEvery: 2 }),
    () => rx7.bufferCount(3, 2),
  ),
  row(
    'bufferCount with gaps',
    () => bufferCount(2, { startEvery: 3 }),
    () => rx7.bufferCount(2, 3),
  ),
  row(
    'debounceTime',
    () => debounceTime(67),
    () => rx7.debounceTime(67),
  ),
  row(
    'delay',
    () => delay(131),
    () => rx7.delay(131),
  ),
  row(
    'throttleTime',
    () => throttleTime(131),
    () => rx7.throttleTime(131),
  ),
  row(
    'throttleTime trailing',
    () => throttleTime(131, { leading: false, trailing: true }),
    () => rx7.throttleTime(131, undefined, { leading: false, trailing: true }),
  ),
  row(
    'throttleTime at both ends',
    () => throttleTime(131, { trailing: true }),
    () => rx7.throttleTime(131, undefined, { leading: true, trailing: true }),
  ),
  row(
    'auditTime',
    () => auditTime(131),
    () => rx7.auditTime(131),
  ),
  row(
    'sampleTime',
    () => sampleTime(131),
    () => rx7.sampleTime(131),
  ),
  row(
    'bufferTime',
    () => bufferTime(131),
    () => rx7.bufferTime(131),
    false,
  ),
  row(
    'bufferTime with a size',
    () => bufferTime(131, { maxBufferSize: 3 }),
    () => rx7.bufferTime(131, null, 3),
    false,
  ),
  row(
    'timeout',
    () => timeout(195),
    () => rx7.timeout(195),
    false,
  ),
  row(
    'timeout until the first',
    () => timeout({ first: 195 }),
    () => rx7.timeout({ first: 195 }),
    false,
  ),
  row(
    'every',
    () => every((n: number) => n < 11),
    () => rx7.every((n) => n < 11),
    true,
    true,
  ),
  row('isEmpty', () => isEmpty(), rx7.isEmpty, true, true),
  row(
    'defaultIfEmpty',
    () => defaultIfEmpty(-1),
    () => rx7.defaultIfEmpty(-1),
  ),
  row('ignoreElements', () => ignoreElements(), rx7.ignoreElements),
  row('toArray', () => toArray(), rx7.toArray, true, true),
  row(
    'timeInterval',
    () => timeInterval(),
    () => rx7.timeInterval(),
  ),
  row(
    'timestamp',
    () => timestamp(),
    () => (source) =>
      source.pipe(
        rx7.timestamp({ now: () => rx7.asyncScheduler.now() }),
        rx7.map((stamped) => ({ ...stamped, timestamp: stamped.timestamp + WALL_MS })),
      ),
  ),
  row(
    'materialize',
    () => materialize(),
    () => (source) =>
      source.pipe(
        rx7.materialize(),
        // RxJS adds fields of its own.
        rx7.map(({ kind, value }) => (kind === 'N' ? { kind, value } : { kind })),
      ),
  ),
]

const events: fc.Arbitrary<readonly Event[]> = fc
  .array(fc.record({ gap: fc.nat(3), value: fc.nat(12) }), { maxLength: 15 })
  .map((steps) => {
    let atMs = 0
    return steps.map(({ gap, value }) => {
      atMs += gap * 64
      return { atMs, value }
    })
  })

const endOf = (input: readonly Event[]) => (input.at(-1)?.atMs ?? 0) + 4
const AFTER_MS = 400

/** What RxJS gives; `sinceMs`: it is subscribed to then. */
function theirs(row: Row, input: readonly Event[], endMs: number, sinceMs = 0): Heard[] {
  const scheduler = new rx7.VirtualTimeScheduler()
  const heard: Heard[] = []
  // Operators that take no scheduler as an argument here ask for the default one.
  const original = rx7.asyncScheduler.schedule
  const now = rx7.asyncScheduler.now
  rx7.asyncScheduler.schedule = scheduler.schedule.bind(scheduler) as typeof original
  rx7.asyncScheduler.now = () => scheduler.now()
  try {
    const source = new rx7.Subject<number>()
    const subscribe = () =>
      source.pipe(row.rx()).subscribe({
        next: (value) => heard.push({ atMs: scheduler.now(), value }),
        error: () => heard.push({ atMs: scheduler.now(), end: 'error' }),
        complete: () => heard.push({ atMs: scheduler.now(), end: 'complete' }),
      })
    scheduler.schedule(() => subscribe(), sinceMs)
    for (const { atMs, value } of input) scheduler.schedule(() => source.next(value), atMs)
    scheduler.schedule(() => source.complete(), endMs)
    scheduler.maxFrames = endMs + AFTER_MS
    scheduler.flush()
  } finally {
    rx7.asyncScheduler.schedule = original
    rx7.asyncScheduler.now = now
  }
  return heard
}

/** What the operator gives, with the key of each value. */
function ours(row: Row, input: readonly Event[], endMs: number, keyed: boolean, together: boolean) {
  const harness = new OperatorHarness(
    [row.ours()].flat().map((op) => definitionOf(op as never)),
    { keyed },
  )
  const heard: (Heard & { key?: unknown })[] = []
  let seen = 0
  const zeroMs = harness.clock.now()
  const listen = () => {
    harness.drain()
    const atMs = harness.clock.now() - zeroMs
    for (const signal of harness.output.slice(seen)) {
      if (signal.tag === BATCH) {
        for (const [i, value] of signal.records.entries()) {
          if (keyed && row.pairs) {
            const [key, result] = value as [unknown, unknown]
            heard.push({ atMs, value: result, key })
          } else heard.push({ atMs, value, key: signal.keys?.[i] })
        }
      } else if (signal.tag === END) heard.push({ atMs, end: 'complete' })
    }
    seen = harness.output.length
    if (harness.error !== undefined && heard.at(-1)?.end === undefined) {
      heard.push({ atMs, end: 'error' })
    }
  }
  const over = () => heard.at(-1)?.end !== undefined
  const advanceTo = (atMs: number) => {
    while (harness.clock.now() - zeroMs < atMs && !over()) {
      const leftMs = atMs - (harness.clock.now() - zeroMs)
      harness.clock.advance(harness.clock.timers === 0 ? leftMs : 1)
      listen()
    }
  }
  listen()
  for (let i = 0; i < input.length && !over(); i++) {
    const { atMs } = input[i]!
    advanceTo(atMs)
    if (over()) break
    // Records of one instant may come in one batch.
    let to = i + 1
    while (together && to < input.length && input[to]!.atMs === atMs) to++
    const values = input.slice(i, to).map(({ value }) => value)
    harness.batch(values, keyed ? values.map(keyOf) : null)
    listen()
    i = to - 1
  }
  advanceTo(endMs)
  if (!over()) {
    harness.end()
    listen()
  }
  advanceTo(endMs + AFTER_MS)
  harness.unsubscribe()
  if (harness.broken.length > 0) throw new Error(harness.broken.join(', '))
  return heard
}

const keyOf = (value: number) => `k${value % 3}`
const text = (heard: readonly Heard[]) =>
  JSON.stringify(heard.map(({ atMs, value, end }) => [atMs, end ?? value ?? null]))

const seed = testSeed()

t.test('what is compared has its verdict in the table', async (t) => {
  for (const { operator } of rows) {
    t.ok(
      singleInputRows.some((row) => row.operator === operator.split(' ')[0]),
      operator,
    )
  }
})

for (const row of rows) {
  t.test(`${row.operator} is that of RxJS`, async () => {
    const property = (input: readonly Event[], together: boolean) => {
      const endMs = endOf(input)
      const expected = text(theirs(row, input, endMs))
      const seen = text(ours(row, input, endMs, false, together))
      if (expected !== seen) throw new Error(`RxJS ${expected}\n ours ${seen}`)
    }
    fc.assert(fc.property(events, fc.boolean(), property), { numRuns: 150, seed })
  })
  if (!row.keyed) continue
  t.test(`${row.operator} behind keyBy is that of RxJS for each key`, async () => {
    const property = (input: readonly Event[], together: boolean) => {
      const endMs = endOf(input)
      const all = ours(row, input, endMs, true, together)
      for (const key of new Set(input.map(({ value }) => keyOf(value)))) {
        const part = input.filter(({ value }) => keyOf(value) === key)
        const expected = theirs(row, part, endMs, part[0]!.atMs).filter(({ end }) => !end)
        const seen = all.filter((heard) => heard.key === key)
        if (text(expected) !== text(seen)) {
          throw new Error(`key ${key}: RxJS ${text(expected)}\n ours ${text(seen)}`)
        }
      }
    }
    fc.assert(fc.property(events, fc.boolean(), property), { numRuns: 100, seed })
  })
}
