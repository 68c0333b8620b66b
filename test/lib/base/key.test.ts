import fc from 'fast-check'
import t from 'tap'
import {
  assertKey,
  canonicalKey,
  flatKey,
  hashKey,
  isEscaped,
  keyGroupOf,
  pairPart,
  pairRest,
  spelledKey,
  TEXT_PAIR_FIRST,
} from '../../../lib/base/key.js'
import { testSeed } from '../../support/test-seed.js'

fc.configureGlobal({ seed: testSeed() })

/** Recorded once; a change here breaks every snapshot. */
const FIXED = [
  0, 1364076727, 2180083513, 3270865871, 1334642860, 1061831160, 0, 1867108634, 374890698,
  1118836419, 3232718729, 23418209, 2498925518, 4005389712, 1540483477, 461845907, 3432918353,
  2538058380, 3580382556, 806505103, 2941895168,
]
const FIXED_GROUPS = [0, 40, 55, 33]

const code = (run: () => unknown): unknown => {
  try {
    run()
  } catch (error) {
    return (error as { code?: unknown }).code
  }
  return undefined
}

t.test('primitives are their own canonical form', async (t) => {
  for (const key of ['', 'a', 'ä', 1, 0.5, Number.NaN, true, false, 1n, null, undefined]) {
    t.ok(Object.is(canonicalKey(key), key), String(key))
  }
  t.ok(Object.is(canonicalKey(-0), 0), '-0 is 0')
})

t.test('keys of different types are different keys', async (t) => {
  const keys = [1, '1', 1n, true, [1], ['1'], [1n], [true], null, undefined, 'null', [null], [], {}]
  t.equal(new Set(keys.map(canonicalKey)).size, keys.length)
  t.equal(new Set([1, '1', 1n, true].map(hashKey)).size, 4)
})

t.test('composite keys are equal by value', async (t) => {
  t.equal(canonicalKey([1, 'a']), canonicalKey([1, 'a']))
  t.equal(canonicalKey({ a: 1, b: [-0] }), canonicalKey({ b: [0], a: 1 }))
  t.equal(canonicalKey(new Date(5)), canonicalKey(new Date(5)))
  t.equal(canonicalKey(Object.assign(Object.create(null), { a: 1 })), canonicalKey({ a: 1 }))
  t.not(canonicalKey({ a: undefined }), canonicalKey({}))
  t.not(canonicalKey(['a', 'b']), canonicalKey(['ab']))
  t.not(canonicalKey(['a,b']), canonicalKey(['a', 'b']))
  t.not(canonicalKey([['a'], 'b']), canonicalKey([['a', 'b']]))
  t.not(canonicalKey(new Date(5)), canonicalKey([5]))
})

t.test('no string equals the form of a composite key', async (t) => {
  const composite = canonicalKey([1]) as string
  t.not(canonicalKey(composite), composite)
  t.not(canonicalKey(canonicalKey(composite)), canonicalKey(composite))
  t.ok(isEscaped(composite))
  t.ok(isEscaped(canonicalKey('\u0000')))
  t.notOk(isEscaped(canonicalKey('a')))
})

t.test('what cannot be a key is refused with what to do', async (t) => {
  const cyclic: unknown[] = []
  cyclic.push(cyclic)
  const bad = [() => 1, Symbol('x'), new Map(), /x/, new (class Foo {})(), [new Set()], cyclic]
  for (const key of bad) {
    t.equal(
      code(() => canonicalKey(key)),
      'E_BAD_KEY',
    )
    t.equal(
      code(() => hashKey(key)),
      'E_BAD_KEY',
    )
    t.equal(
      code(() => assertKey(key)),
      'E_BAD_KEY',
    )
  }
  t.throws(() => canonicalKey([new (class Foo {})()]), {
    message: /instance of Foo inside the key/,
  })
  for (const key of [1, 'a', null, undefined, [1], {}]) t.doesNotThrow(() => assertKey(key))
})

t.test('hashes and key groups are fixed for ever', async (t) => {
  const keys = [0, 1, -1, 0.5, 2 ** 40, Number.NaN, '', 'a', 'ab', 'abc', 'ä€', '\ud800', 1n, -1n]
  const more = [true, false, null, undefined, [1, 'a'], { b: 1, a: [null] }, new Date(0)]
  t.same(
    [...keys, ...more].map((key) => hashKey(key)),
    FIXED,
  )
  t.same(
    [0, 1, 'a', 'abc'].map((key) => keyGroupOf(key, 128)),
    FIXED_GROUPS,
  )
})

t.test('equal keys hash alike, and groups are in range', async () => {
  const primitive = fc.oneof(fc.string({ unit: 'binary' }), fc.double(), fc.bigInt(), fc.integer())
  const key = fc.oneof(primitive, fc.array(primitive), fc.dictionary(fc.string(), primitive))
  fc.assert(
    fc.property(key, key, fc.integer({ min: 1, max: 32768 }), (a, b, max) => {
      const group = keyGroupOf(a, max)
      const copy = structuredClone(a)
      return (
        group >= 0 &&
        group < max &&
        Number.isInteger(group) &&
        Object.is(canonicalKey(copy), canonicalKey(a)) &&
        hashKey(copy) === hashKey(a) &&
        (canonicalKey(a) !== canonicalKey(b) || hashKey(a) === hashKey(b))
      )
    }),
  )
})

t.test('high bytes count, and key groups fill evenly', async (t) => {
  t.not(hashKey('\u0141'), hashKey('A'))
  for (const make of [(i: number) => i, (i: number) => `user-${i}`, (i: number) => i * 1e10]) {
    const sizes = new Array<number>(128).fill(0)
    for (let i = 0; i < 128_000; i++) sizes[keyGroupOf(make(i), 128)]!++
    t.ok(Math.min(...sizes) > 800 && Math.max(...sizes) < 1200, `${make}`)
  }
})

t.test('a flat key is the same key', async (t) => {
  const long = 'x'.repeat(40)
  const keys = ['a', long, 5, null, undefined, 1n, new Date(3), [long, [1]], { a: long, b: [] }]
  for (const key of keys) t.equal(canonicalKey(flatKey(key)), canonicalKey(key))
  t.same(keys.map(flatKey), keys)
})

const bounds = [
  0,
  -0,
  9,
  10,
  99,
  100,
  2 ** 26 - 1,
  2 ** 26,
  2 ** 31 - 1,
  2 ** 31,
  -1,
  1.5,
  Number.NaN,
]
const number = fc.oneof(fc.nat(), fc.constantFrom(...bounds))

t.test('an array of whole numbers has the form of any array', async () => {
  const numbers = fc.array(number, { maxLength: 20 }).filter((key) => key.length !== 2)
  fc.assert(
    fc.property(numbers, (key) => {
      const form = `\u0000[${key.map((value) => `n${value};`).join('')}]`
      return [key, [...key], key].every((same) => canonicalKey(same) === form)
    }),
  )
})

t.test('two pairs of numbers have one form where both parts are the same', async () => {
  const part = fc.oneof(number, fc.integer({ min: 2 ** 26 - 3, max: 2 ** 26 + 3 }), fc.nat(2))
  const pair = fc.tuple(part, part)
  const isPart = (a: number, b: number) => Object.is(a === 0 ? 0 : a, b === 0 ? 0 : b)
  fc.assert(
    fc.property(pair, pair, ([a, b], [c, d]) => {
      const same = canonicalKey([a, b]) === canonicalKey([c, d])
      return same === (isPart(a, c) && isPart(b, d))
    }),
    { numRuns: 3000 },
  )
})

t.test('no number equals the form of a pair', async (t) => {
  const pairs = [
    [0, 0],
    [0, 1],
    [1, 0],
    [2 ** 26 - 1, 2 ** 26 - 1],
  ]
  for (const pair of pairs) {
    const form = canonicalKey(pair)
    t.type(form, 'number')
    t.ok(isEscaped(form))
    t.same(spelledKey(form), pair)
    t.not(canonicalKey(form), form)
    t.ok(isEscaped(canonicalKey(form)))
    t.equal(spelledKey(canonicalKey(form)), undefined)
  }
  for (const key of [2 ** 52, 2 ** 52 + 5, 2 ** 53 - 1]) {
    t.ok(isEscaped(canonicalKey(key)), 'a state may give it to a pair of a text and a number')
    t.equal(spelledKey(canonicalKey(key)), undefined)
  }
  const around = [2 ** 52 - 1, 2 ** 53].flatMap((size) => [size, -size])
  for (const key of [...around, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]) {
    t.equal(canonicalKey(key), key)
    t.notOk(isEscaped(key))
  }
})

t.test('the hash of an array of whole numbers is that of its text', async (t) => {
  const keys = [[1, 2], [0, -0], [2 ** 26 - 1, 0], [2 ** 26, 5], [12345678, 1], [1, 2, 3], [7]]
  t.same(
    keys.map(hashKey),
    [2294212332, 1836046562, 1836668335, 916251303, 3348617741, 3840029672, 1453271240],
  )
  const near = [-(2 ** 52), -(2 ** 52) - 5, -(2 ** 53)]
  t.same(near.map(hashKey), [2911512856, 2936462640, 1661795248])
})

t.test('the hash of an array of texts and whole numbers is that of its text', async (t) => {
  const keys = [
    ['a', 1],
    ['16631 channel-12', 12345678],
    ['', 0],
    ['\u0000', -0],
    ['é漢', 2 ** 31 - 1],
    ['a', 2 ** 31],
    ['x'.repeat(600), 1],
    ['x'.repeat(480), 1],
    [1, 'a'],
    ['a', 'b'],
    [['a'], 1],
    ['a', 1, 'b', 2],
    ['a', -1],
    ['a', null],
    ['a', 1.5],
  ]
  t.same(
    keys.map(hashKey),
    [
      1542032940, 3502484563, 4247295569, 499866469, 2808395823, 3622112015, 3327985544, 1947390967,
      3580382556, 1946737483, 2293594570, 3266951835, 52170266, 3745281698, 3975928220,
    ],
  )
})

t.test('the parts of neighbouring pair forms tell them apart', async (t) => {
  const firsts = [TEXT_PAIR_FIRST, TEXT_PAIR_FIRST + 5 * 2 ** 34, 2 ** 53 - 100]
  const forms = firsts.flatMap((first) => [...Array(100).keys()].map((i) => first + i))
  for (const sign of [1, -1]) {
    const parts = forms.map((form) => `${pairPart(sign * form)} ${pairRest(sign * form)}`)
    t.equal(new Set(parts).size, forms.length)
    t.ok(forms.every((form) => pairPart(sign * form) < 2 ** 26 && pairRest(sign * form) < 2 ** 26))
  }
})
