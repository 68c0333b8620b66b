/** Values that can travel, when two of them are the same, and what a call costs by itself. */
import { isDeepStrictEqual, types } from 'node:util'
import fc from 'fast-check'

/** Any code units: well-formed or not, with byte order marks, one-byte and two-byte. */
export const anyString: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
    .map((units) => String.fromCharCode(...units)),
  fc.constantFrom(
    '',
    '\ud800',
    '\udc00\ud800',
    '\ufeff',
    '\ufeffab',
    'é',
    '__proto__',
    'x'.repeat(80),
  ),
)

export const anyName: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', 'toString', '0', '10', ''),
  anyString,
)

export const anyNumber: fc.Arbitrary<number> = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, 2 ** 31, -(2 ** 31), 2 ** 53 + 2),
)

const anyPrimitive: fc.Arbitrary<unknown> = fc.oneof(
  anyNumber,
  anyString,
  fc.boolean(),
  fc.constantFrom(null, undefined),
  fc.bigInt({ min: -(2n ** 256n), max: 2n ** 256n - 1n }),
  fc.date({ noInvalidDate: false }),
)

const anyBytes: fc.Arbitrary<unknown> = fc.oneof(
  fc.uint8Array({ maxLength: 9 }),
  fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
  fc.uint8Array({ maxLength: 9 }).map((bytes) => bytes.slice().buffer),
  fc.uint8ClampedArray({ maxLength: 5 }),
  fc.int8Array({ maxLength: 5 }),
  fc.int16Array({ maxLength: 5 }),
  fc.uint16Array({ maxLength: 5 }),
  fc.int32Array({ maxLength: 5 }),
  fc.uint32Array({ maxLength: 5 }),
  fc.float32Array({ maxLength: 5 }),
  fc.float64Array({ maxLength: 5 }),
  fc
    .array(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), { maxLength: 3 })
    .map((a) => BigInt64Array.from(a)),
)

/** An object with these own properties, whatever their names. */
export function withFields(
  entries: Iterable<readonly [string, unknown]>,
  base: object = {},
): object {
  for (const [name, value] of entries) {
    Object.defineProperty(base, name, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
  return base
}

export const anyValue: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 5 },
    anyPrimitive,
    anyBytes,
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(anyName, tie('value')), { maxLength: 4 })
      .map((entries) => withFields(entries as [string, unknown][])),
    fc
      .array(fc.tuple(anyName, tie('value')), { maxLength: 3 })
      .map((entries) => withFields(entries as [string, unknown][], Object.create(null))),
    fc
      .array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 })
      .map((entries) => new Map(entries as [unknown, unknown][])),
    fc.array(tie('value'), { maxLength: 3 }).map((members) => new Set(members)),
  ),
})).value

/** Equal in type, prototype, own properties and every bit of a number that can be seen. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  if (a instanceof Map && b instanceof Map) return isSame([...a], [...b])
  if (a instanceof Set && b instanceof Set) return isSame([...a], [...b])
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime())
  if (types.isTypedArray(a) || types.isAnyArrayBuffer(a)) return isDeepStrictEqual(a, b)
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  if (Array.isArray(a) && (b as unknown[]).length !== a.length) return false
  return names.every((name) => Object.hasOwn(b, name) && isSame(own(a, name), own(b, name)))
}

const own = (value: object, name: string): unknown =>
  Object.getOwnPropertyDescriptor(value, name)?.value

/** The quickest of several calls: what a call costs whatever else the machine does. */
export function quickestMs(call: () => unknown): number {
  let quickest = Infinity
  for (let i = 0; i < 5; i++) {
    const start = performance.now()
    call()
    quickest = Math.min(quickest, performance.now() - start)
  }
  return quickest
}
