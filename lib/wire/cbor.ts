/**
 * CBOR (RFC 8949) by cbor-x, held to the profile of `profile.ts`. The only file that names cbor-x.
 *
 * What is worked around, and why:
 * - Its results share a pool: every result is copied (a pooled buffer must never be transferred).
 * - It encodes -0 as 0, lone surrogates as U+FFFD, class instances as plain objects: `travel.ts`
 *   checks and replaces before it sees a value.
 * - It revives RegExp, Error, cyclic references, records, and renames `__proto__`: `profile.ts`
 *   refuses such input before it sees a byte.
 * - Its native string extraction makes each string a slice of the whole input, which one kept string
 *   keeps alive: the entry point without native code is used.
 */
import { addExtension, Encoder } from 'cbor-x/encode'
import { MillraceError } from '../base/errors.js'
import { nativeText } from './native-text.js'
import { profileViolation } from './profile.js'
import * as tags from './tags.js'
import { NegativeZero, Tagged, toTravel } from './travel.js'

/** The parts of cbor-x that its types leave out. */
interface Codec {
  alwaysUseFloat: boolean
  encode(value: unknown, mode: number): Uint8Array
  decode(bytes: Uint8Array): unknown
  useBuffer(buffer: Uint8Array): void
}

/** cbor-x: the next call may overwrite the result. */
const RESET_BUFFER_MODE = 1024
const SCRATCH_BYTES = 65_536
/** A value that needed more leaves a buffer behind that is given back at once. */
const SCRATCH_BYTES_KEPT_MAX = 1 << 20

/** Values of a column are written one by one where no more than one in so many is there. */
const SPARSE = 16

const codec = new Encoder({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  tagUint8Array: false,
  copyBuffers: true,
}) as unknown as Codec
codec.useBuffer(Buffer.allocUnsafeSlow(SCRATCH_BYTES))

type Extension = Parameters<typeof addExtension>[0]
const extend = (extension: object): void => addExtension(extension as Extension)

extend({
  Class: Tagged,
  getTag: ({ tag }: Tagged) => tag,
  encode: ({ content }: Tagged, encode: (value: unknown) => void) => encode(content),
})
extend({
  Class: NegativeZero,
  encode(_: NegativeZero, encode: (value: unknown) => void) {
    codec.alwaysUseFloat = true
    encode(-0)
    codec.alwaysUseFloat = false
  },
})

const revive = (tag: number, decode: (content: never) => unknown): void => extend({ tag, decode })

revive(tags.TAG_UTF16, ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  nativeText(buffer, byteOffset, byteLength).ucs2Slice(0, byteLength),
)
revive(tags.TAG_DATE, (timeMs: number | bigint) => new Date(Number(timeMs)))
revive(tags.TAG_MAP, (flat: readonly unknown[]) => {
  const map = new Map<unknown, unknown>()
  for (let i = 0; i < flat.length; i += 2) map.set(flat[i], flat[i + 1])
  return map
})
revive(tags.TAG_OBJECT, (flat: readonly unknown[]) => defineAll({}, flat))
revive(tags.TAG_BARE_OBJECT, (flat: readonly unknown[]) => defineAll(Object.create(null), flat))
revive(tags.TAG_ARRAY_BUFFER, (bytes: Uint8Array) => bytes.buffer)
revive(tags.TAG_BUFFER, ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, byteLength),
)

/** Own data properties whatever their names: `__proto__` reaches no prototype. */
function defineAll(target: object, flat: readonly unknown[]): object {
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i]
    if (typeof name !== 'string') throw badCbor('a name of an object that is not a string')
    Object.defineProperty(target, name, {
      value: flat[i + 1],
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
  return target
}

/**
 * The value as CBOR: an exact-size copy which the caller owns. Throws E_CANNOT_TRAVEL, whose details
 * name the field; `name` is what they call the value itself.
 */
export function encodeCbor(value: unknown, name = 'value'): Uint8Array {
  return encodeChecked(toTravel(value, name))
}

/** As {@link encodeCbor}, of values that are to travel as one array. */
export function encodeCborValues(values: readonly unknown[], name: string): Uint8Array {
  let present = 0
  for (let i = 0; i < values.length; i++) if (values[i] !== undefined) present++
  if (present * SPARSE <= values.length) return encodeSparse(values, name)
  return encodeChecked(values.map((value) => toTravel(value, name)))
}

/** Initial bytes of CBOR items: an array with 32 bits of length, and undefined. */
const ARRAY_32 = 0x9a
const ARRAY_HEAD_BYTES = 5
const UNDEFINED = 0xf7

/** What is not there, which is most, is written without cbor-x. */
function encodeSparse(values: readonly unknown[], name: string): Uint8Array {
  const parts: Uint8Array[] = []
  let byteLength = ARRAY_HEAD_BYTES + values.length
  for (let i = 0; i < values.length; i++) {
    if (values[i] === undefined) continue
    const part = encodeChecked(toTravel(values[i], name))
    parts.push(part)
    byteLength += part.length - 1
  }
  const bytes = new Uint8Array(byteLength).fill(UNDEFINED)
  bytes[0] = ARRAY_32
  new DataView(bytes.buffer).setUint32(1, values.length)
  let at = ARRAY_HEAD_BYTES
  for (let i = 0, next = 0; next < parts.length; i++) {
    if (values[i] !== undefined) {
      bytes.set(parts[next]!, at)
      at += parts[next++]!.length
    } else at += 1
  }
  return bytes
}

function encodeChecked(value: unknown): Uint8Array {
  const bytes = new Uint8Array(codec.encode(value, RESET_BUFFER_MODE))
  if (bytes.length > SCRATCH_BYTES_KEPT_MAX) codec.useBuffer(Buffer.allocUnsafeSlow(SCRATCH_BYTES))
  return bytes
}

/**
 * The value of one CBOR item of the profile; shares no memory with `bytes`. Throws E_BAD_CBOR; also for
 * more than `costMax` (profile.ts).
 */
export function decodeCbor(bytes: Uint8Array, costMax?: number): unknown {
  const violation = profileViolation(bytes, costMax)
  if (violation !== null) throw badCbor(violation)
  return decodeOwnCbor(bytes)
}

/**
 * As {@link decodeCbor}, of what `encodeCbor` has made in this process and a check sum vouches for: not held
 * to the profile a second time.
 */
export function decodeOwnCbor(bytes: Uint8Array): unknown {
  const { buffer, byteOffset, byteLength } = bytes
  try {
    return codec.decode(new Uint8Array(buffer, byteOffset, byteLength))
  } catch (error) {
    throw badCbor('an item that the decoder refuses', error)
  }
}

const badCbor = (reason: string, cause?: unknown): MillraceError =>
  new MillraceError('E_BAD_CBOR', `expected CBOR of the strict profile, saw ${reason}`, {
    cause,
    details: { reason },
  })
