/**
 * The strict profile: which CBOR (RFC 8949) is let through to the decoder.
 *
 * - Definite lengths only; a claimed length fits into what is left; nothing follows the item.
 * - Nested at most 64 deep; bignums have at most 32 bytes (decoders take quadratic time over them).
 * - Tags of `tags.ts` only, each on the content it is defined for.
 * - Simple values false, true, null, undefined only.
 * - Text is valid UTF-8 and begins with no byte order mark. Names in maps are text, never `__proto__`
 *   (an object with such a name travels as TAG_OBJECT).
 *
 * One pass, no recursion, no allocation per item.
 */
import { isUtf8 } from 'node:buffer'
import * as tags from './tags.js'

export const DEPTH_MAX = 64
const BIGNUM_BYTES_MAX = 32

/** What the content of a tag must be. */
type Content =
  | { readonly kind: 'bytes'; readonly multipleOf: number; readonly bytesMax: number }
  | { readonly kind: 'array'; readonly multipleOf: number }
  | { readonly kind: 'number' }

const bytes = (multipleOf: number, bytesMax = Number.MAX_SAFE_INTEGER): Content => ({
  kind: 'bytes',
  multipleOf,
  bytesMax,
})

const contents: ReadonlyMap<number, Content> = new Map<number, Content>([
  [tags.TAG_BIGNUM, bytes(1, BIGNUM_BYTES_MAX)],
  [tags.TAG_NEGATIVE_BIGNUM, bytes(1, BIGNUM_BYTES_MAX)],
  [tags.TAG_UINT8, bytes(1)],
  [tags.TAG_UINT8_CLAMPED, bytes(1)],
  [tags.TAG_INT8, bytes(1)],
  [tags.TAG_UINT16, bytes(2)],
  [tags.TAG_INT16, bytes(2)],
  [tags.TAG_UINT32, bytes(4)],
  [tags.TAG_INT32, bytes(4)],
  [tags.TAG_FLOAT32, bytes(4)],
  [tags.TAG_UINT64, bytes(8)],
  [tags.TAG_INT64, bytes(8)],
  [tags.TAG_FLOAT64, bytes(8)],
  [tags.TAG_UTF16, bytes(2)],
  [tags.TAG_ARRAY_BUFFER, bytes(1)],
  [tags.TAG_BUFFER, bytes(1)],
  [tags.TAG_SET, { kind: 'array', multipleOf: 1 }],
  [tags.TAG_MAP, { kind: 'array', multipleOf: 2 }],
  [tags.TAG_OBJECT, { kind: 'array', multipleOf: 2 }],
  [tags.TAG_BARE_OBJECT, { kind: 'array', multipleOf: 2 }],
  [tags.TAG_DATE, { kind: 'number' }],
])

const BYTES = 2
const TEXT = 3
const ARRAY = 4
const MAP = 5
const TAG = 6
const SIMPLE = 7

/** Bytes of the argument after the initial byte, by additional information 0 … 31; -1: refused. */
const ARGUMENT_BYTES = Int8Array.from({ length: 32 }, (_, info) =>
  info < 24 ? 0 : info < 28 ? 1 << (info - 24) : -1,
)

/** Items still to come on each level, and whether that level is a map. */
const left = new Float64Array(DEPTH_MAX + 1)
const isMap = new Uint8Array(DEPTH_MAX + 1)

/**
 * What decoding costs: an item 1, an array or map 1 more, a tag 12 more, a name in a map 16 more unless it
 * was seen of late (objects of ever new shapes are what takes longest). Measured at worst, typed arrays
 * and such objects: 0.1 µs each.
 */
const GROUP_COST = 1
const TAG_COST = 12
const NEW_NAME_COST = 16

/** Hashes of names seen of late, each at its place. */
const knownNames = new Int32Array(4096)

function nameCost(input: Uint8Array, start: number, end: number): number {
  let hash = end - start
  for (let position = start; position < end; position++) {
    hash = Math.imul(hash ^ input[position]!, 0x01000193)
  }
  const place = (hash ^ (hash >>> 12)) & (knownNames.length - 1)
  if (knownNames[place] === hash) return 0
  knownNames[place] = hash
  return NEW_NAME_COST
}

/** Why `input` is not one item of the profile, or null when it is. `costMax`: see above. */
export function profileViolation(
  input: Uint8Array,
  costMax: number = Number.POSITIVE_INFINITY,
): string | null {
  const end = input.length
  const isLimited = costMax !== Number.POSITIVE_INFINITY
  let cost = 0
  let position = 0
  let depth = 0
  let content: Content | null = null
  left[0] = 1
  isMap[0] = 0
  for (;;) {
    while (left[depth] === 0) {
      if (depth === 0) return position === end ? null : `${end - position} bytes after the item`
      depth -= 1
    }
    if (position >= end) return 'the item ends early'
    const initial = input[position++]!
    const major = initial >> 5
    const info = initial & 31
    const size = ARGUMENT_BYTES[info]!
    if (size < 0) return info === 31 ? 'an indefinite length' : `reserved length ${info}`
    if (size > end - position) return 'the item ends early'
    let argument = info
    if (size > 0) {
      argument = 0
      for (let i = 0; i < size; i++) argument = argument * 256 + input[position++]!
    }
    if (content !== null) {
      const violation = contentViolation(content, major, info, argument)
      if (violation !== null) return violation
      content = null
    }
    cost += 1
    if (cost > costMax) return 'more items than it may have'
    const isName = isMap[depth] === 1 && left[depth]! % 2 === 0
    if (isName && major !== TEXT) return 'a name in a map that is not text'
    if (major !== TAG) left[depth] = left[depth]! - 1
    switch (major) {
      case BYTES:
        if (argument > end - position) return 'a byte string longer than the input'
        position += argument
        break
      case TEXT: {
        if (argument > end - position) return 'a text longer than the input'
        const violation = textViolation(input, position, position + argument, isName)
        if (violation !== null) return violation
        if (isName && isLimited) cost += nameCost(input, position, position + argument)
        position += argument
        break
      }
      case ARRAY:
      case MAP: {
        const items = major === MAP ? 2 * argument : argument
        if (items > end - position) return 'more items claimed than the input can hold'
        if (depth === DEPTH_MAX) return `nested deeper than ${DEPTH_MAX}`
        cost += GROUP_COST
        depth += 1
        left[depth] = items
        isMap[depth] = major === MAP ? 1 : 0
        break
      }
      case TAG:
        content = contents.get(argument) ?? null
        if (content === null) return `unknown tag ${argument}`
        cost += TAG_COST
        break
      case SIMPLE:
        if (info < 20 || info === 24) return `unknown simple value ${argument}`
        break
      default: // an integer: nothing follows its argument
    }
  }
}

function contentViolation(
  content: Content,
  major: number,
  info: number,
  argument: number,
): string | null {
  switch (content.kind) {
    case 'bytes':
      if (major !== BYTES) return 'a tag of bytes on something else'
      if (argument > content.bytesMax) return `a number of ${argument} bytes`
      return argument % content.multipleOf === 0 ? null : 'a typed array with a part of an element'
    case 'array':
      if (major !== ARRAY) return 'a tag of an array on something else'
      return argument % content.multipleOf === 0 ? null : 'a key without a value'
    case 'number':
      return major < BYTES || (major === SIMPLE && info > 24) ? null : 'a date that is no number'
  }
}

/** UTF-8 bytes of `__proto__`. */
const PROTO = [0x5f, 0x5f, 0x70, 0x72, 0x6f, 0x74, 0x6f, 0x5f, 0x5f]

function textViolation(
  input: Uint8Array,
  start: number,
  end: number,
  isName: boolean,
): string | null {
  if (isName && end - start === PROTO.length && PROTO.every((byte, i) => input[start + i] === byte))
    return 'a map with the name __proto__'
  let position = start
  while (position < end && input[position]! < 0x80) position++
  if (position === end) return null
  if (!isUtf8(input.subarray(start, end))) return 'a text that is not UTF-8'
  const marked = input[start] === 0xef && input[start + 1] === 0xbb && input[start + 2] === 0xbf
  return marked ? 'a text that begins with a byte order mark' : null
}
