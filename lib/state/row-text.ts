/**
 * Rows as text. What JSON carries exactly, as most values are, is JSON; anything else is what `bytes` makes of
 * it, a character per byte behind a mark that no JSON begins with.
 */
import type { RowCodec } from './row-store.js'

/** Values as bytes, and back. */
export interface ByteCodec {
  /** Throws a MillraceError for what is no plain data. */
  encode(value: unknown): Uint8Array
  decode(bytes: Uint8Array): unknown
}

const MARK = '='
/** What is deeper, or cyclic, is left to the other codec. */
const DEPTH_MAX = 30

export function textRows(bytes: ByteCodec): RowCodec {
  return {
    encode(value) {
      if (isJson(value, 0)) return JSON.stringify(value)
      return MARK + Buffer.from(bytes.encode(value)).toString('latin1')
    },
    decode(row) {
      if (row[0] !== MARK) return JSON.parse(row)
      return bytes.decode(Buffer.from(row.slice(MARK.length), 'latin1'))
    },
  }
}

/** True where JSON gives the same again: also of ill-formed text, and of a field `__proto__`. */
function isJson(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      return value === null || (depth < DEPTH_MAX && isJsonObject(value, depth))
    default:
      return false
  }
}

function isJsonObject(value: object, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Array.prototype) {
    const items = value as readonly unknown[]
    for (let i = 0; i < items.length; i++) if (!isJson(items[i], depth + 1)) return false
    return true
  }
  if (prototype !== Object.prototype) return false
  for (const name in value) {
    if (!isJson((value as Record<string, unknown>)[name], depth + 1)) return false
  }
  return true
}
