import fc from 'fast-check'
import t from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import { sourceOf } from '../../../lib/operators/fused-code.js'
import { type FusedPart, fuse } from '../../../lib/operators/fused-loop.js'
import type {
  FusedStep,
  OperatorContext,
  OperatorDefinition,
} from '../../../lib/operators/operator.js'
import type { RecordErrorPolicy } from '../../../lib/operators/record-error.js'
import { createRecordErrors } from '../../../lib/operators/record-errors.js'
import { recordWiseTraits } from '../../../lib/operators/record-wise.js'
import { type Batch, batch } from '../../../lib/operators/signal.js'
import { feed, type HarnessOptions, OperatorHarness } from '../../support/operator-harness.js'
import { testSeed } from '../../support/test-seed.js'

type Call = (value: never) => never
const step = (kind: FusedStep['kind'], call: unknown): FusedStep => ({ kind, call: call as Call })

interface Fused {
  readonly harness: OperatorHarness
  /** Records in and out, by step. */
  readonly counts: [number, number][]
  /** Names of the steps whose error policy was asked. */
  readonly asked: string[]
}

/** A fused run of these steps, each with its own name, counters and policy. */
function fused(
  steps: readonly FusedStep[],
  options: HarnessOptions & {
    generate?: boolean
    policies?: (RecordErrorPolicy | undefined)[]
  } = {},
): Fused {
  const counts: [number, number][] = steps.map(() => [0, 0])
  const asked: string[] = []
  const partOf = (context: OperatorContext, s: number): FusedPart => ({
    step: steps[s]!,
    context: {
      ...context,
      gate: context.gate,
      operator: `step-${s}`,
      count(recordsIn, recordsOut) {
        counts[s]![0] += recordsIn
        counts[s]![1] += recordsOut
      },
      errors: createRecordErrors({
        operator: `step-${s}`,
        policy: (failure) => {
          asked.push(failure.operator)
          const policy = options.policies?.[s] ?? options.policy ?? 'fail'
          return typeof policy === 'function' ? policy(failure) : policy
        },
        deadLetter: () => {},
      }),
    },
  })
  const definition: OperatorDefinition = {
    kind: 'fused',
    traits: recordWiseTraits,
    options: {},
    settings: {},
    functions: [],
    open: (context) =>
      fuse(
        steps.map((_, s) => partOf(context, s)),
        { generate: options.generate ?? true },
      ),
  }
  return { harness: new OperatorHarness([definition], options), counts, asked }
}

const inc = step('map', (x: number) => x + 1)
const odd = step('filter', (x: number) => x % 2 === 1)
const mod3 = step('keyBy', (x: number) => x % 3)
const noop = step('tap', () => {})
const batches = (harness: OperatorHarness) =>
  harness.output.filter((signal): signal is Batch => signal.tag === 0)

t.test('generated and interpreted loops do the same', async () => {
  const arrays = step('expand', (x: number) => Array.from({ length: x % 4 }, (_, i) => x + i))
  const lazy = step('expand', function* (x: number) {
    for (let i = 0; i < x % 3; i++) yield x * 2 + i
  })
  const shaky = (at: number, kind: FusedStep['kind'], call: (x: number) => unknown) =>
    step(kind, (x: number) => {
      if (x % 7 === at) throw new Error(`no ${x}`)
      return call(x)
    })
  const brokenLazy = step('expand', function* (x: number) {
    yield x
    if (x % 5 === 0) throw new Error(`no ${x}`)
    yield x + 1
  })
  const any = fc.constantFrom(
    inc,
    odd,
    mod3,
    noop,
    arrays,
    lazy,
    brokenLazy,
    shaky(1, 'map', (x) => x + 3),
    shaky(2, 'filter', (x) => x % 3 > 0),
    shaky(3, 'tap', () => {}),
    shaky(4, 'keyBy', (x) => x % 2),
    shaky(5, 'expand', (x) => [x, x]),
  )
  const property = (
    steps: FusedStep[],
    input: number[],
    keyed: boolean,
    timed: boolean,
    policy: RecordErrorPolicy,
    seed: number,
  ) => {
    const results = [true, false].map((generate) => {
      const random = seededRandom(seed)
      const run = fused(steps, { generate, policy, stayOpen: () => random() < 0.5 })
      feed(
        run.harness,
        input,
        [5, 1, 8],
        keyed ? (x: number) => `k${x % 4}` : null,
        timed ? (x: number) => x * 10 : null,
      )
      const { harness, counts, asked } = run
      const failed = harness.error === undefined ? null : (harness.error as Error).message
      return JSON.stringify([
        harness.values,
        harness.keys,
        harness.times,
        counts,
        asked,
        failed,
        harness.broken,
      ])
    })
    return results[0] === results[1] && results[0]!.endsWith('[]]')
  }
  const policies = fc.constantFrom<RecordErrorPolicy>('skip', 'deadLetter', 'fail', { retry: 1 })
  const steps = fc.array(any, { minLength: 1, maxLength: 5 })
  const input = fc.array(fc.nat(30), { maxLength: 30 })
  fc.assert(fc.property(steps, input, fc.boolean(), fc.boolean(), policies, fc.nat(), property), {
    numRuns: 300,
    seed: testSeed(3),
  })
})

t.test('what is made of a record has its time, and the input it came by', async (t) => {
  interface Mark {
    readonly id: number
  }
  const mark = step('map', (id: number): Mark => ({ id }))
  const some = step('filter', ({ id }: Mark) => id % 3 > 0)
  const copies = step('expand', (x: Mark) => Array.from({ length: x.id % 4 }, () => x))
  const lazy = step('expand', function* (x: Mark) {
    yield x
    if (x.id % 5 === 0) throw new Error('half way')
    yield x
  })
  for (const generate of [true, false]) {
    for (const steps of [[mark, some], [mark, copies, lazy], [mark], [mark, lazy, some]]) {
      const { harness } = fused(steps, { generate, policy: 'skip' })
      const ids = Array.from({ length: 3000 }, (_, i) => i)
      for (let at = 0; at < ids.length; at += 1000) {
        const part = ids.slice(at, at + 1000)
        const times = part.map((id) => id * 10)
        harness.batch(part, null, 2, times)
        harness.drain()
      }
      const values = harness.values as Mark[]
      t.same(
        harness.times,
        values.map(({ id }) => id * 10),
      )
      t.ok(batches(harness).every(({ input }) => input === 2))
      t.same(harness.broken, [])
    }
  }
})

t.test('a batch that no step changes passes by reference', async (t) => {
  for (const generate of [true, false]) {
    const { harness } = fused([noop, step('filter', () => true)], { generate })
    const input = batch([1, 2], ['a', 'b'], Uint16Array.of(3, 4))
    harness.push(input)
    t.equal(harness.output[0], input)
  }
})

t.test('key groups stay while keys stay untouched, and go with the first change', async (t) => {
  const input = () => batch([1, 2, 3], ['a', 'b', 'c'], Uint16Array.of(1, 2, 3))
  const through = (steps: FusedStep[]) => {
    const { harness } = fused(steps)
    harness.push(input())
    return batches(harness)[0]!
  }
  t.same(through([inc]).groups, Uint16Array.of(1, 2, 3))
  t.equal(through([odd]).groups, null)
  t.equal(through([mod3]).groups, null)
  t.equal(through([step('expand', (x: number) => [x])]).groups, null)
})

t.test(
  'filter keeps keys beside their records, keyBy sets them, later steps keep them',
  async (t) => {
    const { harness } = fused([odd, inc])
    harness.batch([1, 2, 3, 4, 5], ['a', 'b', 'c', 'd', 'e'])
    t.same(
      [harness.values, harness.keys],
      [
        [2, 4, 6],
        ['a', 'c', 'e'],
      ],
    )
    const rekeyed = fused([inc, mod3, odd, inc, step('expand', (x: number) => [x, -x])]).harness
    rekeyed.batch([0, 1, 2, 3, 4], ['a', 'b', 'c', 'd', 'e'])
    t.same(
      [rekeyed.values, rekeyed.keys],
      [
        [2, -2, 4, -4, 6, -6],
        [1, 1, 0, 0, 2, 2],
      ],
    )
  },
)

t.test('a batch of which nothing is left is not sent', async (t) => {
  const { harness } = fused([step('filter', () => false)])
  harness.batch([1, 2, 3])
  t.same(harness.output, [])
})

t.test(
  'a record that expands without end is pulled as the gate allows, and closed on cancel',
  async (t) => {
    for (const generate of [true, false]) {
      let pulled = 0
      let returned = 0
      const naturals = step('expand', function* () {
        try {
          for (;;) yield pulled++
        } finally {
          returned++
        }
      })
      const { harness } = fused([naturals, inc, odd], { generate, stayOpen: () => false })
      harness.batch(['go', 'again'])
      t.equal(harness.values.length, 1024)
      t.equal(pulled, 2047, 'nothing is pulled beyond the batch')
      for (let i = 0; i < 9; i++) {
        harness.gateOpen = true
        harness.turn()
      }
      t.equal(harness.values.length, 10_240)
      t.equal(harness.values.at(-1), 20_479)
      harness.unsubscribe()
      t.equal(returned, 1)
      harness.turn()
      t.equal(harness.values.length, 10_240)
      t.same(harness.broken, [])
    }
  },
)

t.test('expansions inside expansions go on where they were cut, keys included', async (t) => {
  for (const generate of [true, false]) {
    const range = (n: number) => Array.from({ length: n }, (_, i) => i)
    const steps = [
      step('expand', (x: number) => range(50).map((i) => [x, i])),
      step('keyBy', ([x, i]: number[]) => `${x}-${i}`),
      step('expand', function* (pair: number[]) {
        for (let i = 0; i < 60; i++) yield [...pair, i]
      }),
      step('expand', (triple: number[]) => [triple.join(), `${triple.join()}!`]),
    ]
    const { harness, counts } = fused(steps, { generate, stayOpen: () => false })
    feed(harness, [1, 2], [2])
    const expected = [1, 2].flatMap((x) =>
      range(50).flatMap((i) => range(60).flatMap((j) => [`${x},${i},${j}`, `${x},${i},${j}!`])),
    )
    t.ok(JSON.stringify(harness.values) === JSON.stringify(expected))
    t.ok(harness.keys.every((key, i) => expected[i]!.startsWith(String(key).replace('-', ','))))
    t.same(harness.broken, [])
    t.same(counts, [
      [2, 100],
      [100, 100],
      [100, 6000],
      [6000, 12_000],
    ])
  }
})

t.test('each step has its own policy and its own counters', async (t) => {
  const picky = (at: number) =>
    step('map', (x: number) => {
      if (x === at) throw new Error('no')
      return x
    })
  const { harness, counts, asked } = fused([picky(1), odd, picky(3)], {
    policies: ['skip', 'skip', 'deadLetter'],
  })
  harness.batch([1, 2, 3, 5])
  t.same(harness.values, [5])
  t.same(asked, ['step-0', 'step-2'])
  t.same(counts, [
    [4, 3],
    [3, 2],
    [2, 1],
  ])
})

t.test('an iterator that breaks', async (t) => {
  const breaking = (after: number, failures: number) => {
    let left = failures
    return step('expand', function* (x: number) {
      for (let i = 0; i < after; i++) yield x + i
      if (left-- > 0) throw new Error('broke')
      yield -x
    })
  }
  for (const generate of [true, false]) {
    const skipped = fused([breaking(3, 1)], { generate, policy: 'skip' }).harness
    feed(skipped, [10, 20])
    t.same(skipped.values, [20, 21, 22, -20], 'takes back what it gave, while it is not sent')

    const retried = fused([breaking(3, 2)], { generate, policy: { retry: 2 } }).harness
    feed(retried, [10])
    t.same(retried.values, [10, 11, 12, -10], 'is run again up to where it broke')

    const sent = fused([breaking(2000, 1)], { generate, policy: 'skip' }).harness
    feed(sent, [10])
    t.match(sent.error, { code: 'E_USER_CODE' }, 'cannot be skipped once a part was sent')
    t.equal(sent.values.length, 1024)
  }
})

t.test('what is no iterable is an error of the record, and says what to return', async (t) => {
  const { harness } = fused([step('expand', () => null)])
  harness.batch([1])
  t.match(harness.error, {
    code: 'E_USER_CODE',
    message: /returned null; return \[\] for no results/,
  })
})

t.test('a promise where results were expected at once names the way out', async (t) => {
  for (const [returned, advice] of [
    [() => Promise.reject(new Error('unheard')), /write it as an async function/],
    [() => (async function* () {})(), /returned an AsyncIterable/],
    [() => ({ subscribe() {} }), /use rx\(mergeMap/],
  ] as const) {
    const { harness } = fused([step('expand', returned)], { policy: 'skip' })
    harness.batch([1])
    t.match(harness.error, { code: 'E_ASYNC_RESULT', message: advice })
  }
})

t.test('a key that cannot be one is an error of its record', async (t) => {
  const keys = [1, 'a', new Map(), [1, 2], Symbol('x')]
  const { harness, asked } = fused([step('keyBy', (i: number) => keys[i])], { policy: 'skip' })
  harness.batch([0, 1, 2, 3, 4])
  t.same(harness.values, [0, 1, 3])
  t.same(asked, ['step-0', 'step-0'])
})

t.test('user code is called without this, and its stack leads to its own line', async (t) => {
  const seen: unknown[] = []
  function look(this: unknown) {
    seen.push(this)
    throw new Error('here')
  }
  const { harness } = fused([inc, step('tap', look)])
  harness.batch([1])
  t.same(seen, [undefined])
  t.match((harness.error as Error & { cause: Error }).cause.stack, /look .*fused-loop\.test/)
})

t.test('every run has source text of its own', async (t) => {
  const part = (s: FusedStep): FusedPart => ({ step: s, context: {} as OperatorContext })
  const beside = { keyed: false, timed: false }
  t.not(sourceOf([part(inc)], beside), sourceOf([part(inc)], beside))
})

t.test(
  'runs of the same functions share what was compiled; all others share nothing',
  async (t) => {
    let ran: string | undefined
    const look = () => {
      ;[ran] = /millrace-fused-run-\d+/.exec(new Error('here').stack ?? '') ?? []
      return true
    }
    const other = () => true
    const runOf = (steps: readonly FusedStep[], keys: string[] | null = null) => {
      fused(steps).harness.batch([1], keys)
      return ran
    }
    const steps = [step('filter', look), step('filter', other)]
    const run = runOf(steps)
    t.ok(run)
    t.equal(runOf(steps), run)
    t.not(runOf(steps, ['a']), run, 'with keys beside')
    t.not(runOf([step('filter', look), step('map', other)]), run, 'as other steps')
    t.not(runOf([step('filter', look)]), run, 'fewer of them')
    t.not(runOf([step('filter', look), step('filter', () => true)]), run, 'with another one')
  },
)
