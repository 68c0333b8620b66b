import fc from 'fast-check'
import t from 'tap'
import { assertKey, canonicalKey, spelledKey } from '../../../lib/base/key.js'
import { KeyIndex } from '../../../lib/base/key-index.js'
import { isSpelled } from '../../../lib/base/key-text.js'
import { testSeed } from '../../support/test-seed.js'

fc.configureGlobal({ seed: testSeed() })

const parts = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 0.5, 2 ** 26 - 1, 2 ** 26, 2 ** 31, 2 ** 52, Number.NaN, '1', 'a'),
  fc.integer({ min: -2, max: 2 }),
)
const keys = fc.oneof(parts, fc.tuple(parts), fc.tuple(parts, parts), fc.tuple(parts, parts, parts))
const steps = fc.oneof(
  { weight: 1, arbitrary: fc.constant('clear') },
  { weight: 30, arbitrary: fc.oneof(keys, fc.constantFrom(undefined, null, true, 1n, { a: 1 })) },
)

t.test('an index tells keys apart exactly as their canonical forms do', async () => {
  fc.assert(
    fc.property(fc.array(keys, { maxLength: 40 }), (given) => {
      const index = new KeyIndex()
      const known = new Map<unknown, number>()
      return given.every((key, place) => {
        const canonical = canonicalKey(key)
        if (index.get(key) !== (known.get(canonical) ?? -1)) return false
        known.set(canonical, place)
        return Object.is(canonicalKey(index.set(key, place)), canonical)
      })
    }),
    { numRuns: 2000 },
  )
})

t.test('an index forgets all keys at once, and has room for as many as come', async (t) => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 300 }), fc.nat(200), (given, expected) => {
      const index = new KeyIndex(expected)
      const known = new Map<unknown, number>()
      return given.every((key, place) => {
        if (key === 'clear') {
          index.clear()
          known.clear()
        } else {
          index.set(key, place)
          known.set(canonicalKey(key), place)
        }
        return index.size === known.size && index.get(key) === (key === 'clear' ? -1 : place)
      })
    }),
  )
  const index = new KeyIndex()
  for (let i = 0; i < 50_000; i++) {
    index.set(i, i)
    index.set([i >> 8, i & 255], 50_000 + i)
  }
  let wrong = 0
  for (let i = 0; i < 50_000; i++) {
    if (index.get(i) !== i || index.get([i >> 8, i & 255]) !== 50_000 + i) wrong++
  }
  t.equal(wrong, 0)
  t.equal(index.size, 100_000)
})

t.test('an array is a key where its elements are', async (t) => {
  for (const key of [[], [1, 'a', null, undefined, 1n, true], [[1], new Date(0), { a: 1 }]]) {
    t.doesNotThrow(() => assertKey(key))
  }
  for (const key of [[() => 1], [1, Symbol('a')], [[1, new Map()]], () => 1, Symbol('b')]) {
    t.throws(() => assertKey(key), { code: 'E_BAD_KEY' })
  }
})

t.test('a canonical form gives back the keys it spells out, and no others', async () => {
  const anyKey = fc.oneof(
    keys,
    fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 18 }),
    fc.array(fc.double({ min: 0, max: 2 ** 64, noNaN: true }).map(Math.floor), { maxLength: 3 }),
    fc.array(keys, { maxLength: 3 }),
    fc.string().map((text) => `[n${text};]`),
    fc.constantFrom('[n1;]', '\u0000[n1;]', '\u0000s', [], [[]], ['n1;']),
  )
  fc.assert(
    fc.property(anyKey, (key) => {
      const canonical = canonicalKey(key)
      const spelled = spelledKey(canonical)
      return isSpelled(key) ? canonicalKey(spelled) === canonical : spelled === undefined
    }),
    { numRuns: 3000 },
  )
})
