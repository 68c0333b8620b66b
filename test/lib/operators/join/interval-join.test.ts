/** The interval join against nested loops, under random interleavings, disorder, restores and credit. */
import fc from 'fast-check'
import t from 'tap'
import { intervalJoin } from '../../../../lib/operators/join/interval-join.js'
import { combinedDefinition } from '../../../conformance/rxjs-combine.js'
import { OperatorHarness } from '../../../support/operator-harness.js'

const SEED = Number(process.env.SEED ?? 20_261_121)

interface Rec {
  readonly id: number
  readonly key: number
  readonly at: number
}
type Step =
  | { readonly input: number; readonly rows: readonly Omit<Rec, 'id'>[] }
  | { readonly watermark: number }
  | { readonly restore: true }

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        input: fc.integer({ min: 0, max: 1 }),
        rows: fc.array(
          fc.record({ key: fc.integer({ min: 0, max: 2 }), at: fc.integer({ min: -20, max: 60 }) }),
          { minLength: 1, maxLength: 6 },
        ),
      }),
    },
    { weight: 2, arbitrary: fc.record({ watermark: fc.integer({ min: -25, max: 60 }) }) },
    { weight: 1, arbitrary: fc.constant({ restore: true as const }) },
  ),
  { maxLength: 30 },
) as fc.Arbitrary<Step[]>

const kinds = ['inner', 'left', 'right', 'full'] as const
type Kind = (typeof kinds)[number]

const definitionOf = (lower: number, upper: number, kind: Kind) =>
  combinedDefinition(2, (a, b) => intervalJoin(b!, { lower, upper, kind })(a as never) as never)

/** Shows a result; records have ids. */
const show = (result: unknown) => {
  const [left, right] = result as [Rec | undefined, Rec | undefined]
  return `${left?.id ?? '-'} ${right?.id ?? '-'}`
}

function nestedLoop(left: Rec[], right: Rec[], lower: number, upper: number, kind: Kind): string[] {
  const results: string[] = []
  const matched = new Set<Rec>()
  for (const a of left) {
    for (const b of right) {
      if (a.key !== b.key || b.at < a.at + lower || b.at > a.at + upper) continue
      matched.add(a).add(b)
      results.push(show([a, b]))
    }
  }
  if (kind !== 'inner' && kind !== 'right') {
    for (const a of left) if (!matched.has(a)) results.push(show([a, undefined]))
  }
  if (kind !== 'inner' && kind !== 'left') {
    for (const b of right) if (!matched.has(b)) results.push(show([undefined, b]))
  }
  return results.sort()
}

for (const kind of kinds) {
  t.test(
    `${kind}: gives what nested loops give, and keeps nothing behind the watermark`,
    async (t) => {
      const bounds = fc.tuple(fc.integer({ min: -15, max: 15 }), fc.integer({ min: 0, max: 20 }))
      const property = fc.property(steps, bounds, fc.boolean(), (steps, [lower, span], closes) => {
        const definition = definitionOf(lower, lower + span, kind)
        const options = { keyed: true, stayOpen: () => !closes }
        let harness = new OperatorHarness([definition], options)
        const kept: [Rec[], Rec[]] = [[], []]
        const results: unknown[] = []
        let id = 0
        let late = 0
        let counted = 0
        let watermark = Number.NEGATIVE_INFINITY
        const close = () => {
          let said = Number.NEGATIVE_INFINITY
          for (const signal of harness.output) {
            if (signal.tag === 1) said = signal.timeMs
            if (signal.tag !== 0) continue
            for (const at of signal.times!)
              if (at <= said) throw new Error(`late: ${at} <= ${said}`)
          }
          results.push(...harness.values)
          counted += harness.counter('droppedLate')
          if (harness.error !== undefined) throw harness.error
          if (harness.broken.length > 0) throw new Error(harness.broken.join())
        }
        for (const step of steps) {
          harness.gateOpen = true
          if ('restore' in step) {
            close()
            harness.unsubscribe()
            harness = new OperatorHarness([definition], { ...options, state: harness.states })
            if (Number.isFinite(watermark)) harness.watermark(watermark)
          } else if ('watermark' in step) {
            watermark = Math.max(watermark, step.watermark)
            harness.watermark(watermark)
          } else if ('rows' in step) {
            const rows = step.rows.map((row): Rec => ({ ...row, id: id++ }))
            for (const row of rows) {
              if (row.at <= watermark) late++
              else kept[step.input]!.push(row)
            }
            harness.batch(
              rows,
              rows.map((row) => row.key),
              step.input,
              rows.map((row) => row.at),
            )
          }
          harness.drain()
        }
        harness.gateOpen = true
        harness.watermark(1_000)
        harness.drain()
        if (harness.state().countEntries() !== 0) throw new Error('something is kept')
        harness.input(0)
        harness.end()
        harness.drain()
        close()
        const expected = nestedLoop(...kept, lower, lower + span, kind)
        if (JSON.stringify(results.map(show).sort()) !== JSON.stringify(expected)) {
          throw new Error(JSON.stringify([results.map(show).sort(), expected]))
        }
        if (late !== counted) throw new Error(`late: ${late}, counted: ${counted}`)
      })
      fc.assert(property, { seed: SEED, numRuns: 300 })
      t.pass(`seed ${SEED}`)
    },
  )
}

t.test('a record is dropped as soon as the watermark allows', async (t) => {
  const harness = new OperatorHarness([definitionOf(-5, 10, 'inner')], { keyed: true })
  harness.batch(['l'], [1], 0, [100])
  harness.batch(['r'], [1], 1, [100])
  t.equal(harness.state().countEntries(), 4, 'two records, two timers')
  harness.watermark(104)
  t.equal(harness.state().countEntries(), 4)
  harness.watermark(105)
  t.equal(harness.state().countEntries(), 2, 'right: 105 = 100 − lower')
  harness.watermark(110)
  t.equal(harness.state().countEntries(), 0, 'left: 110 = 100 + upper')
  t.same(harness.times, [100])
})

t.test('more pairs than a batch holds wait for credit', async (t) => {
  const options = { keyed: true, stayOpen: () => false }
  const harness = new OperatorHarness([definitionOf(0, 0, 'inner')], options)
  harness.batch(new Array(3_000).fill('l'), new Array(3_000).fill(1), 0, new Array(3_000).fill(7))
  harness.batch(['r'], [1], 1, [7])
  t.equal(harness.values.length, 1_024)
  harness.drain()
  t.equal(harness.values.length, 3_000)
  t.same(harness.broken, [])
})

t.test('what is wrong is refused when it is built', async (t) => {
  t.throws(() => definitionOf(2, 1, 'inner'), { code: 'E_BAD_ARGUMENT' })
  t.throws(() => definitionOf(0, 1, 'outer' as never), { code: 'E_BAD_ARGUMENT' })
  t.throws(() => definitionOf(0.5, 1, 'inner'), { code: 'E_BAD_DURATION' })
})
