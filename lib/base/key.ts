/**
 * Keys: when two keys are the same key, and to which key group a key belongs.
 *
 * A key is a primitive, a Date, or an array or plain object of keys. Keys are equal by value and
 * by type: `[1, 'a']` equals another `[1, 'a']`; `1`, `'1'`, `1n` and `true` are four keys; `-0`
 * is `0`, and NaN equals itself. Property order does not matter; a property that is `undefined`
 * differs from a missing one. Symbol properties do not take part.
 *
 * Key groups are stored in snapshots and computed on every host: encoding, hash and group mapping
 * below are fixed for ever. DO NOT CHANGE.
 *
 * Hash: MurmurHash3 x86 32 (A. Appleby, public domain) over the UTF-16LE bytes of strings, so low
 * and high bytes both count; over the 8 bytes of a number that is no int32; its finaliser alone for
 * an int32. The seed tells the types apart.
 */
import { MillraceError } from './errors.js'
import {
  ESCAPE,
  ESCAPE_CODE,
  spelledNumbers,
  units,
  wholeNumbersText,
  writeUnits,
} from './key-text.js'

/** What stands for a key in a Map: equal keys have the same canonical form. */
export type CanonicalKey = string | number | boolean | bigint | null | undefined

/** Deeper keys are refused; also what ends a cycle. */
const DEPTH_MAX = 16

/**
 * The canonical form of a key. Primitives are their own (with -0 as 0), but for strings that begin
 * with U+0000 and a range of numbers, which are escaped so that no primitive equals the form of a
 * composite key. For this process alone: no form is stored in a snapshot, or sent.
 * Throws E_BAD_KEY for what cannot be a key.
 */
export function canonicalKey(key: unknown): CanonicalKey {
  switch (typeof key) {
    case 'string':
      return key.charCodeAt(0) === ESCAPE_CODE ? `${ESCAPE}s${key}` : key
    case 'number':
      if (isPairForm(key)) return `${ESCAPE}${encode(key, key, 0)}`
      return key === 0 ? 0 : key
    case 'boolean':
    case 'bigint':
    case 'undefined':
      return key
    default:
      return key === null ? null : compositeForm(key)
  }
}

/**
 * A pair of small whole numbers, the usual composite key, has a number for its form: made, hashed and
 * compared in half the time of text, in less memory. It lies from −2^52 down to above −2^53, where all
 * numbers are whole; keys that are such numbers themselves are escaped. Both parts are below 2^26.
 */
const PAIR_BITS = 26
const PAIR_PART = 2 ** PAIR_BITS
const PAIR_MOST = -(2 ** (2 * PAIR_BITS))

const isArray: (value: unknown) => value is readonly unknown[] = Array.isArray

/**
 * From 2^52 up to below 2^53 lie the forms that a state gives to pairs of a text and a whole number
 * (`state/text-pairs.ts`): such numbers, too, are escaped where they are keys themselves.
 */
export const TEXT_PAIR_FIRST = -PAIR_MOST

/** True for the numbers that stand for pairs. */
export function isPairForm(form: number): boolean {
  const size = Math.abs(form)
  return size >= TEXT_PAIR_FIRST && size < 2 * TEXT_PAIR_FIRST
}

/** True for a key whose form is such a number. */
export const isPair = (key: unknown): boolean => isArray(key) && pairForm(key) !== null

/** Below 2^52: which of its kind it is. */
const pairIndex = (form: number): number => Math.abs(form) - TEXT_PAIR_FIRST

/** The first number of a pair, by its form; of a text with a number, what may be hashed in its place. */
export const pairPart = (form: number): number => Math.floor(pairIndex(form) / PAIR_PART)

/** The second one. */
export const pairRest = (form: number): number => pairIndex(form) - pairPart(form) * PAIR_PART

/** `-0` is 0 here as in every key. Null for any other key. */
function pairForm(key: readonly unknown[]): number | null {
  if (key.length !== 2) return null
  const a = key[0]
  const b = key[1]
  if (typeof a !== 'number' || typeof b !== 'number') return null
  if ((a & (PAIR_PART - 1)) !== a || (b & (PAIR_PART - 1)) !== b) return null
  return PAIR_MOST - (a * PAIR_PART + b)
}

/**
 * The composite key encoded last: one that is looked up is mostly set next. Its text then is the same
 * string, too, so that a Map hashes it once.
 */
let lastKey: unknown = null
let lastForm: string | number = ''

function compositeForm(key: unknown): string | number {
  if (key === lastKey) return lastForm
  const short = isArray(key) ? (pairForm(key) ?? wholeNumbersText(key)) : null
  const form = short ?? `${ESCAPE}${encode(key, key, 0)}`
  lastKey = key
  lastForm = form
  return form
}

/** The key that a canonical form by `canonicalKey` spells out; undefined where it must be kept beside it. */
export function spelledKey(canonical: CanonicalKey): readonly number[] | undefined {
  if (typeof canonical === 'number') {
    if (canonical > 0 || !isPairForm(canonical)) return undefined
    return [pairPart(canonical), pairRest(canonical)]
  }
  return typeof canonical === 'string' ? spelledNumbers(canonical) : undefined
}

/** Throws E_BAD_KEY unless `key` can be a key. Free for primitives, cheap for arrays of them. */
export function assertKey(key: unknown): void {
  if (!isPrimitiveKey(key) && !(isArray(key) && isFlat(key))) encode(key, key, 0)
}

const isPrimitiveKey = (key: unknown): boolean =>
  typeof key === 'object' ? key === null : typeof key !== 'function' && typeof key !== 'symbol'

/** A loop of its own: `every` calls a function for each element, and leaves out holes. */
function isFlat(key: readonly unknown[]): boolean {
  for (let i = 0; i < key.length; i++) if (!isPrimitiveKey(key[i])) return false
  return true
}

/** True where the canonical form is not the key itself, so that the key must be kept beside it. */
export function isEscaped(canonical: CanonicalKey): boolean {
  if (typeof canonical === 'number') return isPairForm(canonical)
  return typeof canonical === 'string' && canonical.charCodeAt(0) === ESCAPE_CODE
}

/** V8 makes a part of a string a view of the whole from this length on. */
const VIEW_CHARS_MIN = 13

/** True where a string may be a view of a bigger one. */
export const isView = (text: string): boolean => text.length >= VIEW_CHARS_MIN

/**
 * The same key in memory of its own, for whoever keeps it: a string cut out of a bigger one keeps all
 * of that alive (measured: 64 KiB per key). The added character makes V8 copy.
 */
export function flatKey(key: unknown): unknown {
  if (typeof key === 'string') return isView(key) ? ` ${key}`.slice(1) : key
  if (typeof key !== 'object' || key === null || key instanceof Date) return key
  if (Array.isArray(key)) return key.map(flatKey)
  const flat = Object.fromEntries(Object.entries(key).map(([name, part]) => [name, flatKey(part)]))
  return Object.getPrototypeOf(key) === null ? Object.setPrototypeOf(flat, null) : flat
}

/** The same of a canonical form: what changed a key may have cut it out of a batch. */
export const flatForm = (form: CanonicalKey): CanonicalKey =>
  typeof form === 'string' ? (flatKey(form) as string) : form

/** Prefix-free, so that no two different values have the same text. Do not change. */
function encode(value: unknown, whole: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return `s${value.length}:${value}`
    case 'number':
      return `n${value};`
    case 'bigint':
      return `i${value};`
    case 'boolean':
      return value ? 't' : 'f'
    case 'undefined':
      return 'u'
    case 'object':
      return value === null ? 'z' : encodeObject(value, whole, depth)
    default:
      throw badKey(whole, value)
  }
}

function encodeObject(value: object, whole: unknown, depth: number): string {
  if (depth === DEPTH_MAX) {
    throw new MillraceError(
      'E_BAD_KEY',
      `a key may be nested ${DEPTH_MAX} levels deep, this one is deeper or cyclic; ` +
        'select the fields that identify the record',
    )
  }
  if (Array.isArray(value)) {
    let text = '['
    for (let i = 0; i < value.length; i++) text += encode(value[i], whole, depth + 1)
    return `${text}]`
  }
  if (value instanceof Date) return `d${value.getTime()};`
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw badKey(whole, value)
  let text = '{'
  for (const name of Object.keys(value).sort()) {
    text += `${name.length}:${name}`
    text += encode((value as Record<string, unknown>)[name], whole, depth + 1)
  }
  return `${text}}`
}

function badKey(whole: unknown, part: unknown): MillraceError {
  const seen =
    typeof part === 'object' && part !== null
      ? `an instance of ${part.constructor?.name ?? 'an unnamed class'}`
      : `a ${typeof part}`
  const where = whole === part ? '' : ' inside the key'
  return new MillraceError(
    'E_BAD_KEY',
    `a key is a string, number, boolean, bigint, null, undefined, Date, or an array or plain object ` +
      `of these; seen: ${seen}${where}; select a field that identifies the record`,
  )
}

const SEED_STRING = 0
const SEED_NUMBER = 0x6e756d62
const SEED_BIGINT = 0x62696769
const HASH_TRUE = 0x5bd1e995
const HASH_FALSE = 0x1b873593
const HASH_NULL = 0xcc9e2d51
const HASH_UNDEFINED = 0x9747b28c

/** Uniform unsigned 32-bit hash of a key. Equal keys hash alike, on every host. */
export function hashKey(key: unknown): number {
  if (typeof key === 'number') return hashNumber(key)
  if (typeof key === 'string' && key.charCodeAt(0) !== ESCAPE_CODE) return murmur(key, SEED_STRING)
  if (typeof key === 'object' && key !== null) return hashComposite(key)
  const canonical = canonicalKey(key)
  switch (typeof canonical) {
    case 'bigint':
      return murmur(String(canonical), SEED_BIGINT)
    case 'boolean':
      return canonical ? HASH_TRUE : HASH_FALSE
    case 'undefined':
      return HASH_UNDEFINED
    case 'string':
      return murmur(canonical, SEED_STRING)
    default:
      return HASH_NULL
  }
}

/** Of its text, also where a number is the canonical form. */
function hashComposite(key: object): number {
  const length = isArray(key) ? writeUnits(key) : 0
  if (length > 0) return murmurUnits(length, SEED_STRING)
  return murmur(compositeForm(key) as string, SEED_STRING)
}

/**
 * The key group of a key, 0 ≤ group < `maxParallelism` ≤ 32768: the hash scaled by multiplication,
 * `⌊hash × maxParallelism / 2^32⌋` (exact in a double). Do not change.
 */
export function keyGroupOf(key: unknown, maxParallelism: number): number {
  return Math.floor((hashKey(key) * maxParallelism) / 0x100000000)
}

/** The subtask that owns a key group: each has a range of neighbouring groups. */
export function subtaskOf(group: number, parallelism: number, maxParallelism: number): number {
  return Math.floor((group * parallelism) / maxParallelism)
}

/** Murmur3's finaliser: a bijection of 32 bits in which every bit depends on every other. */
function mix(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function scramble(word: number): number {
  const k = Math.imul(word, 0xcc9e2d51)
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593)
}

function step(hash: number, word: number): number {
  const h = hash ^ scramble(word)
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
}

const float = new Float64Array(1)
const words = new Int32Array(float.buffer)
/** Index of the low word in `words`: hosts of either byte order compute the same hash. */
const LOW = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0 : 1

function hashNumber(value: number): number {
  const int = value | 0
  if (int === value) return mix(int)
  // One bit pattern for every NaN.
  float[0] = Number.isNaN(value) ? Number.NaN : value
  return mix(step(step(SEED_NUMBER, words[LOW]!), words[1 - LOW]!) ^ 8)
}

function murmur(text: string, seed: number): number {
  const length = text.length
  const even = length & ~1
  let hash = seed
  for (let i = 0; i < even; i += 2) {
    hash = step(hash, text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16))
  }
  if (even !== length) hash ^= scramble(text.charCodeAt(even))
  return mix(hash ^ (length << 1))
}

/** As `murmur`, of the text in `units`. */
function murmurUnits(length: number, seed: number): number {
  const even = length & ~1
  let hash = seed
  for (let i = 0; i < even; i += 2) hash = step(hash, units[i]! | (units[i + 1]! << 16))
  if (even !== length) hash ^= scramble(units[even]!)
  return mix(hash ^ (length << 1))
}
