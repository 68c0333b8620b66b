import fc from 'fast-check'
import t from 'tap'
import type { MillraceError } from '../../../lib/base/errors.js'
import { decodeCbor, encodeCbor, encodeCborValues } from '../../../lib/wire/cbor.js'
import { DEPTH_MAX, profileViolation } from '../../../lib/wire/profile.js'
import { testSeed } from '../../support/test-seed.js'
import { anyValue, isSame, quickestMs } from './values.js'

fc.configureGlobal({ seed: testSeed(20_261_121) })

const roundTrip = (value: unknown): unknown => decodeCbor(encodeCbor(value))
const bytes = (...parts: (number | readonly number[])[]): Uint8Array =>
  Uint8Array.from(parts.flat())

function failure(run: () => unknown): MillraceError {
  try {
    run()
  } catch (error) {
    return error as MillraceError
  }
  throw new Error('nothing was thrown')
}

t.test('every value that can travel arrives exactly', (t) => {
  fc.assert(
    fc.property(anyValue, (value) => isSame(roundTrip(value), value)),
    { numRuns: 400 },
  )
  t.end()
})

t.test('the corner cases arrive exactly', (t) => {
  const typed = [
    Uint8Array,
    Uint8ClampedArray,
    Uint16Array,
    Uint32Array,
    Int8Array,
    Int16Array,
    Int32Array,
    Float32Array,
    Float64Array,
  ]
  const long = 'x'.repeat(100)
  const values: unknown[] = [
    [
      0,
      -0,
      Number.NaN,
      Infinity,
      -Infinity,
      2 ** 31,
      -(2 ** 31) - 1,
      2 ** 32,
      -(2 ** 32),
      2 ** 53 + 2,
    ],
    [5e-324, Number.MAX_VALUE, 23, 24, 255, 256, 65535, 65536, -24, -25, -256, -257, -65537],
    [0n, -1n, 2n ** 64n, -(2n ** 64n), 2n ** 255n, -(2n ** 255n), 2n ** 256n - 1n],
    [
      '',
      '\ufeff',
      `\ufeff${long}`,
      '\ud800',
      `a\udc00${long}`,
      '😀',
      `é${long}`,
      '\u0000',
      `${long}中`,
    ],
    [new Date(0), new Date(Number.NaN), new Date(-1), new Date(8.64e15)],
    [undefined, null, { a: undefined }, {}, []],
    { constructor: 1, toString: 2, hasOwnProperty: 3, valueOf: { constructor: 'x' } },
    JSON.parse('{"__proto__":{"polluted":true},"a":{"__proto__":null}}'),
    Object.assign(Object.create(null), { a: 1, __proto__: 2 }),
    { '\ud800': 1, '\ufeffname': 2 },
    new Map<unknown, unknown>([
      [1, 'number'],
      ['1', 'string'],
      [-0, new Map([[{ a: 1 }, new Set([new Date(5)])]])],
    ]),
    new Set([1, 'a', undefined, -0, Number.NaN]),
    typed.map((Type) => Type.of(1, 2, 200)),
    typed.map((Type) => new Type(0)),
    [BigInt64Array.of(-1n, 2n ** 62n), BigUint64Array.of(2n ** 64n - 1n)],
    [Buffer.from('abc'), Buffer.alloc(0), Uint8Array.of(1, 2, 3), Uint8Array.of(7).buffer],
    Buffer.from('part of a pool').subarray(3, 7),
    Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i])),
  ]
  values.forEach((value, i) => {
    t.ok(isSame(roundTrip(value), value), `case ${i}`)
  })
  t.end()
})

t.test('values of which few are there arrive exactly, as those of which many are', (t) => {
  const some = [undefined, null, -0, 'a', [undefined], { a: 1n }, new Date(0), 'x'.repeat(70_000)]
  for (const length of [0, 1, 3, 4, 23, 24, 300]) {
    for (const nth of [1, 2, 4, 5, 64, Number.POSITIVE_INFINITY]) {
      const value = (i: number) => some[(i / nth) % some.length]
      const values = Array.from({ length }, (_, i) => (i % nth === 0 ? value(i) : undefined))
      const bytes = encodeCborValues(values, 'record')
      t.ok(isSame(decodeCbor(bytes), values), `one in ${nth} of ${length}`)
      t.equal(bytes.buffer.byteLength, bytes.byteLength, 'and the caller owns them')
    }
  }
  const many = new Array<unknown>(70_000).fill(undefined)
  many[69_999] = 1
  t.ok(isSame(decodeCbor(encodeCborValues(many, 'record')), many))
  const spoilt = [undefined, undefined, undefined, undefined, { a: () => 1 }]
  t.equal(failure(() => encodeCborValues(spoilt, 'record')).details.field, 'record.a')
  t.end()
})

t.test('a name like __proto__ is own data and reaches no prototype', (t) => {
  const value = roundTrip(JSON.parse('{"__proto__":{"polluted":true}}')) as object
  t.ok(Object.hasOwn(value, '__proto__'))
  t.equal(Object.getPrototypeOf(value), Object.prototype)
  t.notOk('polluted' in {})
  t.end()
})

t.test('encoded bytes are an exact copy that the caller owns', (t) => {
  const first = encodeCbor({ a: 1 })
  const before = [...first]
  encodeCbor({ b: 'something else' })
  t.strictSame([...first], before)
  t.equal(first.buffer.byteLength, first.byteLength)
  const typed = decodeCbor(encodeCbor(Uint8Array.of(1, 2))) as Uint8Array
  t.equal(typed.buffer.byteLength, 2, 'and so are decoded ones')
  t.end()
})

t.test('what cannot travel is an error that names the field', (t) => {
  class Money {}
  const cyclic: Record<string, unknown> = {}
  cyclic.self = cyclic
  const deep = Array.from({ length: 70 }).reduce<unknown>((inner) => [inner], 1)
  const cases: [unknown, string, string][] = [
    [() => 1, 'record', 'a function'],
    [{ a: [1, { b: Symbol('x') }] }, 'record.a[1].b', 'a symbol'],
    [{ price: new Money() }, 'record.price', 'an instance of Money'],
    [new Map([['k', new WeakMap()]]), 'record.k', 'an instance of WeakMap'],
    [[new Set([/x/])], 'record[0][0]', 'an instance of RegExp'],
    [[new DataView(new ArrayBuffer(1))], 'record[0]', 'an instance of DataView'],
    [Object.create({ a: 1 }), 'record', 'an instance of Object'],
    [[Promise.resolve()], 'record[0]', 'an instance of Promise'],
    [[new Error('x')], 'record[0]', 'an instance of Error'],
    [2n ** 256n, 'record', 'a bigint of more than 256 bits'],
    // biome-ignore lint/suspicious/noSparseArray: the hole is the case
    [[1, , 2], 'record[1]', 'a hole in an array'],
  ]
  for (const [value, field, type] of cases) {
    const { code, details } = failure(() => encodeCbor(value, 'record'))
    t.strictSame({ code, details }, { code: 'E_CANNOT_TRAVEL', details: { field, type } })
  }
  const { field, type } = failure(() => encodeCbor({ a: cyclic }, 'record')).details
  t.same({ field, type }, { field: 'record.a.self', type: 'a cyclic structure' })
  t.match(failure(() => encodeCbor(deep)).details.type, /^an object nested deeper than/)
  t.end()
})

t.test('only the strict profile is decoded', (t) => {
  const nested = (depth: number): number[] => [...Array(depth).fill(0x81), 0x00]
  const refused: [string, Uint8Array][] = [
    ['nothing', bytes()],
    ['two items', bytes(1, 2)],
    ['deep nesting', bytes(nested(DEPTH_MAX + 1))],
    ['deeper nesting', bytes(nested(1_000_000))],
    ['nested tags', bytes(Array(1000).fill(0xc2), 0x41, 1)],
    ['a bignum bomb', bytes(0xc2, 0x5a, 0, 2, 0, 0, Array(131_072).fill(0xff))],
    ['a bignum of 33 bytes', bytes(0xc3, 0x58, 33, Array(33).fill(1))],
    ['an indefinite array', bytes(0x9f, 1, 0xff)],
    ['an indefinite map', bytes(0xbf, 0x61, 0x61, 1, 0xff)],
    ['an indefinite text', bytes(0x7f, 0x61, 0x61, 0xff)],
    ['indefinite bytes', bytes(0x5f, 0x41, 1, 0xff)],
    ['an unknown tag', bytes(0xd9, 0x12, 0x34, 1)],
    ['a RegExp', bytes(0xd8, 27, 0x83, 0x66, [...Buffer.from('RegExp')], 0x61, 0x61, 0x60)],
    ['a shared reference', bytes(0xd8, 28, 0x81, 0xd8, 29, 0)],
    ['packed values', bytes(0xd8, 51, 0x84, 0x81, 1, 0x80, 0x80, 0xe0)],
    ['a cbor-x record', bytes(0xd9, 0xdf, 0xff, 0x83, 0x19, 0xe0, 0, 0x81, 0x61, 0x61, 1)],
    ['a text date', bytes(0xc0, 0x61, 0x61)],
    ['simple value 16', bytes(0xf0)],
    ['a long simple value', bytes(0xf8, 0xff)],
    ['a break', bytes(0xff)],
    ['reserved information', bytes(0x1c)],
    ['bytes that are too long', bytes(0x5b, 0, 0, 0, 1, 0, 0, 0, 0)],
    ['an array that is too long', bytes(0x9a, 0xff, 0xff, 0xff, 0xff)],
    ['a map that is too long', bytes(0xba, 0x7f, 0xff, 0xff, 0xff, 0x61)],
    ['a text that is no UTF-8', bytes(0x62, 0xc3, 0x28)],
    ['an encoded surrogate', bytes(0x63, 0xed, 0xa0, 0x80)],
    ['an overlong text', bytes(0x62, 0xc0, 0x80)],
    ['a byte order mark', bytes(0x78, 70, 0xef, 0xbb, 0xbf, Array(67).fill(0x61))],
    ['the name __proto__', bytes(0xa1, 0x69, [...Buffer.from('__proto__')], 1)],
    ['a number as a name', bytes(0xa1, 1, 1)],
    ['half a float', bytes(0xd8, 86, 0x44, 0, 0, 0, 0)],
    ['a typed array of text', bytes(0xd8, 64, 0x61, 0x61)],
    ['a map without its last value', bytes(0xd9, 0x9a, 0x03, 0x81, 1)],
    ['an object with a number as a name', bytes(0xd9, 0x9a, 0x04, 0x82, 1, 1)],
    ['a date of text', bytes(0xd9, 0x9a, 0x02, 0x61, 0x61)],
  ]
  for (const [name, input] of refused) {
    const refuse = () => failure(() => decodeCbor(input)).code
    t.equal(refuse(), 'E_BAD_CBOR', name)
    t.ok(quickestMs(refuse) < 50, `${name}, in time`)
  }
  for (let length = 0; length < 40; length++) {
    const whole = encodeCbor({ a: [1, 'text', new Date(1)], b: 2.5, c: new Map([[1, 2]]) })
    if (length < whole.length) t.not(profileViolation(whole.subarray(0, length)), null)
  }
  t.same(decodeCbor(bytes(nested(DEPTH_MAX))), decodeCbor(bytes(nested(DEPTH_MAX))))
  t.equal(decodeCbor(bytes(0x1b, 0, 0, 0, 0, 0, 0, 0, 5)), 5n)
  t.equal(decodeCbor(bytes(0xf9, 0x80, 0x00)), -0)
  t.end()
})
