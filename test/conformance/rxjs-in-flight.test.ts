/**
 * Records in flight against RxJS 7: the same calls, answered after the same virtual time; which values come,
 * when, and when the stream is complete. Behind keys, each key against RxJS on the key's part.
 */
import fc from 'fast-check'
import * as rx7 from 'rxjs'
import t from 'tap'
import { concatMap } from '../../lib/operators/concat-map.js'
import { mergeMap } from '../../lib/operators/merge-map.js'
import { BATCH, END } from '../../lib/operators/signal.js'
import { exhaustMap, switchMap } from '../../lib/operators/switch-map.js'
import type { VirtualClock } from '../../lib/testing/virtual-clock.js'
import { definitionOf, OperatorHarness } from '../support/operator-harness.js'
import { testSeed } from '../support/test-seed.js'

interface Event {
  /** Multiples of 64; answers take 64 n + 3 ms, so that nothing falls on the same instant. */
  readonly atMs: number
  readonly value: number
}
type Heard = readonly [atMs: number, value: unknown, key?: unknown]

const answerMs = (value: number) => 3 + 64 * (value % 4)
/** One in three is answered at once, with two results. */
const isAtOnce = (value: number) => value % 3 === 2
const atOnce = (value: number) => [value, value + 0.5]

type Ours = (call: (value: number) => Promise<number> | number[]) => unknown
type Theirs = (
  call: (value: number) => rx7.Observable<number>,
) => rx7.OperatorFunction<number, number>

const rows: readonly (readonly [string, Ours, Theirs])[] = [
  ['switchMap', (call) => switchMap(call), (call) => rx7.switchMap(call)],
  ['exhaustMap', (call) => exhaustMap(call), (call) => rx7.exhaustMap(call)],
  ['concatMap', (call) => concatMap(call, { retry: 0 }), (call) => rx7.concatMap(call)],
  ['mergeMap', (call) => mergeMap(call, { concurrency: 100 }), (call) => rx7.mergeMap(call)],
]

const events: fc.Arbitrary<readonly Event[]> = fc
  .array(fc.record({ gap: fc.nat(3), value: fc.nat(30) }), { maxLength: 12 })
  .map((steps) => {
    let atMs = 0
    return steps.map(({ gap, value }) => {
      atMs += gap * 64
      return { atMs, value }
    })
  })
const AFTER_MS = 4_000

function theirs(row: (typeof rows)[number], input: readonly Event[], endMs: number): Heard[] {
  const scheduler = new rx7.VirtualTimeScheduler()
  const source = new rx7.Subject<number>()
  const heard: Heard[] = []
  const call = (value: number) =>
    isAtOnce(value)
      ? rx7.from(atOnce(value))
      : rx7.timer(answerMs(value), scheduler).pipe(rx7.map(() => value * 100))
  source.pipe(row[2](call)).subscribe({
    next: (value) => heard.push([scheduler.now(), value]),
    complete: () => heard.push([scheduler.now(), 'complete']),
  })
  for (const { atMs, value } of input) scheduler.schedule(() => source.next(value), atMs)
  scheduler.schedule(() => source.complete(), endMs)
  scheduler.maxFrames = endMs + AFTER_MS
  scheduler.flush()
  return heard
}

async function ours(
  row: (typeof rows)[number],
  input: readonly Event[],
  endMs: number,
  keyed: boolean,
  together: boolean,
): Promise<Heard[]> {
  const world: { clock?: VirtualClock } = {}
  const call = (value: number) =>
    isAtOnce(value)
      ? atOnce(value)
      : new Promise<number>((resolve) => {
          world.clock!.after(answerMs(value), () => resolve(value * 100))
        })
  const harness = new OperatorHarness([definitionOf(row[1](call) as never)], { keyed })
  const { clock } = harness
  world.clock = clock
  const zeroMs = clock.now()
  const heard: Heard[] = []
  let seen = 0
  const listen = async () => {
    for (let before = -1; before !== harness.output.length; ) {
      before = harness.output.length
      await clock.settle()
      harness.drain()
    }
    const atMs = clock.now() - zeroMs
    for (const signal of harness.output.slice(seen)) {
      if (signal.tag === BATCH) {
        for (const [i, value] of signal.records.entries()) {
          heard.push(keyed ? [atMs, value, signal.keys![i]] : [atMs, value])
        }
      } else if (signal.tag === END) heard.push([atMs, 'complete'])
    }
    seen = harness.output.length
  }
  const advanceTo = async (toMs: number) => {
    while (clock.now() - zeroMs < toMs) {
      const nowMs = clock.now() - zeroMs
      // Nothing happens but at multiples of 64, and at so many threes behind them as were waited for.
      const stepMs = clock.timers === 0 ? toMs - nowMs : 1
      clock.advance(Math.min(stepMs, toMs - nowMs))
      await listen()
    }
  }
  let at = 0
  while (at < input.length) {
    const { atMs } = input[at]!
    await advanceTo(atMs)
    let to = at + 1
    while (together && to < input.length && input[to]!.atMs === atMs) to++
    const values = input.slice(at, to).map(({ value }) => value)
    if (harness.deferred) {
      // The subtask would let it wait; it holds what RxJS queues inside.
      while (harness.deferred && clock.now() - zeroMs < endMs + AFTER_MS) {
        await advanceTo(clock.now() - zeroMs + 1)
      }
    }
    harness.batch(values, keyed ? values.map(keyOf) : null)
    await listen()
    at = to
  }
  await advanceTo(endMs)
  while (harness.deferred && clock.now() - zeroMs < endMs + AFTER_MS) {
    await advanceTo(clock.now() - zeroMs + 1)
  }
  harness.end()
  await listen()
  await advanceTo(endMs + AFTER_MS)
  if (harness.broken.length > 0) throw new Error(harness.broken.join(', '))
  return heard
}

const keyOf = (value: number) => `k${value % 2}`
const endOf = (input: readonly Event[]) => (input.at(-1)?.atMs ?? 0) + 4

const seed = testSeed()

for (const row of rows) {
  t.test(`${row[0]} is that of RxJS`, async () => {
    const property = async (input: readonly Event[], together: boolean) => {
      const expected = JSON.stringify(theirs(row, input, endOf(input)))
      const seen = JSON.stringify(await ours(row, input, endOf(input), false, together))
      if (expected !== seen) throw new Error(`RxJS ${expected}\n ours ${seen}`)
    }
    await fc.assert(fc.asyncProperty(events, fc.boolean(), property), { numRuns: 60, seed })
  })
}

for (const row of rows.slice(0, 2)) {
  t.test(`${row[0]} behind keyBy is that of RxJS for each key`, async () => {
    const property = async (input: readonly Event[]) => {
      const all = await ours(row, input, endOf(input), true, true)
      for (const key of new Set(input.map(({ value }) => keyOf(value)))) {
        const part = input.filter(({ value }) => keyOf(value) === key)
        const expected = theirs(row, part, endOf(input)).slice(0, -1)
        const seen = all.filter((heard) => heard[2] === key).map((heard) => heard.slice(0, 2))
        if (JSON.stringify(expected) !== JSON.stringify(seen)) {
          throw new Error(`${key}: RxJS ${JSON.stringify(expected)}\n ours ${JSON.stringify(seen)}`)
        }
      }
    }
    await fc.assert(fc.asyncProperty(events, property), { numRuns: 60, seed })
  })
}
