import fc from 'fast-check'
import t from 'tap'
import { seededRandom } from '../../lib/base/random.js'
import { OperatorHarness } from '../support/operator-harness.js'
import { combineRows, interleaving, type Seen, type Step, seenByRx } from './rxjs-combine.js'

const SEED = Number(process.env.SEED ?? 20_261_121)
const RUNS = 300
const KEYS = 3
const keyOf = (record: number) => record % KEYS

/** Feeds a step as the inlet would: the end of the last input is followed by the end. */
function take(harness: OperatorHarness, step: Step, live: Set<number>, keyed: boolean): void {
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
      take(harness, step, live, false)
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
      for (const step of steps) take(harness, step, live, true)
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

t.test('where an operator differs, it says why', async (t) => {
  for (const { operator, verdict, why } of combineRows) {
    t.equal(verdict === 'differs', why !== '', operator)
    t.comment(`${operator}: ${verdict}${why === '' ? '' : `, ${why}`}`)
  }
})
