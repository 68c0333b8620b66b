import fc from 'fast-check'
import * as rx7 from 'rxjs'
import t from 'tap'
import { collect, runTest } from '../../actors/testing/index.js'
import { seededRandom } from '../../lib/base/random.js'
import { generate } from '../../lib/connectors/index.js'
import {
  groupBy,
  map,
  merge,
  mergeWith,
  type OperatorDefinition,
  partition,
  pipeline,
  type Stream,
  share,
  take,
} from '../../lib/index.js'
import { attach } from '../../lib/operators/stream.js'
import { definitionOf, feed, OperatorHarness } from '../support/operator-harness.js'
import { testSeed } from '../support/test-seed.js'
import {
  combineRows,
  combineVerdicts,
  interleaving,
  type Seen,
  type Step,
  seenByRx,
} from './rxjs-combine.js'

const SEED = testSeed(20_261_121)
const RUNS = 300
const KEYS = 3
const keyOf = (record: number) => record % KEYS

/** Feeds a step as the inlet would: the end of the last input is followed by the end. */
function feedStep(harness: OperatorHarness, step: Step, live: Set<number>, keyed: boolean): void {
  // Nothing is pushed while the gate is closed.
  harness.gateOpen = true
  if ('ended' in step) {
    live.delete(step.input)
    harness.input(step.input)
  } else {
    const records = [...step.records]
    harness.batch(records, keyed ? records.map(keyOf) : null, step.input)
  }
  harness.drain()
  if (live.size > 0 || harness.marks.includes('end')) return
  harness.end()
  harness.drain()
}

for (const row of combineRows) {
  /** What is there after each step, with credit that comes and goes. */
  function seenHere(steps: readonly Step[], seed: number): Seen[] {
    const random = seededRandom(seed)
    const harness = new OperatorHarness([row.definition], { stayOpen: () => random() < 0.5 })
    const live = new Set(Array.from({ length: row.inputs }, (_, input) => input))
    const seen = steps.map((step) => {
      feedStep(harness, step, live, false)
      return { values: harness.values, completed: harness.marks.includes('end') }
    })
    if (harness.error !== undefined) throw harness.error
    if (harness.broken.length > 0) throw new Error(harness.broken.join(', '))
    return seen
  }

  t.test(`${row.operator} gives what RxJS gives, and ends when it does`, (t) => {
    const property = fc.property(interleaving(row.inputs), fc.nat(), (steps, seed) => {
      const [here, there] = [seenHere(steps, seed), seenByRx(row, steps)]
      if (JSON.stringify(here) !== JSON.stringify(there)) {
        throw new Error(`${JSON.stringify(here.at(-1))} instead of ${JSON.stringify(there.at(-1))}`)
      }
    })
    fc.assert(property, { seed: SEED, numRuns: RUNS })
    t.pass(`seed ${SEED}`)
    t.end()
  })

  t.test(`${row.operator} behind keys gives, per key, what RxJS gives for the key`, (t) => {
    const property = fc.property(interleaving(row.inputs), (steps) => {
      const harness = new OperatorHarness([row.definition], { keyed: true })
      const live = new Set(Array.from({ length: row.inputs }, (_, input) => input))
      for (const step of steps) feedStep(harness, step, live, true)
      if (harness.error !== undefined) throw harness.error
      const { values, keys } = harness
      for (let key = 0; key < KEYS; key++) {
        const here = values.filter((_, i) => keys[i] === key)
        const last = seenByRx(row, steps, (record) => keyOf(record) === key).at(-1)
        const there = [...(last?.values ?? [])]
        if (last?.completed && row.lastLeftOut?.(there.at(-1))) there.pop()
        if (JSON.stringify(here) !== JSON.stringify(there)) {
          throw new Error(`key ${key}: ${JSON.stringify(here)} instead of ${JSON.stringify(there)}`)
        }
      }
    })
    fc.assert(property, { seed: SEED, numRuns: RUNS })
    t.pass(`seed ${SEED}`)
    t.end()
  })
}

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)

for (const operator of ['merge', 'mergeWith']) {
  t.test(`${operator} gives the records as they come, each input in its order`, async (t) => {
    const orders = new Set<string>()
    for (let seed = 1; seed <= 10; seed++) {
      const out = collect<number>()
      const job = pipeline('job', (flow) => {
        const [a, b] = [flow.from(numbers(0, 5)), flow.from(numbers(100, 5))].map((stream) =>
          stream.pipe(map((x) => x, { chain: false })),
        ) as [Stream<number>, Stream<number>]
        const merged = operator === 'merge' ? merge(a, b) : a.pipe(mergeWith(b))
        merged.to(out)
      })
      const { error } = await runTest(job, { seed })
      t.equal(error, null)
      const steps = out.records.map((record) => ({
        input: Math.floor(record / 100),
        records: [record],
      }))
      const ends = [0, 1].map((input) => ({ input, ended: true as const }))
      const rx = (inputs: rx7.Observable<number>[]) => rx7.merge(...inputs)
      const there = seenByRx({ rx, inputs: 2 }, [...steps, ...ends]).at(-1)
      t.same(out.records, there?.values)
      for (const input of [0, 1]) {
        const own = out.records.filter((record) => Math.floor(record / 100) === input)
        t.same(own, numbers(input * 100, 5), 'nothing is lost, doubled or overtaken')
      }
      orders.add(String(out.records))
    }
    t.ok(orders.size > 1, `${orders.size} interleavings`)
  })
}

t.test('partition gives both halves that RxJS gives', async (t) => {
  const isEven = (x: number) => x % 2 === 0
  const halves: OperatorDefinition[] = []
  const stream = {
    [attach](definition: OperatorDefinition) {
      halves.push(definition)
      return stream
    },
  }
  partition(stream as unknown as Stream<number>, isEven)
  const property = fc.property(fc.array(fc.nat(99)), (records) => {
    const there = rx7.partition(rx7.from(records), isEven)
    halves.forEach((definition, half) => {
      const harness = feed(new OperatorHarness([definition]), records, [3, 1])
      const wanted: number[] = []
      there[half]!.subscribe((value) => wanted.push(value))
      if (String(harness.values) !== String(wanted)) throw new Error(`half ${half}`)
    })
  })
  fc.assert(property, { seed: SEED, numRuns: RUNS })
  t.pass(`seed ${SEED}`)
})

t.test('share leaves each branch every record, and the source is read once', async (t) => {
  let read = 0
  const source = generate(5, (i) => {
    read++
    return i
  })
  const [a, b] = [collect<number>(), collect<number>()]
  const job = pipeline('job', (flow) => {
    const shared = flow.from(source).pipe(share())
    shared.to(a)
    shared.to(b)
  })
  await runTest(job)
  t.same([a.records, b.records, read], [numbers(0, 5), numbers(0, 5), 5])
})

t.test('what follows groupBy gives what it gives within each group of RxJS', async (t) => {
  const property = fc.property(fc.array(fc.nat(99)), (records) => {
    const there: number[] = []
    rx7
      .from(records)
      .pipe(
        rx7.groupBy(keyOf),
        rx7.mergeMap((group) => group.pipe(rx7.take(2))),
      )
      .subscribe((value) => there.push(value))
    const chain = [groupBy(keyOf), take<number, 'untimed', number>(2)].map((op) =>
      definitionOf(op as never),
    )
    // The harness opens all with the same keys: they are those that groupBy sets.
    const harness = feed(new OperatorHarness(chain, { keyed: true }), records, [3, 1], keyOf)
    if (String(harness.values) !== String(there)) throw new Error(`${harness.values} / ${there}`)
  })
  fc.assert(property, { seed: SEED, numRuns: RUNS })
  t.pass(`seed ${SEED}`)
})

t.test('where an operator differs, it says why', async (t) => {
  for (const { operator, verdict, why } of combineVerdicts) {
    t.equal(verdict === 'differs', why !== '', operator)
    t.comment(`${operator}: ${verdict}${why === '' ? '' : `, ${why}`}`)
  }
})
