/**
 * What can travel: checks a value and replaces the parts that CBOR text, numbers and maps cannot
 * carry exactly by tagged ones. A value without such parts is returned as it is, not copied.
 *
 * Travels exactly: null, undefined, booleans, numbers (-0, NaN, infinities), bigint up to 32 bytes,
 * any string, Date, Map, Set, typed arrays, ArrayBuffer, Buffer, arrays without holes, plain objects
 * (with and without prototype) — nested up to 60 deep. As in structured clone, symbol-keyed and
 * non-enumerable properties, and named properties of arrays, stay behind; shared references
 * arrive as copies.
 *
 * Anything else is E_CANNOT_TRAVEL, whose details name the field.
 */
import { MillraceError } from '../base/errors.js'
import { DEPTH_MAX } from './profile.js'
import * as tags from './tags.js'
import { isPlainText } from './text.js'

/** A tag and its content, as the CBOR encoder gets it. */
export class Tagged {
  readonly tag: number
  readonly content: unknown

  constructor(tag: number, content: unknown) {
    this.tag = tag
    this.content = content
  }
}

/** Stands for -0, which the CBOR encoder would send as the integer 0. */
export class NegativeZero {}
const negativeZero = new NegativeZero()

/** Leaves room for the arrays that records and columns are wrapped in. */
const VALUE_DEPTH_MAX = DEPTH_MAX - 4
const BIGINT_BITS_MAX = 256

const typedArrays: ReadonlySet<object | null> = new Set<object | null>([
  Uint8Array.prototype,
  Uint8ClampedArray.prototype,
  Uint16Array.prototype,
  Uint32Array.prototype,
  BigUint64Array.prototype,
  Int8Array.prototype,
  Int16Array.prototype,
  Int32Array.prototype,
  BigInt64Array.prototype,
  Float32Array.prototype,
  Float64Array.prototype,
])

/** Where the walk is: steps from the root, and the objects passed on the way. */
const steps: (string | number)[] = []
const passed: object[] = []
let root = ''

/** The value as the encoder may take it. `name` is what messages call the value itself. */
export function toTravel(value: unknown, name: string): unknown {
  root = name
  try {
    return convert(value, 0)
  } finally {
    passed.length = 0
  }
}

function convert(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return isPlainText(value) ? value : new Tagged(tags.TAG_UTF16, Buffer.from(value, 'utf16le'))
    case 'number':
      return value === 0 && 1 / value < 0 ? negativeZero : value
    case 'boolean':
    case 'undefined':
      return value
    case 'bigint':
      return convertBigint(value, depth)
    case 'object':
      return value === null ? null : convertObject(value, depth)
    default:
      throw cannotTravel(`a ${typeof value}`, depth)
  }
}

function convertBigint(value: bigint, depth: number): bigint {
  const magnitude = value < 0n ? -1n - value : value
  if (magnitude >> BigInt(BIGINT_BITS_MAX) === 0n) return value
  throw cannotTravel(`a bigint of more than ${BIGINT_BITS_MAX} bits`, depth)
}

function convertObject(value: object, depth: number): unknown {
  if (depth >= VALUE_DEPTH_MAX) throw tooDeep(depth)
  passed[depth] = value
  const prototype = Object.getPrototypeOf(value)
  switch (prototype) {
    case Object.prototype:
      return convertFields(value as Record<string, unknown>, depth)
    case Array.prototype:
      return convertArray(value as unknown[], depth)
    case null:
      return new Tagged(tags.TAG_BARE_OBJECT, pairs(Object.entries(value), depth))
    case Date.prototype:
      return new Tagged(tags.TAG_DATE, (value as Date).getTime())
    case Map.prototype:
      return new Tagged(tags.TAG_MAP, pairs(value as Map<unknown, unknown>, depth))
    case Set.prototype:
      return new Tagged(tags.TAG_SET, convertArray([...(value as Set<unknown>)], depth))
    case Buffer.prototype: {
      const { buffer, byteOffset, byteLength } = value as Buffer
      return new Tagged(tags.TAG_BUFFER, new Uint8Array(buffer, byteOffset, byteLength))
    }
    case ArrayBuffer.prototype:
      return new Tagged(tags.TAG_ARRAY_BUFFER, new Uint8Array(value as ArrayBuffer))
    default:
      if (typedArrays.has(prototype)) return value
      throw cannotTravel(describe(value), depth)
  }
}

function convertArray(values: unknown[], depth: number): unknown[] {
  let result = values
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    steps[depth] = i
    if (value === undefined && !(i in values)) throw cannotTravel('a hole in an array', depth + 1)
    const converted = convert(value, depth + 1)
    if (converted === value || Number.isNaN(value)) continue
    if (result === values) result = values.slice()
    result[i] = converted
  }
  return result
}

/** Names that the decoder must not see as names of a CBOR map, or the encoder as a class. */
const isSpecial = (name: string): boolean => name === '__proto__' || name === 'constructor'

function convertFields(value: Record<string, unknown>, depth: number): unknown {
  const names = Object.keys(value)
  if (names.some((name) => isSpecial(name) || !isPlainText(name))) {
    return new Tagged(tags.TAG_OBJECT, pairs(Object.entries(value), depth))
  }
  let result = value
  for (const name of names) {
    steps[depth] = name
    const field = value[name]
    const converted = convert(field, depth + 1)
    if (converted === field || Number.isNaN(field)) continue
    if (result === value) result = { ...value }
    result[name] = converted
  }
  return result
}

function pairs(entries: Iterable<readonly [unknown, unknown]>, depth: number): unknown[] {
  const flat: unknown[] = []
  for (const [key, value] of entries) {
    steps[depth] = typeof key === 'string' || typeof key === 'number' ? key : 'key'
    flat.push(convert(key, depth + 1), convert(value, depth + 1))
  }
  return flat
}

function tooDeep(depth: number): MillraceError {
  // Where an object contains itself again.
  const inner = passed.findIndex((value, i) => passed.indexOf(value) < i)
  return inner === -1
    ? cannotTravel(`an object nested deeper than ${VALUE_DEPTH_MAX}`, depth)
    : cannotTravel('a cyclic structure', inner)
}

function describe(value: object): string {
  const { constructor: made } = value as { constructor?: unknown }
  const name = typeof made === 'function' ? made.name : ''
  return name === '' ? 'an object with a prototype of its own' : `an instance of ${name}`
}

const PATH_STEPS_SHOWN = 8

/** As a user would write it: `record.items[3].price`. */
function path(depth: number): string {
  let text = root
  for (const step of steps.slice(0, Math.min(depth, PATH_STEPS_SHOWN))) {
    text += typeof step === 'number' ? `[${step}]` : `.${step}`
  }
  return depth > PATH_STEPS_SHOWN ? `${text}…` : text
}

function cannotTravel(type: string, depth: number): MillraceError {
  const field = path(depth)
  const advice =
    type === 'an instance of Promise'
      ? 'wait for it in mergeMap(async (record) => …) before'
      : 'send plain data (numbers, strings, arrays, plain objects, Date, Map, Set, typed arrays)'
  return new MillraceError(
    'E_CANNOT_TRAVEL',
    `${field} is ${type}, which cannot cross to another subtask: ${advice}`,
    { details: { field, type } },
  )
}
