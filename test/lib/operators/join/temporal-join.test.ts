/** The temporal join against a search through all versions, under random interleavings and restores. */
import fc from 'fast-check'
import t from 'tap'
import { temporalJoin } from '../../../../lib/operators/join/temporal-join.js'
import { combinedDefinition } from '../../../conformance/rxjs-combine.js'
import { OperatorHarness } from '../../../support/operator-harness.js'
import { testSeed } from '../../../support/test-seed.js'

const SEED = testSeed(20_261_121)
const small = (min: number, max: number) => fc.integer({ min, max })
const steps = fc.array(
  fc.record({ input: small(0, 1), key: small(0, 2), at: small(0, 60), what: small(0, 9) }),
  { maxLength: 60 },
)

for (const kind of ['inner', 'left'] as const) {
  t.test(`${kind}: each record meets the version of its time`, async (t) => {
    const property = fc.property(steps, (steps) => {
      const definition = combinedDefinition(
        2,
        (a, b) => temporalJoin(b!, { kind })(a as never) as never,
      )
      let harness = new OperatorHarness([definition], { keyed: true })
      let watermark = -1
      let seen: unknown[] = []
      const kept: { id: number; key: number; at: number; watermark: number }[][] = [[], []]
      for (const [id, { input, key, at, what }] of steps.entries()) {
        if (what === 0) {
          watermark = Math.max(watermark, at)
          harness.watermark(watermark)
        } else if (what === 1) {
          seen = [...seen, ...harness.values]
          harness = new OperatorHarness([definition], { keyed: true, state: harness.states })
          harness.watermark(watermark)
        } else {
          const row = { id, key, at, watermark }
          // A late version is of use where no later one is there already.
          const isBeaten = kept[1]!.some((v) => v.key === key && v.at <= watermark && v.at > at)
          if (at > watermark || (input === 1 && !isBeaten)) kept[input]!.push(row)
          harness.batch([row], [key], input, [at])
        }
      }
      harness.end()
      const results = [...seen, ...harness.values] as [{ id: number }, { id: number }?][]
      const expected = kept[0]!.flatMap((left) => {
        const own = kept[1]!.filter(
          ({ key, at, watermark }) => key === left.key && at <= left.at && left.at > watermark,
        )
        const version = own.sort((a, b) => a.at - b.at).at(-1)
        return version === undefined && kind === 'inner' ? [] : [`${left.id} ${version?.id}`]
      })
      const got = results.map(([left, version]) => `${left.id} ${version?.id}`)
      if (`${got.sort()}` !== `${expected.sort()}`) throw new Error(`${got} / ${expected}`)
      const keys = new Set(kept[1]!.map(({ key }) => key))
      if (harness.state().countEntries() !== keys.size) throw new Error('more than the latest kept')
      if (harness.gauge('held') !== 0) throw new Error(`held: ${harness.gauge('held')}`)
    })
    fc.assert(property, { seed: SEED, numRuns: 300 })
    t.pass(`seed ${SEED}`)
  })
}

t.test(
  'what is ahead of the watermark has a limit; versions that are valid do not count',
  async (t) => {
    const definition = combinedDefinition(
      2,
      (a, b) => temporalJoin(b!, { bufferMax: 2 })(a as never) as never,
    )
    const first = new OperatorHarness([definition], { keyed: true })
    first.batch(['v', 'w'], [1, 2], 1, [5, 5])
    first.watermark(5)
    t.equal(first.gauge('held'), 0)
    first.batch(['v2'], [1], 1, [10])
    first.batch(['v3'], [1], 1, [10])
    first.batch(['l'], [1], 0, [10])
    const harness = new OperatorHarness([definition], { keyed: true, state: first.states })
    t.equal(harness.gauge('held'), 2)
    harness.batch(['m'], [1], 0, [11])
    t.match(harness.error, { code: 'E_BUFFER_FULL' })
  },
)
