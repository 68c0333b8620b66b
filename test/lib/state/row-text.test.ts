import t from 'tap'
import { textRows } from '../../../lib/state/row-text.js'
import { decodeCbor, encodeCbor } from '../../../lib/wire/cbor.js'

const { encode, decode } = textRows({ encode: encodeCbor, decode: decodeCbor })

t.test('a row comes back as it was, in JSON or not', async (t) => {
  const bare = Object.assign(Object.create(null), { a: 1 })
  const values: readonly unknown[] = [
    null,
    0,
    -0,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    5e-324,
    undefined,
    12n,
    '',
    '=',
    'é \ud800 \u0000 \u{1f600}',
    [],
    [1, [undefined]],
    { a: { b: [1, 'x', null, true] } },
    { a: undefined },
    JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}'),
    bare,
    new Date(12),
    new Map([[{ a: 1 }, new Set([1n])]]),
    new Float64Array([1, -0]),
    Buffer.from([0, 127, 128, 255]),
  ]
  for (const value of values) {
    const back = decode(encode(value))
    t.strictSame(back, value)
    if (typeof value === 'number') t.ok(Object.is(back, value))
    if (typeof value !== 'object' || value === null) continue
    t.equal(Object.getPrototypeOf(back), Object.getPrototypeOf(value))
    t.same(Object.getOwnPropertyNames(back), Object.getOwnPropertyNames(value))
  }
})

t.test('what is no plain data is refused, however deep it lies', async (t) => {
  const cyclic: { self?: unknown } = {}
  cyclic.self = cyclic
  const values = [() => 1, Symbol('a'), { a: [Promise.resolve()] }, cyclic, new Array(3)]
  for (const value of values) t.throws(() => encode(value), { code: 'E_CANNOT_TRAVEL' })
})
