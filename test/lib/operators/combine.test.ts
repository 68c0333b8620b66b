/** The laws that every operator with several inputs keeps; what each gives: test/conformance. */
import fc from 'fast-check'
import t from 'tap'
import { keyGroupOf } from '../../../lib/base/key.js'
import { buffer } from '../../../lib/operators/combine/buffer.js'
import { concat } from '../../../lib/operators/combine/concat.js'
import { connect } from '../../../lib/operators/combine/connect.js'
import { cross } from '../../../lib/operators/combine/cross.js'
import { groupBy } from '../../../lib/operators/combine/group-by.js'
import { share } from '../../../lib/operators/combine/share.js'
import { zip } from '../../../lib/operators/combine/zip.js'
import type { OperatorDefinition } from '../../../lib/operators/operator.js'
import { BATCH, WATERMARK } from '../../../lib/operators/signal.js'
import type { StateStore } from '../../../lib/state/state.js'
import {
  combinedDefinition,
  combineRows,
  interleaving,
  type Step,
} from '../../conformance/rxjs-combine.js'
import {
  type HarnessOptions,
  MAX_PARALLELISM,
  OperatorHarness,
} from '../../support/operator-harness.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed(20_261_121)
const KEYS = 3
const keyOf = (record: number) => record % KEYS

interface Row {
  readonly operator: string
  readonly inputs: number
  readonly definition: OperatorDefinition
  /** What comes out of inputs that end at once. */
  readonly ofNothing?: readonly unknown[]
  readonly timed?: false
}

const defined = (operator: string, definition: OperatorDefinition, inputs = 2): Row => ({
  operator,
  definition,
  inputs,
})

const sides = { left: (x: number) => x, right: (x: number) => -x }

const rows: readonly Row[] = [
  ...combineRows.map(
    (row): Row => (row.operator === 'buffer' ? { ...row, ofNothing: [[]], timed: false } : row),
  ),
  defined(
    'cross',
    combinedDefinition(2, (a, b) => cross(b!)(a as never)),
  ),
  defined(
    'connect',
    combinedDefinition(2, (a, b) => connect(b!, sides as never)(a as never)),
  ),
]

const open = (row: Row, options?: HarnessOptions) => new OperatorHarness([row.definition], options)

/** Feeds one step, with credit, and the end behind the last. */
function take(harness: OperatorHarness, step: Step, keyed = false, time?: number): void {
  harness.gateOpen = true
  if ('ended' in step) harness.input(step.input)
  else {
    const records = [...step.records]
    const times = time === undefined ? null : records.map((_, i) => time + i)
    harness.batch(records, keyed ? records.map(keyOf) : null, step.input, times)
  }
  harness.drain()
}

const endAll = (harness: OperatorHarness, { inputs }: Row) => {
  for (let input = 0; input < inputs; input++) take(harness, { input, ended: true })
  harness.end()
  harness.drain()
}

const holds = (law: string, check: (row: Row, steps: Step[], seed: number) => void) => {
  for (const row of rows) {
    t.test(`${row.operator}: ${law}`, (t) => {
      const property = fc.property(interleaving(row.inputs), fc.nat(), (steps, seed) =>
        check(row, steps, seed),
      )
      fc.assert(property, { seed: SEED, numRuns: 60 })
      t.pass(`seed ${SEED}`)
      t.end()
    })
  }
}

function require(condition: boolean, what: string): void {
  if (!condition) throw new Error(what)
}

const same = (a: unknown, b: unknown, what: string) =>
  require(JSON.stringify(a) === JSON.stringify(b), `${what}: ${JSON.stringify([a, b])}`)

for (const row of rows) {
  t.test(`${row.operator}: out of nothing comes nothing but the end`, async (t) => {
    const harness = open(row)
    t.same(harness.output, [], 'never')
    endAll(harness, row)
    t.same(harness.values, row.ofNothing ?? [])
    t.same(harness.marks, ['end'])
    t.equal(harness.error, undefined)
  })

  t.test(`${row.operator}: the end alone says that all inputs have ended`, async (t) => {
    const harness = open(row)
    harness.end()
    harness.drain()
    t.same(harness.values, row.ofNothing ?? [])
    t.same(harness.marks, ['end'])
  })

  t.test(`${row.operator}: an error before it is its error, and nothing follows`, async (t) => {
    const harness = open(row)
    take(harness, { input: 0, records: [1] })
    const before = harness.output.length
    harness.fail(new Error('upstream'))
    t.match(harness.error, { message: 'upstream' })
    t.equal(harness.output.length, before)
  })

  t.test(`${row.operator}: nothing comes once it was unsubscribed`, async (t) => {
    const harness = open(row)
    harness.unsubscribe()
    for (let input = 0; input < row.inputs; input++) {
      harness.batch([1, 2], null, input)
      harness.input(input)
    }
    t.same(harness.output, [])
  })

  t.test(`${row.operator}: a watermark that goes back is not passed on`, async (t) => {
    const harness = open(row)
    harness.watermark(10)
    take(harness, { input: 0, records: [1] })
    harness.watermark(10)
    harness.watermark(20)
    t.equal(harness.marks[0], 'w10')
    t.equal(harness.marks.at(-1), 'w20')
    t.equal(harness.error, undefined)
    harness.watermark(5)
    t.same(harness.marks, ['w10', 'w20'])
  })

  t.test(`${row.operator}: it keeps counts of what comes and goes`, async (t) => {
    const harness = open(row)
    for (const input of [...Array(row.inputs).keys()].reverse()) {
      take(harness, { input, records: [1, 2, 3] })
    }
    const stopped = harness.stops > 0
    endAll(harness, row)
    const [recordsIn, recordsOut] = harness.counts()
    t.equal(recordsOut, harness.values.length)
    if (!stopped) t.equal(recordsIn, 3 * row.inputs)
  })
}

holds('barriers and idleness pass in their place, and change nothing', (row, steps) => {
  const plain = open(row)
  const marked = open(row)
  steps.forEach((step, round) => {
    take(plain, step)
    take(marked, step)
    if (plain.marks.includes('end')) return
    marked.barrier(round)
    marked.idle(round % 2 === 0)
    same(marked.values, plain.values, 'values so far')
    same(marked.marks.at(-2), `b${round}`, 'the barrier')
  })
})

holds('opened over the state of another it goes on where that was', (row, steps, seed) => {
  const whole = open(row, { keyed: true })
  for (const step of steps) take(whole, step, true)
  const cut = seed % (steps.length + 1)
  const first = open(row, { keyed: true })
  for (const step of steps.slice(0, cut)) take(first, step, true)
  const state: StateStore[] = [first.state()]
  const second = open(row, { keyed: true, state })
  const told = steps.slice(0, cut).filter((step) => 'ended' in step)
  if (!first.marks.includes('end')) {
    for (const step of [...told, ...steps.slice(cut)]) take(second, step, true)
  }
  // Which of the keys comes first at an end is nobody's business.
  const sorted = (values: unknown[]) => values.map((value) => JSON.stringify(value)).sort()
  same(sorted([...first.values, ...second.values]), sorted(whole.values), 'values')
})

holds('of its results none is as early as a watermark that it has passed on', (row, steps) => {
  if (row.timed === false) return
  const harness = open(row)
  steps.forEach((step, i) => {
    take(harness, step, false, i * 10)
    if (!harness.marks.includes('end')) harness.watermark(i * 10 + 5)
  })
  if (!harness.marks.includes('end')) endAll(harness, row)
  let passed = Number.NEGATIVE_INFINITY
  for (const signal of harness.output) {
    if (signal.tag === WATERMARK) {
      require(signal.timeMs > passed, 'watermarks rise')
      passed = signal.timeMs
    }
    if (signal.tag !== BATCH) continue
    require(signal.times !== null, 'results have times')
    for (const time of signal.times!) require(time > passed, `${time} behind ${passed}`)
  }
  same(harness.broken, [], 'broken')
})

holds('without event time, results have none', (row, steps) => {
  const harness = open(row)
  for (const step of steps) take(harness, step)
  for (const signal of harness.output) {
    if (signal.tag === BATCH) require(signal.times === null, 'no times')
  }
})

holds('its end is one, and asks upstream to stop when it is early', (row, steps) => {
  const harness = open(row)
  for (const step of steps) take(harness, step)
  const early = harness.marks.includes('end')
  require(harness.stops > 0 === early, 'stops')
  endAll(harness, row)
  same(harness.marks, ['end'], 'marks')
})

t.test('a tuple has the time of its latest record', async (t) => {
  for (const operator of ['zip', 'combineLatest']) {
    const harness = open(rows.find((row) => row.operator === operator)!)
    harness.batch([1], null, 0, [10])
    harness.batch([2], null, 1, [30])
    harness.batch([3], null, 2, [20])
    t.same(harness.times, [30], operator)
  }
  const harness = open(rows.find((row) => row.operator === 'withLatestFrom')!)
  harness.batch([2], null, 1, [30])
  harness.batch([3], null, 2, [20])
  harness.batch([1], null, 0, [10])
  t.same(harness.times, [10], 'a record keeps its own')
})

t.test('while concat holds records, the watermark waits with them', async (t) => {
  const harness = open(rows.find((row) => row.operator === 'concatWith')!)
  harness.watermark(5)
  harness.batch([2], null, 1, [10])
  harness.watermark(10)
  harness.watermark(20)
  t.same(harness.marks, ['w5'])
  harness.input(0)
  t.same(harness.times, [10])
  t.same(harness.marks, ['w5', 'w20'])
})

t.test(
  'where streams with and without event time meet, a batch has times for all or none',
  async (t) => {
    const harness = open(rows.find((row) => row.operator === 'concat')!)
    harness.batch([2], null, 1, [10])
    harness.batch([3], null, 2)
    harness.input(1)
    harness.input(0)
    t.same(harness.values, [2, 3])
    t.same(harness.broken, [])
  },
)

t.test('what is held has a limit, of all keys and inputs together', async (t) => {
  const limited: [string, OperatorDefinition, number][] = [
    ['zip', combinedDefinition(2, (a, b) => zip([a, b!], { bufferMax: 5 })), 0],
    ['concat', combinedDefinition(2, (a, b) => concat([a, b!], { bufferMax: 5 })), 1],
    ['buffer', combinedDefinition(2, (a, b) => buffer(b!, { bufferMax: 5 })(a as never)), 0],
    ['cross', combinedDefinition(2, (a, b) => cross(b!, { bufferMax: 5 })(a as never)), 0],
  ]
  for (const [operator, definition, input] of limited) {
    const harness = new OperatorHarness([definition], { keyed: true })
    harness.batch([1, 2, 3, 4, 5], ['a', 'a', 'a', 'a', 'b'], input)
    t.equal(harness.error, undefined, operator)
    const again = new OperatorHarness([definition], { keyed: true, state: [harness.state()] })
    again.batch([6], ['c'], input)
    t.match(again.error, {
      code: 'E_BUFFER_FULL',
      details: { operator, limit: 5, key: "'c'" },
      message: /holds 5 records that wait .* one more has come, of key 'c'\. .* raise bufferMax/,
    })
  }
  const harness = new OperatorHarness([limited[0]![1]])
  for (let round = 0; round < 20; round++) {
    harness.batch([1, 2, 3, 4, 5], null, 0)
    harness.batch([1, 2, 3, 4, 5], null, 1)
  }
  t.equal(harness.values.length, 100, 'what has gone makes room')
  t.equal(harness.error, undefined)
})

t.test('cross gives every pair once, whatever comes first, as the gate allows', async (t) => {
  const row = rows.find(({ operator }) => operator === 'cross')!
  const property = fc.property(interleaving(2), fc.nat(), (steps, seed) => {
    let turn = seed
    const harness = open(row, { stayOpen: () => turn++ % 3 === 0 })
    for (const step of steps) take(harness, step)
    const of = (input: number) =>
      steps.flatMap((step) => (step.input === input && 'records' in step ? step.records : []))
    const pairs = of(0).flatMap((left) => of(1).map((right) => `${left},${right}`))
    same(harness.values.map(String).sort(), pairs.sort(), 'pairs')
    same(harness.broken, [], 'broken')
  })
  fc.assert(property, { seed: SEED, numRuns: 200 })
  const many = open(row, { stayOpen: () => false })
  const numbers = Array.from({ length: 100 }, (_, i) => i)
  take(many, { input: 0, records: numbers })
  take(many, { input: 1, records: numbers })
  t.equal(many.values.length, 10_000)
  t.same(many.broken, [])
})

t.test('cross lets go of its stream when the other has ended', async (t) => {
  const harness = open(rows.find(({ operator }) => operator === 'cross')!)
  take(harness, { input: 1, records: [7] })
  take(harness, { input: 0, records: [1, 2] })
  t.equal(harness.state().operatorList('left').length, 2)
  take(harness, { input: 1, ended: true })
  take(harness, { input: 0, records: [3] })
  t.equal(harness.state().operatorList('left').length, 0)
  t.same(harness.values, [
    [1, 7],
    [2, 7],
    [3, 7],
  ])
})

t.test(
  'behind keys cross holds its stream by key, and goes on with it after a restore',
  async (t) => {
    const row = rows.find(({ operator }) => operator === 'cross')!
    const first = open(row, { keyed: true })
    take(first, { input: 0, records: [1, 2, 4] }, true)
    const left = first.state().list('left')
    t.same(
      [left.size, left.length(keyGroupOf(1, MAX_PARALLELISM), 1)],
      [2, 2],
      '1 and 4 have one key',
    )
    const harness = open(row, { keyed: true, state: first.states })
    take(harness, { input: 0, records: [3] }, true)
    t.equal(harness.gauge('held'), 4)
    take(harness, { input: 1, records: [7] })
    t.same(harness.values.map(String).sort(), ['1,7', '2,7', '3,7', '4,7'])
    t.same(harness.keys.toSorted(), [0, 1, 1, 2])
    take(harness, { input: 1, ended: true })
    t.equal(harness.gauge('held'), 1, 'the other side only')
    t.equal(harness.state().list('left').size, 0)
    t.same(harness.broken, [])
  },
)

t.test(
  'connect calls the function of the side, and a record on which it throws is skipped',
  async (t) => {
    const left = (x: number) => {
      if (x === 2) throw new Error('two')
      return `left ${x}`
    }
    const right = (x: number) => `right ${x}`
    const definition = combinedDefinition(2, (a, b) =>
      connect(b!, { left, right }, { onRecordError: 'deadLetter' })(a as never),
    )
    const harness = new OperatorHarness([definition], { keyed: true })
    harness.batch([1, 2], ['a', 'b'], 0)
    harness.batch([1, 2], ['a', 'b'], 1)
    t.same(harness.values, ['left 1', 'right 1', 'right 2'])
    t.same(harness.keys, ['a', 'a', 'b'])
    t.match(harness.deadLetters, [{ record: 2, key: 'b' }])
  },
)

t.test('share is the stream itself, and groupBy is keyBy', async (t) => {
  const stream = {}
  t.equal(share()(stream as never), stream)
  const grouped = combinedDefinition(1, (a) => groupBy((x: number) => x)(a as never))
  t.equal(grouped.kind, 'keyBy')
})

t.test('what is no stream is refused where it stands', async (t) => {
  for (const make of [
    () => zip([1] as never),
    () => buffer({} as never),
    () => concat('a' as never),
    () => cross(undefined as never),
  ]) {
    t.throws(make, { code: 'E_NO_STREAM', message: /combine\.test\.ts:\d+:\d+\) needs streams/ })
  }
  t.throws(() => zip(combineStream(), { name: 'z' } as never), {
    message:
      /but was given another object\. Options go behind an array: zip\(\[streams\], \{ … \}\)\.$/,
  })
  t.throws(() => zip([] as never), { message: /but was given nothing\.$/ })
  t.throws(() => zip([{}] as never, { bufferMax: 1 }), { code: 'E_NO_STREAM' })
  t.throws(() => buffer(combineStream(), { bufferMax: 0 }), { code: 'E_BAD_ARGUMENT' })
  t.throws(() => buffer(combineStream(), { max: 5 } as never), { code: 'E_UNKNOWN_OPTION' })
})

function combineStream(): never {
  let found: unknown
  combinedDefinition(1, (stream) => {
    found = stream
    return share()(stream)
  })
  return found as never
}
