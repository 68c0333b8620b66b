/** The interval join against nested loops, under random interleavings, disorder, restores and credit. */
import fc from 'fast-check'
import t from 'tap'
import { intervalJoin } from '../../../../lib/operators/join/interval-join.js'
import { combinedDefinition } from '../../../conformance/rxjs-combine.js'
import { OperatorHarness } from '../../../support/operator-harness.js'
import { testSeed } from '../../../support/test-seed.js'

const SEED = testSeed(20_261_121)

interface Rec {
  readonly id: number
  readonly key: number
  readonly at: number
}
type Step =
  | { readonly input: number; readonly rows: readonly Omit<Rec, 'id'>[] }
  | { readonly watermark: number }
  | { readonly restore: true }

const small = (min: number, max: number) => fc.integer({ min, max })
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

interface Bounds {
  readonly lower: number
  readonly upper: number
  readonly lowerExclusive?: boolean
  readonly upperExclusive?: boolean
}

const definitionOf = (bounds: Bounds, kind: Kind, more: { bufferMax?: number } = {}) =>
  combinedDefinition(
    2,
    (a, b) => intervalJoin(b!, { ...bounds, kind, ...more })(a as never) as never,
  )

/** Shows a result; records have ids. */
const show = (result: unknown) => {
  const [left, right] = result as [Rec | undefined, Rec | undefined]
  return `${left?.id ?? '-'} ${right?.id ?? '-'}`
}

function isWithin(distance: number, { lower, upper, ...open }: Bounds): boolean {
  if (open.lowerExclusive ? distance <= lower : distance < lower) return false
  return open.upperExclusive ? distance < upper : distance <= upper
}

function nestedLoop(left: Rec[], right: Rec[], bounds: Bounds, kind: Kind): string[] {
  const results: string[] = []
  const matched = new Set<Rec>()
  for (const a of left) {
    for (const b of right) {
      if (a.key !== b.key || !isWithin(b.at - a.at, bounds)) continue
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
      const bounds = fc
        .tuple(small(-15, 15), small(0, 20), fc.boolean(), fc.boolean())
        .filter(([, span, ...open]) => span > 0 || !open.includes(true))
        .map(([lower, span, lowerExclusive, upperExclusive]): Bounds => {
          return { lower, upper: lower + span, lowerExclusive, upperExclusive }
        })
      const property = fc.property(steps, bounds, fc.boolean(), (steps, bounds, closes) => {
        const definition = definitionOf(bounds, kind)
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
        if (harness.gauge('held') !== 0) throw new Error(`held: ${harness.gauge('held')}`)
        harness.input(0)
        harness.end()
        harness.drain()
        close()
        const expected = nestedLoop(...kept, bounds, kind)
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
  const harness = new OperatorHarness([definitionOf({ lower: -5, upper: 10 }, 'inner')], {
    keyed: true,
  })
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

t.test('records at fractions of a millisecond are dropped in time, too', async (t) => {
  const harness = new OperatorHarness([definitionOf({ lower: 0, upper: 10 }, 'left')], {
    keyed: true,
  })
  // 0.1 + 10 − 10 is not 0.1, and the last two are one number once 10 is added.
  const times = [0.1, 0.3, 1e-17, 2e-17]
  harness.batch(['a', 'b', 'c', 'd'], [1, 1, 1, 1], 0, times)
  harness.watermark(11)
  t.same(harness.values.map((pair) => (pair as unknown[])[0]).sort(), ['a', 'b', 'c', 'd'])
  t.equal(harness.state().countEntries(), 0)
  t.equal(harness.gauge('held'), 0)
})

t.test('more pairs than a batch holds wait for credit', async (t) => {
  const options = { keyed: true, stayOpen: () => false }
  const harness = new OperatorHarness([definitionOf({ lower: 0, upper: 0 }, 'inner')], options)
  harness.batch(new Array(3_000).fill('l'), new Array(3_000).fill(1), 0, new Array(3_000).fill(7))
  harness.batch(['r'], [1], 1, [7])
  t.equal(harness.values.length, 1_024)
  harness.drain()
  t.equal(harness.values.length, 3_000)
  t.same(harness.broken, [])
})

t.test('what is wrong is refused when it is built', async (t) => {
  const bad = { code: 'E_BAD_ARGUMENT' }
  t.throws(() => definitionOf({ lower: 2, upper: 1 }, 'inner'), bad)
  t.throws(() => definitionOf({ lower: 1, upper: 1, lowerExclusive: true }, 'inner'), {
    ...bad,
    message: /lower must be below upper, where one of them is excluded/,
  })
  const lowerExclusive = 'yes' as never
  t.throws(() => definitionOf({ lower: 1, upper: 2, lowerExclusive }, 'inner'), bad)
  t.throws(() => definitionOf({ lower: 0, upper: 1 }, 'outer' as never), bad)
  t.throws(() => definitionOf({ lower: 0, upper: 1 }, 'inner', { bufferMax: 0 }), bad)
  t.throws(() => definitionOf({ lower: 0.5, upper: 1 }, 'inner'), { code: 'E_BAD_DURATION' })
})

t.test('what waits has a limit, and what was there when it was opened counts', async (t) => {
  const definition = definitionOf({ lower: 0, upper: 10 }, 'inner', { bufferMax: 3 })
  const first = new OperatorHarness([definition], { keyed: true })
  first.batch(['a', 'b'], [1, 1], 0, [100, 100])
  first.batch(['c'], [2], 1, [100])
  const harness = new OperatorHarness([definition], { keyed: true, state: first.states })
  t.equal(harness.gauge('held'), 3)
  harness.watermark(100)
  t.equal(harness.gauge('held'), 2, 'no left record comes for the right one any more')
  harness.batch(['d'], [3], 0, [110])
  t.equal(harness.error, undefined)
  harness.batch(['e'], [4], 0, [110])
  t.match(harness.error, { code: 'E_BUFFER_FULL', message: /key 4.*raise bufferMax/ })
})
