import fc from 'fast-check'
import t from 'tap'
import { TwoStacks } from '../../../lib/window/two-stacks.js'
import { testSeed } from '../../support/test-seed.js'

fc.configureGlobal({ seed: testSeed() })

const text = (a: unknown, b: unknown): string => `${a}${b}`

t.test('sums are those of the slices in order, however the window slides', async () => {
  const step = fc.record({ grow: fc.nat(3), drop: fc.nat(3), change: fc.option(fc.nat(20)) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const stacks = new TwoStacks(text)
      const [starts, values]: [number[], string[]] = [[], []]
      let [from, next, revision] = [0, 0, 0]
      for (const { grow, drop, change } of steps) {
        for (let i = 0; i < grow; i++) {
          // Not every slice has records.
          next += 1 + ((next * 7) % 3)
          starts.push(next)
          values.push(`<${next}>`)
        }
        from = Math.min(from + drop, Math.max(0, starts.length - 1))
        if (starts.length === 0) continue
        if (change !== null && change < starts.length) {
          values[change] += '!'
          revision++
        }
        const sum = stacks.sum(revision, starts, values, from, starts.length)
        if (sum !== values.slice(from).join('')) return false
      }
      return true
    }),
    { numRuns: 500 },
  )
})

t.test('a window of sixty slices costs at most three merges per slide', async (t) => {
  let merges = 0
  const stacks = new TwoStacks((a, b) => {
    merges++
    return (a as number) + (b as number)
  })
  const starts = Array.from({ length: 1_000 }, (_, i) => i)
  const values = starts.map(() => 1)
  for (let to = 60; to <= starts.length; to++) {
    t.equal(stacks.sum(0, starts, values, to - 60, to), 60)
  }
  t.ok(merges <= 3 * (starts.length - 59) + 60, `${merges} merges`)
})

t.test('what has thrown is not remembered as summed', async (t) => {
  let broken = true
  const stacks = new TwoStacks((a, b) => {
    if (broken && b === 3) throw new Error('broken')
    return (a as number) + (b as number)
  })
  const [starts, values] = [
    [1, 2, 3, 4, 5],
    [1, 2, 4, 5, 3],
  ]
  t.equal(stacks.sum(0, starts, values, 0, 4), 12)
  t.throws(() => stacks.sum(0, starts, values, 0, 5))
  broken = false
  t.equal(stacks.sum(0, starts, values, 0, 5), 15)
})
