import t from 'tap'
import type { OperatorOptions } from '../../../lib/operators/operator.js'
import { type ProcessSpec, process } from '../../../lib/operators/process/process.js'
import { recordsOf, type TimerRegistry } from '../../../lib/operators/process/process-context.js'
import { type ProcessWithSpec, processWith } from '../../../lib/operators/process/process-with.js'
import { processWithBroadcast } from '../../../lib/operators/process/process-with-broadcast.js'
import {
  aggregatingState,
  broadcastState,
  listState,
  mapState,
  operatorListState,
  reducingState,
  type StateSpecs,
  valueState,
} from '../../../lib/operators/process/state-spec.js'
import type { RecordErrorPolicy } from '../../../lib/operators/record-error.js'
import { sideTag } from '../../../lib/operators/side-tag.js'
import { BATCH } from '../../../lib/operators/signal.js'
import { attach } from '../../../lib/operators/stream.js'
import { type HarnessOptions, type OperatorHarness, open } from '../../support/operator-harness.js'

/** A stream that is only attached to. */
const otherStream = { [attach]: () => otherStream }

type Word = readonly [key: string, n: number]

/** Behind `timestamps` and `keyBy`: records are `[key, n]`. */
function keyed<R, S extends StateSpecs, Opened>(
  spec: ProcessSpec<Word, R, S, 'event', string, Opened>,
  options: HarnessOptions & { readonly operator?: OperatorOptions } = {},
): OperatorHarness {
  const op = process(spec, options.operator)
  return open(op as never, { keyed: true, ...options })
}

/** Pushes records with the key that stands first; `times`: event times. */
function push(h: OperatorHarness, words: readonly Word[], times: readonly number[] | null = null) {
  h.batch(
    [...words],
    words.map(([key]) => key),
    0,
    times,
  )
}

const counting = {
  emits: recordsOf<string>(),
  state: { n: valueState<number>() },
  onRecord(
    [key, by]: Word,
    {
      state,
      emit,
    }: {
      state: { n: { get(): number | undefined; set(n: number): void } }
      emit(text: string): void
    },
  ) {
    const n = (state.n.get() ?? 0) + by
    state.n.set(n)
    emit(`${key}${n}`)
  },
}

t.test('state is kept per key, and a call reads its own writes', async (t) => {
  const h = keyed({
    emits: recordsOf<unknown>(),
    state: {
      value: valueState<number>(),
      list: listState<number>(),
      map: mapState<string, number>(),
      sum: reducingState<number>((a, b) => a + b),
      mean: aggregatingState({
        begin: (n: number): number[] => [n, 1],
        add: ([sum, n]: number[], more) => [sum! + more, n! + 1],
        result: ([sum, n]: number[]) => sum! / n!,
      }),
    },
    onRecord([, n], { state: { value, list, map, sum, mean }, emit }) {
      value.set((value.get() ?? 0) + n)
      list.append(n)
      map.set(`k${n}`, n)
      sum.add(n)
      mean.add(n)
      emit([value.get(), list.get(), [...map.entries()], sum.get(), mean.get()])
    },
  })
  push(h, [
    ['a', 1],
    ['b', 5],
  ])
  push(h, [['a', 3]])
  t.same(h.values, [
    [1, [1], [['k1', 1]], 1, 1],
    [5, [5], [['k5', 5]], 5, 5],
    [
      4,
      [1, 3],
      [
        ['k1', 1],
        ['k3', 3],
      ],
      4,
      2,
    ],
  ])
  t.same(h.broken, [])
})

t.test('handles do with the writes of a call what a plain value, array or map would', async (t) => {
  const h = keyed({
    emits: recordsOf<unknown>(),
    state: { v: valueState<number>(), l: listState<number>(), m: mapState<unknown, number>() },
    onRecord([, n], { state: { v, l, m }, emit }) {
      const seen = () => [v.has(), v.get(), l.get(), l.length, [...m.entries()], m.size]
      if (n === 0) {
        v.set(1)
        l.append(1)
        l.append(2)
        m.set([1], 1)
        m.set('x', 2)
      } else if (n === 1) {
        v.clear()
        l.append(3)
        m.delete([1])
        m.set('x', 5)
        m.set('y', 6)
        emit(seen())
        m.delete('y')
        m.delete('never')
        emit([m.has('y'), m.get('x'), m.has([1]), m.size])
      } else if (n === 2) {
        emit(seen())
        l.clear()
        m.clear()
        l.append(9)
        m.set('z', 9)
      }
      emit(seen())
    },
  })
  for (const n of [0, 1, 2, 3]) push(h, [['a', n]])
  t.same(h.values, [
    [
      true,
      1,
      [1, 2],
      2,
      [
        [[1], 1],
        ['x', 2],
      ],
      2,
    ],
    [
      false,
      undefined,
      [1, 2, 3],
      3,
      [
        ['x', 5],
        ['y', 6],
      ],
      2,
    ],
    [false, 5, false, 1],
    [false, undefined, [1, 2, 3], 3, [['x', 5]], 1],
    [false, undefined, [1, 2, 3], 3, [['x', 5]], 1],
    [false, undefined, [9], 1, [['z', 9]], 1],
    [false, undefined, [9], 1, [['z', 9]], 1],
  ])
})

const odd = sideTag<number>('odd')

/** Does one of everything, then throws for n < 0 as often as `failures` says. */
function failing(policy: RecordErrorPolicy, failures = Number.POSITIVE_INFINITY) {
  let left = failures
  return keyed(
    {
      emits: recordsOf<string>(),
      state: { v: valueState<number>(), l: listState<number>(), m: mapState<number, number>() },
      onRecord([key, n], { state: { v, l, m }, emit, side, timers, timeMs }) {
        v.set((v.get() ?? 0) + n)
        l.append(n)
        m.set(n, n)
        emit(`${key} ${n}`)
        side(odd, n)
        timers.event.register(timeMs + 10)
        timers.processing.register(n)
        if (n < 0 && left-- > 0) throw new Error('negative')
      },
      onTimer({ kind, timeMs }, { state: { v, l, m }, emit }) {
        emit(`${kind} ${timeMs} ${v.get()} ${l.get()} ${[...m.entries()]}`)
      },
    },
    { policy },
  )
}

t.test('a record that is skipped leaves no trace', async (t) => {
  for (const policy of ['skip', 'deadLetter'] as const) {
    const h = failing(policy)
    push(
      h,
      [
        ['a', 1],
        ['a', -5],
        ['a', 2],
      ],
      [0, 1, 2],
    )
    h.drain()
    h.watermark(100)
    t.same(h.values, [
      'a 1',
      'a 2',
      'processing 1 3 1,2 1,1,2,2',
      'processing 2 3 1,2 1,1,2,2',
      'event 10 3 1,2 1,1,2,2',
      'event 12 3 1,2 1,1,2,2',
    ])
    t.same(h.sides, { odd: { records: [1, 2], times: [0, 2] } })
    t.equal(h.deadLetters.length, policy === 'skip' ? 0 : 1)
    t.same(h.broken, [])
  }
})

t.test('a record that is tried again begins from the same state', async (t) => {
  const h = failing({ retry: 3 }, 2)
  push(h, [['a', -5]], [0])
  h.watermark(100)
  t.same(
    h.values.filter((text) => `${text}`.startsWith('a')),
    ['a -5'],
  )
  t.same(h.sides.odd?.records, [-5])
  t.match(h.values.at(-1), 'event 10 -5 -5')
  const used = failing({ retry: 1, otherwise: 'skip' }, 3)
  push(
    used,
    [
      ['a', -5],
      ['a', 7],
    ],
    [0, 0],
  )
  t.same(
    used.values.filter((text) => `${text}`.startsWith('a')),
    ['a 7'],
  )
})

t.test('a failing record is the failure of the subtask by default', async (t) => {
  const h = failing('fail')
  push(h, [['a', -5]], [0])
  t.match(h.error, { code: 'E_USER_CODE', message: /negative/ })
})

t.test('whatever the policy, an error of a timer or of onEnd is a failure', async (t) => {
  for (const policy of ['fail', 'skip', 'deadLetter', { retry: 2 }] as const) {
    const throws = () => {
      throw new Error('too late')
    }
    const onTimer = keyed(
      { onRecord: (_, { timers }) => timers.event.register(5, 'n'), onTimer: throws },
      { policy },
    )
    push(onTimer, [['a', 1]], [0])
    onTimer.watermark(5)
    t.match(onTimer.error, {
      code: 'E_USER_CODE',
      message: /onTimer failed for the event-time timer "n" of 5: too late/,
    })
    const onEnd = keyed(
      { state: { v: valueState() }, onRecord: (_, { state }) => state.v.set(1), onEnd: throws },
      { policy },
    )
    push(onEnd, [['a', 1]])
    onEnd.end()
    t.match(onEnd.error, { code: 'E_USER_CODE', message: /onEnd failed: too late/ })
  }
})

t.test(
  'event-time timers fire before the watermark goes on, in the order of their times',
  async (t) => {
    const h = keyed({
      emits: recordsOf<string>(),
      onRecord([key, n], { timers, emit, watermarkMs }) {
        timers.event.register(n)
        timers.event.register(n)
        timers.event.register(n, 'named')
        emit(`${key} at ${watermarkMs}`)
      },
      onTimer({ timeMs, name, key }, { emit, key: own, timeMs: atMs, timers, watermarkMs }) {
        emit(`${key}${own} ${timeMs} ${name} ${atMs} ${watermarkMs}`)
        if (timeMs === 10 && name === '') timers.event.register(15)
      },
    })
    push(
      h,
      [
        ['a', 20],
        ['b', 10],
        ['c', 99],
      ],
      [1, 2, 3],
    )
    h.watermark(30)
    t.same(h.values, [
      'a at -Infinity',
      'b at -Infinity',
      'c at -Infinity',
      'bb 10  10 30',
      'bb 10 named 10 30',
      'bb 15  15 30',
      'aa 20  20 30',
      'aa 20 named 20 30',
    ])
    t.equal(h.marks.at(-1), 'w30')
    t.equal(h.output.at(-1)?.tag === BATCH, false)
    const fired = h.output.find((signal, i) => i > 0 && signal.tag === BATCH)
    t.same(fired?.tag === BATCH && [...fired.times!], [10, 10, 15, 20, 20])
    h.end()
    t.match(h.values.at(-2), 'cc 99  99 Infinity')
    t.same(h.marks, ['w30', 'end'])
  },
)

t.test('a watermark that goes back fires nothing and does no harm', async (t) => {
  const h = keyed({
    emits: recordsOf<number>(),
    onRecord: ([, n], { timers }) => timers.event.register(n),
    onTimer: ({ timeMs }, { emit }) => emit(timeMs),
  })
  h.watermark(50)
  push(
    h,
    [
      ['a', 20],
      ['a', 60],
    ],
    [55, 55],
  )
  h.watermark(10)
  t.same(h.values, [20], 'what is due by the higher watermark')
  h.watermark(60)
  t.same(h.values, [20, 60])
})

t.test('deleted timers do not fire', async (t) => {
  const h = keyed({
    emits: recordsOf<string>(),
    onRecord([, n], { timers }) {
      if (n > 0) {
        timers.event.register(n)
        timers.event.register(n, 'x')
        timers.processing.register(n)
      } else {
        timers.event.delete(-n)
        timers.processing.delete(-n)
        timers.event.delete(12345)
      }
    },
    onTimer: ({ timeMs, name, kind }, { emit }) => emit(`${kind} ${timeMs}${name}`),
  })
  push(
    h,
    [
      ['a', 1e15],
      ['a', -1e15],
      ['b', 1e15],
      ['b', 5],
      ['b', -5],
    ],
    [0, 0, 0, 0, 0],
  )
  h.end()
  t.same(h.values, [
    'event 5x',
    'event 1000000000000000x',
    'event 1000000000000000',
    'event 1000000000000000x',
  ])
})

t.test(
  'processing-time timers fire when the clock has come to them, without any input',
  async (t) => {
    const h = keyed({
      emits: recordsOf<string>(),
      onRecord: ([, n], { timers, now }) => timers.processing.register(now() + n),
      onTimer({ timeMs, key }, { emit, now, timers, timeMs: atMs }) {
        emit(`${key} ${now() - timeMs} ${atMs}`)
        if (key === 'b') timers.processing.register(now() + 50)
      },
    })
    push(
      h,
      [
        ['a', 100],
        ['b', 70],
      ],
      [7, 3],
    )
    h.clock.advance(69)
    t.equal(h.deferred, false)
    h.clock.advance(1)
    t.equal(h.deferred, true, 'it has asked for a turn')
    h.drain()
    t.same(h.values, ['b 0 7'])
    h.clock.advance(40)
    h.drain()
    t.same(h.values, ['b 0 7', 'a 10 7'])
    h.clock.advance(10)
    h.drain()
    t.equal(h.values.length, 3)
    h.end()
    t.equal(h.clock.timers, 0, 'the alarm is off')
    t.equal(h.values.length, 3, 'what is not due by the end does not fire')
  },
)

t.test('what a timer of the clock gives is not late', async (t) => {
  const h = keyed({
    emits: recordsOf<string>(),
    onRecord: (_, { timers, now }) => timers.processing.register(now() + 1),
    onTimer: (_, { emit }) => emit('result'),
  })
  push(h, [['a', 1]], [7])
  h.watermark(20)
  h.clock.advance(1)
  h.drain()
  const times = h.output.flatMap((signal) => (signal.tag === BATCH ? [...signal.times!] : []))
  t.same(times, [21])
})

t.test(
  'a timer that registers itself again keeps neither others nor the end from coming',
  async (t) => {
    let fired = 0
    const h = keyed({
      onRecord: (_, { timers, timeMs, now }) => {
        timers.event.register(timeMs)
        timers.processing.register(now())
      },
      onTimer({ timeMs, kind }, { timers, now }) {
        if (kind === 'processing') {
          fired++
          timers.processing.register(now())
        } else timers.event.register(timeMs + 1_000)
      },
    })
    push(h, [['a', 1]], [0])
    t.equal(fired, 1)
    h.clock.advance(0)
    h.turn()
    t.equal(fired, 2, 'once a turn')
    h.watermark(5_500)
    h.end()
    t.match(h.error, {
      code: 'E_ENDLESS_TIMERS',
      message: /register none when watermarkMs is Infinity/,
    })
  },
)

t.test('a stream without event time has no event-time timers, and no times', async (t) => {
  const h = keyed({
    emits: recordsOf<unknown>(),
    onRecord([, n], { timers, emit, timeMs, now }) {
      emit(timeMs)
      timers.processing.register(now() + 1)
      if (n > 0) timers.event.register(5)
    },
    onTimer: (_, { emit, timeMs }) => emit(timeMs),
  })
  push(h, [['a', 0]])
  h.clock.advance(1)
  h.drain()
  t.same(h.values, [null, null])
  t.ok(h.output.every((signal) => signal.tag !== BATCH || signal.times === null))
  push(h, [['a', 1]])
  t.match(h.error, { code: 'E_NEEDS_TIME', message: /need timestamps/ })
})

t.test('at the end onEnd is called once for every key with state, behind the timers', async (t) => {
  const h = keyed({
    emits: recordsOf<string>(),
    state: { v: valueState<number>(), l: listState<number>() },
    onRecord([key, n], { state, timers }) {
      if (key < 'c') state.v.set(n)
      if (key > 'a') state.l.append(n)
      timers.event.register(1_000)
    },
    onTimer: ({ key }, { emit }) => emit(`timer ${key}`),
    onEnd({ key, state, emit }) {
      emit(`end ${key} ${state.v.get()} ${state.l.get()}`)
      state.v.clear()
    },
  })
  push(
    h,
    [
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ],
    [0, 0, 0],
  )
  h.end()
  t.same(h.values.slice(0, 3).sort(), ['timer a', 'timer b', 'timer c'])
  t.same(h.values.slice(3).sort(), ['end a 1 ', 'end b 2 2', 'end c undefined 3'])
  t.equal(h.marks.at(-1), 'end')
})

t.test('without a key it works per subtask: a list, a map, timers and one end', async (t) => {
  const op = process({
    emits: recordsOf<unknown>(),
    state: { held: operatorListState<number>(), rules: broadcastState<string, number>() },
    onRecord(n: number, { state, emit, key, timers, now }) {
      state.held.append(n)
      state.rules.set(`r${n % 2}`, n)
      timers.processing.register(now() + 1)
      emit([key, state.held.length, state.rules.size])
    },
    onTimer: ({ key }, { emit }) => emit(`timer ${key}`),
    onEnd: ({ state, emit }) => emit([state.held.get(), [...state.rules.entries()]]),
  })
  const h = open(op as never)
  h.batch([1, 2, 3])
  h.clock.advance(1)
  h.drain()
  h.end()
  t.same(h.values, [
    [undefined, 1, 1],
    [undefined, 2, 2],
    [undefined, 3, 2],
    'timer undefined',
    [
      [1, 2, 3],
      [
        ['r1', 3],
        ['r0', 2],
      ],
    ],
  ])
})

t.test('however many records a call gives, they wait for the gate, batch by batch', async (t) => {
  const h = keyed(
    {
      emits: recordsOf<number>(),
      state: { v: valueState<number>() },
      onRecord([, n], { emit, side, state, timers }) {
        state.v.set(n)
        for (let i = 0; i < n; i++) emit(i)
        for (let i = 0; i < 2_000; i++) side(odd, i)
        timers.event.register(50)
      },
      onTimer(_, { emit }) {
        for (let i = 0; i < 3_000; i++) emit(i)
      },
      onEnd({ emit }) {
        for (let i = 0; i < 1_500; i++) emit(i)
      },
    },
    { stayOpen: () => false },
  )
  push(
    h,
    [
      ['a', 5_000],
      ['b', 10],
      ['c', 1],
    ],
    [0, 0, 0],
  )
  t.equal(h.deferred, true)
  t.equal(h.values.length, 1_024)
  h.drain()
  t.equal(h.values.length, 5_011)
  t.equal(h.sides.odd?.records.length, 6_000)
  h.gateOpen = true
  h.watermark(60)
  t.same(h.marks, [], 'the watermark waits')
  h.drain()
  t.equal(h.values.length, 14_011)
  t.same(h.marks, ['w60'])
  h.gateOpen = true
  h.end()
  h.drain()
  t.equal(h.values.length, 18_511)
  t.same(h.marks, ['w60', 'end'])
  t.same(h.broken, [])
})

t.test('a call that gives more than can be kept is refused', async (t) => {
  const h = keyed({
    emits: recordsOf<number>(),
    onRecord(_, { emit }) {
      for (let i = 0; ; i++) emit(i)
    },
  })
  push(h, [['a', 1]])
  t.match(h.error, { code: 'E_TOO_MANY_RESULTS', message: /65536 records by emit/ })
})

t.test('a barrier goes on after everything before it', async (t) => {
  const h = keyed(counting, { stayOpen: () => false })
  push(h, [
    ['a', 1],
    ['a', 1],
  ])
  h.drain()
  h.barrier(1)
  push(h, [['a', 1]])
  h.drain()
  t.same(
    h.output.map((signal) => (signal.tag === BATCH ? signal.records : signal.tag)),
    [['a1', 'a2'], 2, ['a3']],
  )
})

t.test('opened over the state of another it goes on, timers too', async (t) => {
  const spec: ProcessSpec<
    Word,
    string,
    { n: ReturnType<typeof valueState<number>> },
    'event',
    string,
    undefined
  > = {
    state: { n: valueState<number>() },
    onRecord([, n], { state, timers, now }) {
      state.n.set((state.n.get() ?? 0) + n)
      timers.event.register(100)
      timers.processing.register(now() + 100)
    },
    onTimer: ({ kind, key }, { state, emit }) => emit(`${kind} ${key} ${state.n.get()}`),
  }
  const first = keyed(spec)
  push(
    first,
    [
      ['a', 1],
      ['b', 2],
      ['a', 3],
    ],
    [0, 0, 0],
  )
  const second = keyed(spec, { state: [first.state()] })
  second.drain()
  first.unsubscribe()
  second.clock.advance(100)
  second.drain()
  t.same(second.values.toSorted(), ['processing a 4', 'processing b 2'], 'without any input')
  second.watermark(100)
  t.same(second.values.slice(2).sort(), ['event a 4', 'event b 2'])
  push(second, [['a', 1]], [0])
  second.end()
  t.equal(second.values.at(-1), 'event a 5')
})

t.test('the first record waits for open, and the end for close', async (t) => {
  const calls: string[] = []
  let [release, close] = [(_: string) => {}, () => {}]
  const h = keyed({
    emits: recordsOf<string>(),
    open({ subtask, parallelism, operator }) {
      calls.push(`open ${operator} ${subtask}/${parallelism}`)
      return new Promise<string>((resolve) => {
        release = resolve
      })
    },
    onRecord: ([key], { emit, opened }) => emit(`${key} ${opened}`),
    close(opened) {
      calls.push(`close ${opened}`)
      return new Promise<void>((resolve) => {
        close = resolve
      })
    },
  })
  t.equal(h.deferred, true, 'nothing may be pushed yet')
  h.turn()
  t.equal(h.deferred, true)
  release('db')
  await h.settle()
  push(h, [['a', 1]])
  h.end()
  t.same(h.marks, [])
  await h.settle()
  t.same(h.marks, [])
  close()
  await h.settle()
  t.same([h.values, h.marks, calls], [['a db'], ['end'], ['open process 0/1', 'close db']])
  h.unsubscribe()
  t.equal(calls.length, 2, 'closed once')
})

t.test('what open or close fails with is the failure of the subtask', async (t) => {
  const boom = () => {
    throw new Error('no database')
  }
  const specs = [
    { open: boom },
    { open: () => Promise.reject(new Error('no database')) },
    { close: boom },
    { close: () => Promise.reject(new Error('no database')) },
  ]
  for (const [i, spec] of specs.entries()) {
    const h = keyed({ onRecord() {}, ...spec })
    await h.settle()
    if (i >= 2) h.end()
    await h.settle()
    const what = i < 2 ? 'open' : 'close'
    t.match(h.error, {
      code: 'E_USER_CODE',
      message: `operator "process": ${what} failed: no database`,
    })
    t.same(h.marks, [])
  }
})

t.test('close is called whatever ends the subtask', async (t) => {
  const calls: unknown[] = []
  const spec = {
    open: () => 'db',
    close: (opened: string) => void calls.push(opened),
    onRecord() {
      throw new Error('boom')
    },
  }
  keyed(spec).unsubscribe()
  t.same(calls, ['db'])
  push(keyed(spec), [['a', 1]])
  t.same(calls, ['db', 'db'])
  const late = keyed({ ...spec, open: () => Promise.resolve('late') })
  late.unsubscribe()
  await late.settle()
  t.same(calls, ['db', 'db', 'late'], 'also what opened after its subtask was gone')
})

t.test('a function that returns a promise is refused, whatever the policy', async (t) => {
  for (const spec of [
    { onRecord: () => Promise.resolve() },
    { onRecord() {}, onTimer: async () => {} },
  ]) {
    t.match(
      (() => {
        try {
          const h = keyed(spec as never, { policy: 'skip' })
          push(h, [['a', 1]])
          return h.error
        } catch (error) {
          return error
        }
      })(),
      { code: /E_ASYNC_RESULT|E_BAD_ARGUMENT/, message: /mergeMap\(async/ },
    )
  }
})

t.test('what a call was given is of no use after it', async (t) => {
  const kept: (() => unknown)[] = []
  const h = keyed({
    emits: recordsOf<number>(),
    state: { v: valueState<number>(), l: listState<number>(), m: mapState<number, number>() },
    onRecord(_, { emit, side, state: { v, l, m }, timers }) {
      kept.push(
        () => emit(1),
        () => side(odd, 1),
        () => v.get(),
        () => v.set(1),
        () => l.append(1),
        () => l.get(),
        () => m.set(1, 1),
        () => m.get(1),
        () => timers.event.register(1),
      )
    },
  })
  push(h, [['a', 1]], [0])
  for (const use of kept) t.throws(use, { code: 'E_OUTSIDE_CALL' })
})

t.test('state with a time to live is gone when its time is over', async (t) => {
  const h = keyed({
    emits: recordsOf<unknown>(),
    state: {
      v: valueState<number>({ ttl: '1s' }),
      l: listState<number>({ ttl: 1_000 }),
      m: mapState<number, number>({ ttl: '1s', update: 'readWrite' }),
    },
    onRecord([, n], { state: { v, l, m }, emit }) {
      emit([v.get(), l.get(), [...m.entries()]])
      v.set(n)
      l.append(n)
      m.set(n, n)
    },
  })
  push(h, [['a', 1]])
  h.clock.advance(600)
  push(h, [['a', 2]])
  h.clock.advance(600)
  push(h, [['a', 3]])
  h.clock.advance(1_000)
  push(h, [['a', 4]])
  t.same(h.values, [
    [undefined, [], []],
    [1, [1], [[1, 1]]],
    [
      2,
      [2],
      [
        [1, 1],
        [2, 2],
      ],
    ],
    [undefined, [], []],
  ])
})

t.test('what is kept and what is emitted is frozen', async (t) => {
  const h = keyed({
    state: { v: valueState<{ n: number }>() },
    onRecord([, n], { state }) {
      const value = state.v.get()
      if (value === undefined) state.v.set({ n })
      else value.n++
    },
  })
  push(h, [
    ['a', 1],
    ['a', 2],
  ])
  t.match(h.error, { code: 'E_USER_CODE', message: /read only/ })
})

t.test('records in and out are counted', async (t) => {
  const h = keyed(counting)
  push(h, [
    ['a', 1],
    ['b', 1],
  ])
  h.end()
  t.same(h.counts(), [2, 2])
})

type Both = Record<'left' | 'right', ReturnType<typeof valueState<number>>>

/** Two inputs of `[key, n]`. */
function twoInputs(options: HarnessOptions = {}) {
  const spec: ProcessWithSpec<Word, Word, string, Both, 'event', string, undefined> = {
    state: { left: valueState<number>(), right: valueState<number>() },
    onLeft([key, n], { state, emit, timers, timeMs }) {
      if (n < 0) throw new Error('negative')
      state.left.set(n)
      emit(`${key} ${n} ${state.right.get()}`)
      if (timeMs !== null) timers.event.register(n)
    },
    onRight([key, n], { state, emit }) {
      state.right.set(n)
      emit(`${key} ${state.left.get()} ${n}`)
    },
    onTimer: ({ key, timeMs }, { emit }) => emit(`timer ${key} ${timeMs}`),
  }
  return open(processWith(otherStream as never, spec as never) as never, {
    keyed: true,
    ...options,
  })
}

t.test('two inputs share the state and the timers of a key', async (t) => {
  const h = twoInputs()
  h.batch([['a', 1]], ['a'], 0, [5])
  h.batch([['a', 7]], ['a'], 1, [3])
  h.input(0, 'idle')
  h.batch([['b', 8]], ['b'], 1, [4])
  h.input(0)
  h.watermark(1)
  h.end()
  t.same(h.values, ['a 1 undefined', 'a 1 7', 'b undefined 8', 'timer a 1'])
  t.same(h.marks, ['w1', 'end'], 'what is said of single inputs ends here')
  t.same(h.broken, [])
})

t.test('of two inputs a failing record leaves no trace either', async (t) => {
  const h = twoInputs({ policy: 'skip' })
  h.batch(
    [
      ['a', 1],
      ['a', -1],
    ] as Word[],
    ['a', 'a'],
    0,
  )
  h.batch([['a', 7]], ['a'], 1)
  t.same(h.values, ['a 1 undefined', 'a 1 7'])
})

t.test('what is broadcast is told for no key, and changed by nobody else', async (t) => {
  const attempts: Record<string, (context: never) => void> = {
    write: ({ state }: { state: { rules: { set(k: string, v: number): void } } }) =>
      state.rules.set('x', 1),
  }
  const make = (onRecord: unknown, onBroadcast: unknown) =>
    open(
      processWithBroadcast(
        otherStream as never,
        {
          emits: recordsOf<unknown>(),
          state: { rules: broadcastState<string, number>(), seen: valueState<number>() },
          onRecord,
          onBroadcast,
        } as never,
      ) as never,
      { keyed: true },
    )
  type Any = {
    state: Record<string, { get(k?: string): unknown; set(...given: unknown[]): void }>
    emit(value: unknown): void
    timers: { processing: TimerRegistry }
  }
  const h = make(
    ([key, n]: Word, { state, emit }: Any) => {
      emit([key, n, state.rules!.get('x'), state.seen!.get()])
      state.seen!.set(n)
    },
    (n: number, { state, emit }: Any) => {
      state.rules!.set('x', n)
      emit(`rule ${n}`)
    },
  )
  h.batch([['a', 1]], ['a'], 0, [10])
  h.batch([5], null, 1)
  h.batch([['a', 2]], ['a'], 0, [12])
  t.same(h.values, [['a', 1, undefined, undefined], 'rule 5', ['a', 2, 5, 1]])
  const times = h.output.flatMap((signal) => (signal.tag === BATCH ? [...signal.times!] : []))
  t.same(times, [10, 10, 12], 'what a record without time gives has the latest')

  const writing = make(
    attempts.write && ((_: Word, context: never) => attempts.write!(context)),
    () => {},
  )
  writing.batch([['a', 1]], ['a'], 0)
  t.match(writing.error, { code: 'E_BROADCAST_READ_ONLY' })
  for (const use of [
    ({ state }: Any) => state.seen!.get(),
    ({ state }: Any) => state.seen!.set(1),
    ({ timers }: Any) => timers.processing.register(5),
  ]) {
    const keyless = make(
      () => {},
      (_: number, context: Any) => void use(context),
    )
    keyless.batch([5], null, 1)
    t.match(keyless.error, { code: 'E_NEEDS_KEY' })
  }
})

t.test('never, empty, upstream error', async (t) => {
  const never = keyed(counting)
  t.same(never.output, [])
  const empty = keyed(counting)
  empty.end()
  t.same(empty.marks, ['end'])
  const failed = keyed(counting)
  const error = new Error('upstream')
  failed.fail(error)
  t.equal(failed.error, error)
})

t.test('what is no process function is refused', async (t) => {
  const wrong: (() => unknown)[] = [
    () => process({} as never),
    () => process({ onRecord: async () => {} } as never),
    () => process({ onRecord() {}, onTimer: 5 } as never),
    () => process({ onRecord() {}, onEnd: async () => {} } as never),
    () => process({ onRecord() {}, open: 'x' } as never),
    () => reducingState(5 as never),
    () => aggregatingState({ begin: () => 1 } as never),
  ]
  for (const make of wrong) t.throws(make, { code: 'E_BAD_ARGUMENT' })
  t.throws(() => process({ onRecord() {}, onTimers() {} } as never), { code: 'E_UNKNOWN_OPTION' })
  t.throws(() => valueState({ ttl: '5 minutes' as never }), { code: 'E_BAD_DURATION' })
  t.throws(() => valueState({ ttlMs: 5 } as never), { code: 'E_UNKNOWN_OPTION' })
})
