/** What is particular to operators whose results come later: mergeMap beside the loop, and rx. */
import { type Observable, Subject } from 'rxjs'
import * as rx7 from 'rxjs/operators'
import t from 'tap'
import { concatMap } from '../../../lib/operators/concat-map.js'
import { mergeMap } from '../../../lib/operators/merge-map.js'
import type { OperatorOptions } from '../../../lib/operators/operator.js'
import { rx } from '../../../lib/operators/rx.js'
import { IDLE } from '../../../lib/operators/signal.js'
import type { AnyStream, Op } from '../../../lib/operators/stream.js'
import { definitionOf, type HarnessOptions, open } from '../../support/operator-harness.js'

const opened = (op: unknown, options?: HarnessOptions) => open(op as Op<never, AnyStream>, options)

/** Calls that the test answers by hand. */
function calls() {
  const made: {
    record: number
    signal: AbortSignal
    resolve: (value: unknown) => void
    reject: (error: Error) => void
  }[] = []
  const call = (record: number, signal: AbortSignal) =>
    new Promise<unknown>((resolve, reject) => made.push({ record, signal, resolve, reject }))
  return { made, call, records: () => made.map(({ record }) => record) }
}

t.test('at most `concurrency` records are in flight, and input waits', async (t) => {
  const { made, call, records } = calls()
  const harness = opened(mergeMap(call, { concurrency: 2 }))
  harness.batch([1, 2, 3, 4])
  t.same(records(), [1, 2])
  t.ok(harness.deferred, 'takes no further signal')
  made[1]!.resolve('b')
  await harness.settle()
  t.same(harness.values, ['b'])
  t.same(records(), [1, 2, 3])
  for (const { resolve, record } of made) resolve(record)
  await harness.settle()
  made[3]!.resolve(4)
  await harness.settle()
  t.same(harness.values, ['b', 1, 3, 4])
  t.notOk(harness.deferred)
  t.same(harness.counts(), [4, 4])
})

t.test('sixteen by default, one for concatMap', async (t) => {
  const many = Array.from({ length: 40 }, (_, i) => i)
  const merged = calls()
  opened(mergeMap(async (x: number, signal) => merged.call(x, signal))).batch(many)
  t.equal(merged.made.length, 16)
  const chained = calls()
  opened(concatMap(async (x: number, signal) => chained.call(x, signal))).batch(many)
  t.equal(chained.made.length, 1)
})

t.test(
  'ordered: a finished record waits for those before it, and counts as in flight',
  async (t) => {
    const { made, call, records } = calls()
    const harness = opened(mergeMap(call, { concurrency: 2, ordered: true }), { keyed: true })
    harness.batch([1, 2, 3], ['a', 'b', 'c'])
    made[1]!.resolve('second')
    await harness.settle()
    t.same(harness.values, [])
    t.same(records(), [1, 2])
    made[0]!.resolve('first')
    await harness.settle()
    t.same(
      [harness.values, harness.keys],
      [
        ['first', 'second'],
        ['a', 'b'],
      ],
    )
    t.same(records(), [1, 2, 3])
  },
)

t.test('a mark passes behind the records before it, and before those behind it', async (t) => {
  const { made, call } = calls()
  const harness = opened(mergeMap(call, { concurrency: 4 }))
  harness.batch([1, 2])
  harness.watermark(5)
  harness.watermark(6)
  harness.barrier(1)
  harness.batch([3])
  made[2]!.resolve('c')
  await harness.settle()
  t.same(harness.values, [], 'record 3 is ready, but two before the watermark are not')
  t.same(harness.marks, ['b1'], 'a barrier waits for nobody: what is in flight is state')
  made[0]!.resolve('a')
  made[1]!.resolve('b')
  await harness.settle()
  harness.end()
  await harness.settle()
  t.same(harness.values, ['a', 'b', 'c'])
  t.same(harness.marks, ['b1', 'w6', 'end'], 'watermarks that wait together are one')
})

t.test('marks behind records in flight are bounded', async (t) => {
  const { call } = calls()
  const harness = opened(mergeMap(call, { concurrency: 4 }))
  harness.batch([1])
  for (let round = 1; !harness.deferred; round++) {
    t.ok(round < 20)
    harness.push({ tag: IDLE, active: round % 2 === 0 })
  }
})

t.test('a result that is ready waits for the gate', async (t) => {
  const { made, call } = calls()
  const harness = opened(mergeMap(call, { concurrency: 4 }), { stayOpen: () => false })
  harness.batch([1, 2])
  harness.gateOpen = false
  made[0]!.resolve('a')
  await harness.clock.settle()
  harness.turn()
  t.same(harness.values, [])
  t.ok(harness.deferred)
  harness.gateOpen = true
  harness.turn()
  t.same(harness.values, ['a'])
})

t.test(
  'an async iterable is asked for one element at a time, only while the gate is open',
  async (t) => {
    let pulled = 0
    let closed = 0
    const naturals = async function* () {
      try {
        for (;;) yield pulled++
      } finally {
        closed++
      }
    }
    const harness = opened(mergeMap(naturals, { concurrency: 1 }), { stayOpen: () => false })
    harness.batch(['go'])
    for (let i = 0; i < 5; i++) {
      await harness.clock.settle()
      harness.turn()
    }
    t.same(harness.values, [0])
    t.ok(pulled <= 2)
    harness.gateOpen = true
    harness.turn()
    t.ok(pulled <= 3)
    harness.unsubscribe()
    await harness.clock.settle()
    t.equal(closed, 1)
  },
)

t.test('timeoutMs fails the call and aborts it; what comes later is ignored', async (t) => {
  const { made, call } = calls()
  const harness = opened(mergeMap(call, { timeoutMs: 50, onRecordError: 'deadLetter' }))
  harness.batch([1, 2])
  harness.clock.advance(49)
  made[1]!.resolve('in time')
  await harness.settle()
  harness.clock.advance(2)
  t.ok(made[0]!.signal.aborted)
  t.notOk(made[1]!.signal.aborted)
  made[0]!.resolve('late')
  await harness.settle()
  t.same(harness.values, ['in time'])
  t.match(harness.deadLetters, [{ record: 1, error: { code: 'E_TIMEOUT' } }])
  t.equal(harness.clock.timers, 0)
})

t.test('retry calls again after pauses that double, before the policy is asked', async (t) => {
  const { made, call, records } = calls()
  const retry = { attempts: 3, firstMs: 10, maxMs: 25 }
  const harness = opened(mergeMap(call, { retry, onRecordError: 'skip' }))
  harness.batch([1])
  for (const pauseMs of [10, 20, 25]) {
    made.at(-1)!.reject(new Error('busy'))
    await harness.settle()
    const before = made.length
    harness.clock.advance(pauseMs - 1)
    t.equal(made.length, before)
    harness.clock.advance(1)
    t.equal(made.length, before + 1)
  }
  made.at(-1)!.reject(new Error('busy'))
  harness.end()
  await harness.settle()
  t.same(records(), [1, 1, 1, 1])
  t.same([harness.values, harness.marks], [[], ['end']])
})

t.test('an async iterable that breaks after its first element cannot be skipped', async (t) => {
  const broken = async function* (x: number) {
    yield x
    throw new Error('broke')
  }
  const harness = opened(mergeMap(broken, { retry: 5, onRecordError: 'skip' }))
  harness.batch([1])
  await harness.settle()
  t.same(harness.values, [1])
  t.match(harness.error, { code: 'E_USER_CODE', cause: { message: 'broke' } })
})

t.test('cancelling aborts what is in flight and forgets it', async (t) => {
  const { made, call } = calls()
  const harness = opened(mergeMap(call, { timeoutMs: 1000, retry: 1 }))
  harness.batch([1, 2])
  harness.unsubscribe()
  t.ok(made.every(({ signal }) => signal.aborted))
  made[0]!.resolve('late')
  made[1]!.reject(new Error('late'))
  await harness.settle()
  t.same([harness.output, harness.error, harness.clock.timers], [[], undefined, 0])
})

t.test('the form is chosen when composing', async (t) => {
  const isFused = (op: unknown) => definitionOf(op as Op<never, AnyStream>).step !== undefined
  t.ok(isFused(mergeMap((x: string) => x.split(' '))))
  t.ok(
    isFused(
      mergeMap(
        function* (x: string) {
          yield x
        },
        { name: 'words' },
      ),
    ),
  )
  t.notOk(isFused(mergeMap(async (x: string) => x)))
  t.notOk(
    isFused(
      mergeMap(async function* (x: string) {
        yield x
      }),
    ),
  )
  t.notOk(isFused(mergeMap((x: string) => Promise.resolve(x), { concurrency: 4 })))
  t.notOk(isFused(mergeMap((x: string, _signal) => Promise.resolve(x))))
  t.notOk(isFused(concatMap(async (x: string) => x)))
  for (const options of [{ concurrency: 0 }, { timeoutMs: 0 }, { retry: -1 }]) {
    t.throws(() => mergeMap(async (x: string) => x, options), { code: 'E_BAD_ARGUMENT' })
  }
})

const rxOf = (source: Subject<unknown>, options: OperatorOptions & { capacity?: number } = {}) =>
  rx(() => source as Observable<number>, options)

t.test('rx: what comes by itself wakes the operator and is emitted in its turn', async (t) => {
  const source = new Subject<unknown>()
  const harness = opened(rxOf(source))
  source.next(1)
  t.same(harness.values, [])
  t.ok(harness.deferred)
  harness.drain()
  t.same(harness.values, [1])
  source.next(2)
  source.complete()
  harness.drain()
  t.same([harness.values, harness.marks, harness.stops], [[1, 2], ['end'], 1])
})

t.test('rx: more than capacity waiting is a failure that names it', async (t) => {
  const source = new Subject<unknown>()
  const harness = opened(rxOf(source, { capacity: 3, name: 'burst' }))
  harness.gateOpen = false
  for (let i = 0; i < 3; i++) source.next(i)
  harness.turn()
  t.equal(harness.error, undefined)
  source.next(3)
  harness.gateOpen = true
  harness.drain()
  t.match(harness.error, { code: 'E_RX_OVERFLOW', message: /"burst": more than 3 results/ })
})

t.test('rx: the end waits for what the operators still owe', async (t) => {
  const source = new Subject<unknown>()
  const owing = rx7.mergeMap((x: number) => source.pipe(rx7.map((y) => [x, y])))
  const harness = opened(rx(owing))
  harness.batch([7])
  harness.end()
  t.same(harness.output, [])
  source.next('late')
  source.complete()
  harness.drain()
  t.same([harness.values, harness.marks, harness.stops], [[[7, 'late']], ['end'], 0])
})

t.test('rx: an error is a failure that no policy skips', async (t) => {
  const broken = rx7.map((x: number) => {
    if (x === 2) throw new Error('rx broke')
    return x
  })
  const harness = opened(rx(broken, { onRecordError: 'skip' }))
  harness.batch([1, 2, 3])
  t.match(harness.error, { code: 'E_USER_CODE', cause: { message: 'rx broke' } })
})

t.test('rx: cancelling unsubscribes', async (t) => {
  const source = new Subject<unknown>()
  const harness = opened(rxOf(source))
  t.ok(source.observed)
  harness.unsubscribe()
  t.notOk(source.observed)
})
