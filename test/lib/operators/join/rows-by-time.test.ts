/** Rows by time against a search through all of them. */
import fc from 'fast-check'
import t from 'tap'
import { RowsByTime } from '../../../../lib/operators/join/rows-by-time.js'
import { createHeapState } from '../../../../lib/state/heap-state.js'
import { testSeed } from '../../../support/test-seed.js'

const SEED = testSeed(20_261_121)

const time = fc.integer({ min: 0, max: 99 })
const steps = fc.array(
  fc.record({
    kind: fc.constantFrom(
      'set',
      'set',
      'set',
      'delete',
      'dropUntil',
      'between',
      'latest',
      'reopen',
    ),
    key: fc.constantFrom('a', 'b'),
    time,
    span: fc.integer({ min: -2, max: 30 }),
  }),
  { maxLength: 300, size: 'max' },
)

t.test('times are found as by a search, however many there are', async (t) => {
  let mostRows = 0
  const property = fc.property(steps, (steps) => {
    const map = createHeapState(1).map<number, number>('rows')
    let rows = new RowsByTime(map)
    const expected: Record<string, Map<number, number>> = { a: new Map(), b: new Map() }
    for (const [i, { kind, key, time, span }] of steps.entries()) {
      const own = expected[key]!
      const toMs = time + span
      const within = [...own.keys()].filter((atMs) => atMs >= time && atMs <= toMs)
      if (kind === 'set') {
        rows.set(0, key, time, i)
        own.set(time, i)
      } else if (kind === 'delete') {
        if (own.delete(time)) rows.delete(0, key, time)
      } else if (kind === 'dropUntil') {
        for (const atMs of rows.between(0, key, Number.NEGATIVE_INFINITY, time / 2)) {
          rows.delete(0, key, atMs)
        }
        for (const atMs of [...own.keys()]) if (atMs <= time / 2) own.delete(atMs)
      } else if (kind === 'reopen') rows = new RowsByTime(map)
      else if (kind === 'between') {
        same([...rows.between(0, key, time, toMs)].sort(), within.sort())
      } else {
        const latest = Math.max(...[...own.keys()].filter((atMs) => atMs <= time))
        same(rows.latestUntil(0, key, time) ?? Number.NEGATIVE_INFINITY, latest)
      }
      same(rows.get(0, key, time), own.get(time))
      mostRows = Math.max(mostRows, own.size)
    }
  })
  fc.assert(property, { seed: SEED, numRuns: 300 })
  t.ok(mostRows > 32, `seed ${SEED}: up to ${mostRows} rows per key`)
})

function same(seen: unknown, expected: unknown): void {
  const [a, b] = [String(seen), String(expected)]
  if (a !== b) throw new Error(`expected ${b}, seen ${a}`)
}
