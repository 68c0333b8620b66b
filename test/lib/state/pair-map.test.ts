import fc from 'fast-check'
import t from 'tap'
import { canonicalKey } from '../../../lib/base/key.js'
import { createHeapState } from '../../../lib/state/heap-state.js'
import { PairMap } from '../../../lib/state/pair-map.js'
import { testSeed } from '../../support/test-seed.js'

fc.configureGlobal({ seed: testSeed() })

const parts = fc.oneof(
  { weight: 9, arbitrary: fc.nat(5) },
  { weight: 1, arbitrary: fc.constantFrom(-0, -1, 0.5, 2 ** 26 - 1, 2 ** 26, 2 ** 31, '1') },
)
const forms = fc
  .oneof({ weight: 9, arbitrary: fc.tuple(parts, parts) }, { weight: 1, arbitrary: parts })
  .map(canonicalKey)
const steps = fc.oneof(
  { weight: 80, arbitrary: fc.record({ set: forms }) },
  { weight: 70, arbitrary: fc.record({ delete: forms }) },
  { weight: 20, arbitrary: fc.constant('walk' as const) },
  { weight: 40, arbitrary: fc.constant('step' as const) },
  { weight: 2, arbitrary: fc.constant('clear' as const) },
)

const isSame = (a: IteratorResult<unknown>, b: IteratorResult<unknown>): boolean =>
  a.done === b.done && JSON.stringify(a.value) === JSON.stringify(b.value)

type Walk = Iterator<readonly [unknown, number]>

t.test('a map of pairs does what a Map does, to whoever walks over it, too', async () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 600, size: 'max' }), (given) => {
      const map = new PairMap<number>()
      const model = new Map<unknown, number>()
      const walks: [Walk, Walk][] = []
      for (const [i, step] of given.entries()) {
        if (step === 'clear') {
          map.clear()
          model.clear()
        } else if (step === 'walk') walks.push([map[Symbol.iterator](), model.entries()])
        else if (step === 'step') {
          for (const [ours, theirs] of walks) {
            if (!isSame(ours.next(), theirs.next())) return false
          }
        } else if ('set' in step) {
          map.set(step.set, i)
          model.set(step.set, i)
        } else if (map.delete(step.delete) !== model.delete(step.delete)) return false
        if (map.size !== model.size) return false
      }
      const keys = [...model.keys()] as (string | number)[]
      if (keys.some((form) => !map.has(form) || map.get(form) !== model.get(form))) return false
      return JSON.stringify([...map]) === JSON.stringify([...model])
    }),
    { numRuns: 500 },
  )
})

t.test('many pairs come and go', async (t) => {
  const map = new PairMap<number>()
  const form = (i: number) => canonicalKey([i >> 9, i & 511])
  let wrong = 0
  for (let i = 0; i < 100_000; i++) {
    map.set(form(i), i)
    if (i >= 1000 && !map.delete(form(i - 1000))) wrong++
  }
  for (let i = 0; i < 100_000; i++) if (map.get(form(i)) !== (i < 99_000 ? undefined : i)) wrong++
  t.equal(wrong, 0)
  t.equal(map.size, 1000)
  t.same(
    [...map].map(([, i]) => i),
    Array.from({ length: 1000 }, (_, i) => 99_000 + i),
  )
})

t.test('state keeps pairs beside other keys, in order of insertion', async (t) => {
  const values = createHeapState(128).value<string>('v')
  const long = 'a string that is long enough to be a view of another'
  const keys = [[1, 2], 'a', [3, 4], { a: 1 }, [1, 2, 3], 7, long, [2 ** 30, 1]]
  for (const [i, key] of keys.entries()) values.set(5, key, `${i}`)
  t.same(
    [...values.entries()],
    keys.map((key, i) => [key, `${i}`]),
  )
  values.delete(5, [1, 2])
  values.delete(5, 'a')
  values.set(5, [1, 2], 'again')
  t.equal(values.get(5, [1, 2]), 'again')
  t.equal(values.get(5, long), '6')
  t.equal(values.has(5, 'a'), false)
  t.same([...values.entries()].at(-1), [[1, 2], 'again'])
  values.clear()
  t.equal(values.size, 0)
})
