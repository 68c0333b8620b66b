/**
 * CBOR tags (RFC 8949 §3.4) that may appear on the wire. Wire constants: do not change.
 *
 * The standard ones keep their meaning: bignums (RFC 8949), typed arrays (RFC 8746; the
 * little-endian half of the table), embedded CBOR, and Set as in the IANA registry. What CBOR has no
 * tag for gets one of our own, from a block of the range that needs no specification.
 */

export const TAG_BIGNUM = 2
export const TAG_NEGATIVE_BIGNUM = 3
/** A byte string that holds one CBOR item. */
export const TAG_EMBEDDED = 24
export const TAG_UINT8 = 64
export const TAG_UINT8_CLAMPED = 68
export const TAG_UINT16 = 69
export const TAG_UINT32 = 70
export const TAG_UINT64 = 71
export const TAG_INT8 = 72
export const TAG_INT16 = 77
export const TAG_INT32 = 78
export const TAG_INT64 = 79
export const TAG_FLOAT32 = 85
export const TAG_FLOAT64 = 86
/** Array of the distinct members. */
export const TAG_SET = 258

/** Byte string: UTF-16LE code units, well-formed or not. */
export const TAG_UTF16 = 39424
/** Byte string: ISO 8859-1, one byte per character. Columns only. */
export const TAG_LATIN1 = 39425
/** Number: ms since 1970-01-01 UTC; NaN is the invalid date. */
export const TAG_DATE = 39426
/** Array: key, value, key, value … of a Map. */
export const TAG_MAP = 39427
/** As TAG_MAP, of a plain object with a name that a CBOR map cannot carry safely. */
export const TAG_OBJECT = 39428
/** As TAG_OBJECT, of an object without prototype. */
export const TAG_BARE_OBJECT = 39429
/** Byte string. */
export const TAG_ARRAY_BUFFER = 39430
/** Byte string: a Node.js Buffer. (An untagged byte string is a Uint8Array.) */
export const TAG_BUFFER = 39431
/** Byte string: part of the CBOR of a record too large for one frame. Frames only. */
export const TAG_FRAGMENT = 39432
