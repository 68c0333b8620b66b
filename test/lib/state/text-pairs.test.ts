import fc from 'fast-check'
import t from 'tap'
import { canonicalKey, isEscaped, isPairForm } from '../../../lib/base/key.js'
import { createHeapState } from '../../../lib/state/heap-state.js'
import { KeyTable } from '../../../lib/state/key-table.js'
import { PairMap } from '../../../lib/state/pair-map.js'
import { isTextPair, TextPairs } from '../../../lib/state/text-pairs.js'

const LONG = 'a text that is long enough to be a view of another'
const texts = fc.constantFrom(
  '',
  'a',
  'b',
  'c',
  '1',
  '\u0000',
  'é漢',
  '\ud800',
  LONG,
  'x'.repeat(200),
)
const numbers = fc.oneof(
  fc.nat(4),
  fc.constantFrom(-0, -1, 0.5, 2 ** 31, 2 ** 34 - 1, 2 ** 34, 2 ** 52, 2 ** 52 + 1, Number.NaN),
)
const parts = fc.oneof(texts, numbers)
const keys = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(texts, numbers) },
  { weight: 2, arbitrary: fc.tuple(parts, parts) },
  { weight: 1, arbitrary: fc.oneof(parts, fc.tuple(parts), fc.tuple(texts, numbers, parts)) },
)

t.test(
  'forms tell keys apart exactly as canonical forms do, however few texts are taken up',
  async () => {
    fc.assert(
      fc.property(fc.array(keys, { maxLength: 40 }), fc.nat(5), (given, textsMax) => {
        const pairs = new TextPairs(textsMax)
        const forms = new Map<unknown, unknown>()
        for (const key of [...given, ...structuredClone(given)]) {
          const form = pairs.formOf(key)
          const canonical = canonicalKey(key)
          if (forms.has(form) && !Object.is(forms.get(form), canonical)) return false
          forms.set(form, canonical)
          const spelled = pairs.keyOf(form)
          if (spelled !== undefined && !Object.is(canonicalKey(spelled), canonical)) return false
          if (spelled === undefined && !Object.is(form, canonical)) return false
        }
        return forms.size === new Set(forms.values()).size
      }),
      { numRuns: 2000 },
    )
  },
)

t.test(
  'a short text with a whole number has a number for its form, as long as there is room',
  async (t) => {
    const pairs = new TextPairs(2)
    for (const key of [
      ['a', 0],
      [LONG, 2 ** 34 - 1],
      ['a', 7],
    ] as const) {
      const form = pairs.formOf(key) as number
      t.ok(isPairForm(form) && isEscaped(form), `${form}`)
      t.same(pairs.keyOf(form), key)
    }
    t.type(pairs.formOf(['one too many', 7]), 'string')
    t.type(pairs.formOf(['a', 8]), 'number', 'those that are taken up go on')
    for (const key of [
      ['x'.repeat(129), 1],
      ['a', 2 ** 34],
      ['a', -1],
      ['a', 0.5],
      [1, 'a'],
      ['a'],
    ]) {
      t.notOk(isTextPair(key))
      t.type(new TextPairs().formOf(key), 'string')
    }
  },
)

t.test('a table keeps such keys beside others, in order of insertion', async (t) => {
  const all = [['a', 1], ['b', 1], 'a', ['a', 2], { a: 1 }, [1, 2], ['c', 3], ['a', 1.5], 2 ** 52]
  for (const textsMax of [0, 1, 2, 9]) {
    const table = new KeyTable<number>(undefined, new PairMap(), new TextPairs(textsMax))
    for (const [i, key] of all.entries()) table.set(structuredClone(key), i)
    t.same(
      [...table.entries()],
      all.map((key, i) => [key, i]),
    )
    for (const [i, key] of all.entries()) t.equal(table.get(structuredClone(key)), i)
    table.delete(['a', 1])
    table.delete(['c', 3])
    t.equal(table.has(['a', 1]), false)
    table.set(['c', 3], 10)
    t.same([...table.entries()].at(-1), [['c', 3], 10])
    t.equal(table.size, all.length - 1)
  }
})

t.test('state that was cleared takes such keys up anew', async (t) => {
  const values = createHeapState(128).value<number>('v')
  for (const round of [1, 2]) {
    for (let i = 0; i < 100; i++) values.set(i, [`text ${round * i}`, i], round)
    t.equal(values.size, 100)
    t.equal(values.get(50, [`text ${round * 50}`, 50]), round)
    values.clear()
    t.equal(values.size, 0)
    t.equal(values.get(50, [`text ${round * 50}`, 50]), undefined)
  }
})
