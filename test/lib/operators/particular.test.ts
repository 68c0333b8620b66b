/** What is particular to single operators, and to what they share. */
import { take as rxTake } from 'rxjs/operators'
import t from 'tap'
import { aggregate } from '../../../lib/operators/aggregate.js'
import { concatMap } from '../../../lib/operators/concat-map.js'
import { count } from '../../../lib/operators/count.js'
import { distinct } from '../../../lib/operators/distinct.js'
import { deepFreeze } from '../../../lib/operators/freeze.js'
import { keyBy } from '../../../lib/operators/key-by.js'
import { map } from '../../../lib/operators/map.js'
import { mergeMap } from '../../../lib/operators/merge-map.js'
import { AGAIN, type RecordErrorPolicy, SKIP } from '../../../lib/operators/record-error.js'
import { createRecordErrors } from '../../../lib/operators/record-errors.js'
import { reduce } from '../../../lib/operators/reduce.js'
import { rx } from '../../../lib/operators/rx.js'
import { scan } from '../../../lib/operators/scan.js'
import { batch } from '../../../lib/operators/signal.js'
import type { AnyStream, Op, Stream } from '../../../lib/operators/stream.js'
import { sum } from '../../../lib/operators/sum.js'
import { take } from '../../../lib/operators/take.js'
import { tap } from '../../../lib/operators/tap.js'
import {
  definitionOf,
  feed,
  type HarnessOptions,
  OperatorHarness,
  open,
} from '../../support/operator-harness.js'

const opened = (op: unknown, options?: HarnessOptions) => open(op as Op<never, AnyStream>, options)
const defined = (op: unknown) => definitionOf(op as Op<never, AnyStream>)
const range = (n: number) => Array.from({ length: n }, (_, i) => i)

t.test(
  'take ends its stream once, asks upstream to stop, and ignores what still comes',
  async (t) => {
    const harness = opened(take(2))
    harness.batch([1, 2, 3])
    harness.batch([4])
    harness.barrier(1)
    harness.end()
    t.same([harness.values, harness.marks, harness.stops], [[1, 2], ['end'], 1])
  },
)

t.test(
  'what has enough stops an endless expansion before it, and closes its iterator',
  async (t) => {
    for (const enough of [take(5), rx(rxTake(5))]) {
      let returned = 0
      const naturals = mergeMap(function* () {
        try {
          for (let i = 0; ; i++) yield i
        } finally {
          returned++
        }
      })
      const harness = new OperatorHarness([defined(naturals), defined(enough)])
      harness.batch(['go'])
      harness.drain()
      t.same([harness.values, harness.marks], [[0, 1, 2, 3, 4], ['end']])
      t.same([harness.stops, returned, harness.deferred], [1, 1, false])
      harness.batch(['more'])
      t.equal(harness.values.length, 5)
    }
  },
)

t.test('take(0) ends at its first turn', async (t) => {
  const harness = opened(take(0))
  t.same(harness.output, [])
  harness.drain()
  t.same([harness.marks, harness.stops], [['end'], 1])
})

t.test('take behind keyBy: a finished key keeps a marker and stops nothing', async (t) => {
  const harness = opened(take(1), { keyed: true })
  feed(harness, ['a1', 'b1', 'a2', 'a3', 'b2'], [2], (x: string) => x[0])
  t.same([harness.values, harness.keys, harness.stops], [['a1', 'b1'], ['a', 'b'], 0])
  t.equal(harness.state().value('taken').size, 2)
})

t.test('distinct compares by value, per key; state is one entry per value', async (t) => {
  const harness = opened(distinct(), { keyed: true })
  const visits = [
    { k: 1, p: ['x'] },
    { k: 2, p: ['x'] },
    { k: 1, p: ['x'] },
  ]
  feed(harness, visits, [8], (visit: { k: number }) => visit.k)
  t.same(harness.values, visits.slice(0, 2))
  t.equal(harness.state().value('seen').size, 2)
  const bad = opened(distinct(), { policy: 'skip' })
  feed(bad, [new Map(), 1])
  t.same(bad.values, [1])
})

t.test('scan and reduce take undefined for a value once it is a result', async (t) => {
  const harness = opened(scan((_: unknown, x: unknown) => x, 'seed' as unknown))
  feed(harness, [undefined, 1, undefined])
  t.same(harness.values, [undefined, 1, undefined])
  const seen: unknown[] = []
  const folded = opened(
    reduce((a: unknown, x: unknown) => {
      seen.push(a)
      return x
    }),
  )
  feed(folded, [undefined, undefined, 5])
  t.same([seen, folded.values], [[undefined, undefined], [5]])
})

t.test('a seed that is changed in place is an error, not a value shared by all keys', async (t) => {
  const collect = (all: number[], x: number) => {
    all.push(x)
    return all
  }
  for (const op of [scan(collect, []), reduce(collect, [])]) {
    const harness = feed(opened(op), [1])
    t.match(harness.error, { code: 'E_USER_CODE', cause: { name: 'TypeError' } })
  }
})

t.test('a skipped record leaves no trace in the state', async (t) => {
  const harness = opened(
    scan((a: number, x: number) => {
      if (x < 0) throw new Error('negative')
      return a + x
    }, 0),
    { keyed: true, policy: 'skip' },
  )
  feed(harness, [-1, -2, 3], [9], (x: number) => x)
  t.same(harness.values, [[3, 3]])
  t.same([...harness.state().value('result').entries()], [[3, 3]])
})

t.test('sum refuses what is no number', async (t) => {
  const harness = feed(opened(sum((x: { n: number }) => x.n)), [{ n: 1 }, { m: 2 }])
  t.match(harness.error, { code: 'E_NOT_A_NUMBER', message: /sum adds numbers.*undefined/ })
})

t.test('results come batch by batch, as the gate allows', async (t) => {
  const harness = opened(count(), { keyed: true, half: 'behind', stayOpen: () => false })
  harness.batch(
    range(1000).map(() => 2),
    range(1000),
  )
  harness.drain()
  for (let i = 1; i < 5; i++)
    harness.batch(
      range(1000).map(() => 1),
      range(1000).map((k) => k + i * 700),
    )
  harness.gateOpen = false
  harness.end()
  t.same(harness.output, [])
  harness.drain()
  t.same(harness.broken, [])
  t.same(
    harness.output.map((s) => (s.tag === 0 ? s.records.length : 'end')),
    [1024, 1024, 1024, 728, 'end'],
  )
  t.equal(
    (harness.values as [number, number][]).reduce((all, [, n]) => all + n, 0),
    6000,
  )
})

t.test("the sender's key groups are used, not computed again", async (t) => {
  const harness = opened(count(), { keyed: true, half: 'behind' })
  harness.push(batch([1, 1], ['a', 'b'], Uint16Array.of(7, 3)))
  const state = harness.state().value('accumulator')
  t.equal(state.get(7, 'a'), 1)
  t.equal(state.get(3, 'b'), 1)
})

t.test(
  'the half before the exchange sends one accumulator per key, at a barrier and at the end',
  async (t) => {
    const harness = opened(count(), { keyed: true, half: 'before' })
    harness.batch(['x', 'y', 'z'], ['a', 'b', 'a'])
    harness.watermark(1)
    t.same(harness.values, [])
    harness.barrier(1)
    t.same(
      [harness.values, harness.keys, harness.marks],
      [
        [2, 1],
        ['a', 'b'],
        ['w1', 'b1'],
      ],
    )
    harness.batch(['x'], ['b'])
    harness.end()
    t.same([harness.values.slice(2), harness.keys.slice(2)], [[1], ['b']])
    t.same(harness.counts(), [4, 3])
  },
)

t.test('composite keys are folded by value and sent as they came', async (t) => {
  const harness = opened(sum(), { keyed: true, half: 'before' })
  harness.batch(
    [1, 2, 3],
    [
      ['a', 1],
      ['a', 1],
      ['b', 1],
    ],
  )
  harness.end()
  t.same(
    [harness.values, harness.keys],
    [
      [3, 3],
      [
        ['a', 1],
        ['b', 1],
      ],
    ],
  )
})

t.test('a barrier waits behind a flush that does not fit through the gate', async (t) => {
  const harness = opened(count(), { keyed: true, half: 'before', stayOpen: () => false })
  harness.batch(range(1024), range(1024))
  harness.batch(
    range(1024),
    range(1024).map((k) => k + 512),
  )
  harness.barrier(1)
  t.equal(harness.values.length, 1024)
  t.same(harness.marks, [])
  harness.drain()
  t.equal(harness.values.length, 1536)
  t.same([harness.marks, harness.broken], [['b1'], []])
})

t.test('folding that does not pay gives way to passing, for a while', async (t) => {
  const harness = opened(count(), { keyed: true, half: 'before' })
  let key = 0
  const distinctBatch = () =>
    harness.batch(
      range(1024),
      range(1024).map(() => key++),
    )
  for (let i = 0; i < 16; i++) distinctBatch()
  t.equal(harness.values.length, 16_384, 'flushed when the sample was judged')
  distinctBatch()
  t.equal(harness.values.length, 17_408, 'passed at once')
  for (let i = 0; i < 1024; i++)
    harness.batch(
      range(1024),
      range(1024).map((k) => k % 8),
    )
  const before = harness.values.length
  harness.batch(
    range(1024),
    range(1024).map((k) => k % 8),
  )
  t.equal(harness.values.length, before, 'folds again')
  harness.end()
  const total = (harness.values as number[]).reduce((a, b) => a + b, 0)
  t.equal(total, key + 1025 * 1024)
})

t.test(
  'folding gives way where most records are sent alone because nothing is held for long',
  async (t) => {
    const total = {
      create: () => 0,
      add: (a: number, x: number) => a + x,
      merge: (a: number, b: number) => a + b,
    }
    const harness = opened(aggregate(total, { emit: 'changes', hold: 50 }), {
      keyed: true,
      half: 'before',
    })
    let key = 0
    const distinctBatch = () =>
      harness.batch(
        range(1024),
        range(1024).map(() => key++),
      )
    for (let i = 0; i < 16; i++) {
      distinctBatch()
      t.equal(
        harness.values.length,
        (i < 15 ? i : 16) * 1024,
        'held, but for what was the end of the sample',
      )
      harness.clock.advance(50)
      harness.drain()
      t.equal(harness.values.length, (i + 1) * 1024)
    }
    distinctBatch()
    t.equal(harness.values.length, 17 * 1024, 'passed at once')
  },
)

t.test('keys held before the exchange are bounded', async (t) => {
  const harness = opened(count(), { keyed: true, half: 'before' })
  // Three records per key: folding pays, and the keys never end.
  for (let i = 0; i < 240; i++) {
    const start = i * 341
    harness.batch(
      range(1023),
      range(1023).map((k) => start + (k % 341)),
    )
  }
  t.ok(harness.values.length >= 65_536)
})

t.test('with select and without merge only the selected part is sent', async (t) => {
  const op = aggregate({ select: (x: { n: number }) => x.n, create: () => 0, add: (a, n) => a + n })
  t.equal(defined(op).traits.before, 'project')
  const harness = opened(op, { keyed: true, half: 'before' })
  harness.batch([{ n: 1 }, { n: 2 }], ['a', 'a'])
  harness.end()
  t.same(
    [harness.values, harness.keys],
    [
      [1, 2],
      ['a', 'a'],
    ],
  )
})

t.test(
  'changes are folded for as long as they may be held, and none passes a barrier',
  async (t) => {
    const op = aggregate(
      { create: () => 0, add: (a, x: number) => a + x, merge: (a, b) => a + b },
      { emit: 'changes', hold: 50 },
    )
    const harness = opened(op, { keyed: true })
    harness.batch([1, 2, 3], ['a', 'b', 'a'])
    harness.clock.advance(49)
    harness.drain()
    t.same(harness.values, [])
    harness.clock.advance(1)
    harness.drain()
    t.same(harness.values, [
      ['a', { before: undefined, after: 4 }],
      ['b', { before: undefined, after: 2 }],
    ])
    harness.batch([5], ['a'])
    harness.barrier(1)
    t.same(harness.values.slice(2), [['a', { before: 4, after: 9 }]])
    harness.batch([0, 6], ['a', 'b'])
    harness.end()
    t.same(
      harness.values.slice(3),
      [['b', { before: 2, after: 8 }]],
      'what stays the same is no change',
    )
    t.throws(() => aggregate({ create: () => 0, add: (n: number) => n }, { hold: 50 } as never), {
      code: 'E_BAD_ARGUMENT',
      message: /emit, where hold is given/,
    })
  },
)

t.test('an error of merge cannot be skipped; one of result drops that key', async (t) => {
  const broken = aggregate({
    create: () => 0,
    add: (a, x: number) => a + x,
    merge: () => {
      throw new Error('merge')
    },
  })
  const harness = opened(broken, { half: 'behind', policy: 'skip' })
  harness.batch([1, 2])
  t.match(harness.error, { code: 'E_USER_CODE', cause: { message: 'merge' } })
  const picky = aggregate({
    create: () => 0,
    add: (a, x: number) => a + x,
    result: (a) => {
      if (a === 2) throw new Error('two')
      return a
    },
  })
  const skipping = opened(picky, { keyed: true, policy: 'deadLetter' })
  feed(skipping, [1, 2, 3], [9], (x: number) => x)
  t.same(skipping.values.sort(), [
    [1, 1],
    [3, 3],
  ])
  t.match(skipping.deadLetters, [{ record: 2, key: 2 }])
})

t.test('traits say what the planner needs', async (t) => {
  t.match(defined(count()).traits, {
    before: 'aggregate',
    speaksAtEnd: true,
    orderSensitive: false,
  })
  t.match(defined(reduce((a: number) => a)).traits, { before: null, orderSensitive: true })
  t.match(defined(keyBy((x) => x)).traits, { keyAfter: 'set' })
  t.match(defined(scan((a: number) => a)).traits, { keyAfter: 'ended', stateful: true })
  t.same(defined(map((x) => x, { name: 'n', parallelism: 3, chain: false })).options, {
    name: 'n',
    parallelism: 3,
    chain: false,
  })
})

t.test('wrong arguments are refused where they are written', async (t) => {
  const wrong: [() => unknown, RegExp][] = [
    [() => map(undefined as never), /^map \(.*:\d+\): project must be a function; seen: undefined/],
    [() => take(-1), /count must be a whole number of at least 0; seen: -1/],
    [() => take(1.5), /whole number/],
    [() => aggregate({ create: () => 0 } as never), /add must be a function/],
    [() => tap(5 as never), /look must be a function; seen: 5/],
  ]
  for (const [make, message] of wrong) t.throws(make, { code: 'E_BAD_ARGUMENT', message })
})

t.test('record errors: every policy', async (t) => {
  const letters: unknown[] = []
  const with_ = (policy: RecordErrorPolicy) =>
    createRecordErrors({ operator: 'op', policy, deadLetter: (failure) => letters.push(failure) })
  const never = () => {
    throw new Error('again')
  }
  const error = new Error('first')
  t.throws(() => with_('fail').recover(error, { id: 1n }, 'k', never), {
    code: 'E_USER_CODE',
    message: /operator "op" failed on a record: first; the record: \{"id":"1n"\}/,
    details: { operator: 'op', key: '"k"' },
    cause: error,
  })
  t.equal(with_('skip').recover(error, 1, 2, never), SKIP)
  t.equal(
    with_({ retry: 3 }).recover(error, 1, 2, () => 'ok'),
    'ok',
  )
  t.throws(() => with_({ retry: 3 }).recover(error, 1, 2, never), { cause: { message: 'again' } })
  t.same(letters, [])
  t.equal(with_('deadLetter').recover(error, 1, 2, never), SKIP)
  t.same(letters, [{ operator: 'op', error, record: 1, key: 2 }])
  t.equal(with_((f) => (f.record === 1 ? 'skip' : 'fail')).recover(error, 1, 2, never), SKIP)
  t.equal(with_({ retry: 2 }).decide(error, 1, 2, 2), AGAIN)
  t.throws(() => with_({ retry: 2 }).decide(error, 1, 2, 3), { code: 'E_USER_CODE' })
  t.throws(() => with_('ignore' as never).recover(error, 1, 2, never), { code: 'E_BAD_POLICY' })
  t.throws(() => with_({ retry: -1 }).recover(error, 1, 2, never), { code: 'E_BAD_POLICY' })
  t.throws(() => with_(never).recover(error, 1, 2, never), {
    code: 'E_BAD_POLICY',
    message: /again/,
  })
})

t.test('deepFreeze freezes plain data, cycles included, and leaves the rest', async (t) => {
  const value: Record<string, unknown> = {
    list: [{ a: 1 }],
    map: new Map(),
    bytes: new Uint8Array(2),
  }
  value.self = value
  t.equal(deepFreeze(value), value)
  t.ok(Object.isFrozen((value.list as object[])[0]))
  t.notOk(Object.isFrozen(value.map))
  t.equal(deepFreeze(5), 5)
})

t.test('types: results per key are pairs, seeds give the type', async () => {
  const is = <A>(_: A) => {}
  const words = {} as Stream<string, 'untimed'>
  const types = () => {
    const keyed = words.pipe(keyBy((w) => [w, w.length]))
    is<Stream<string, 'untimed', readonly [string, number]>>(keyed)
    is<Stream<readonly [readonly [string, number], number]>>(keyed.pipe(count({ name: 'n' })))
    is<Stream<number>>(words.pipe(count((w) => w.length > 3)))
    is<Stream<number>>(words.pipe(scan((n, w) => n + w.length, 0)))
    is<Stream<string>>(words.pipe(reduce((a, b) => (a > b ? a : b))))
    is<Stream<number>>(words.pipe(sum((w) => w.length)))
    is<Stream<number>>(
      words.pipe(
        aggregate({
          create: () => ({ n: 0 }),
          add: (a, w) => ({ n: a.n + w.length }),
          result: (a) => a.n,
        }),
      ),
    )
    is<Stream<{ n: number }>>(
      words.pipe(
        aggregate({
          select: (w) => w.length,
          create: () => ({ n: 0 }),
          add: (a, n) => ({ n: a.n + n }),
        }),
      ),
    )
    is<Stream<string>>(words.pipe(mergeMap((w) => w.split(' '))))
    is<Stream<string>>(words.pipe(mergeMap((w) => w.match(/x/g) ?? [])))
    is<Stream<number>>(words.pipe(mergeMap(async (w, signal) => (signal.aborted ? 0 : w.length))))
    is<Stream<number>>(
      words.pipe(
        mergeMap(
          async function* (w) {
            yield w.length
          },
          { concurrency: 2 },
        ),
      ),
    )
    is<Stream<string, 'untimed', string>>(
      words.pipe(
        keyBy((w) => w),
        concatMap((w) => [w]),
      ),
    )
    // @ts-expect-error: sum without a selector needs numbers
    words.pipe(sum())
  }
  is(types)
})
