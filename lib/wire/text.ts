/** Strings as bytes: what CBOR text can carry, and what a text takes in a column. */

/** ES2024; in every supported Node.js, not yet in the library types. */
interface WellFormed {
  isWellFormed(): boolean
}

const BYTE_ORDER_MARK = 0xfeff

/**
 * True for a string that survives as CBOR text: no lone surrogate, and no leading byte order mark,
 * which decoders take off.
 */
export function isPlainText(text: string): boolean {
  return (text as unknown as WellFormed).isWellFormed() && text.charCodeAt(0) !== BYTE_ORDER_MARK
}

const LATIN1_MAX = 0xff

/** Bytes that a text takes in a column: one per character if they are all ISO 8859-1, else two. */
export function textBytes(text: string): number {
  const { length } = text
  return Buffer.byteLength(text) === length || isLatin1(text) ? length : 2 * length
}

function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > LATIN1_MAX) return false
  return true
}
