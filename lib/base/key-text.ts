/**
 * The texts of keys as they are written most: arrays of whole numbers, and of these and texts, unit by unit, by the
 * grammar of `encode` in `key.ts`. Do not change: key groups are computed from them.
 */

/** First code unit of every text that is a canonical form and not the key itself. Do not change. */
export const ESCAPE = '\u0000'
export const ESCAPE_CODE = 0
const OPEN = 0x5b
const CLOSE = 0x5d
const NUMBER = 0x6e
const STRING = 0x73
const COLON = 0x3a
const END = 0x3b
const ZERO = 0x30

/** Longer arrays take the slow path. */
const NUMBERS_MAX = 16
/** An int32 has ten digits at most, beside the letter and the end. */
const scratch = Buffer.allocUnsafeSlow(3 + NUMBERS_MAX * 12) as Buffer & {
  /** Not in Node's types: skips the look-up of the encoding. */
  latin1Slice(start: number, end: number): string
}

/**
 * The text of `encode` for an array of a few int32 that are not negative; null for any other. Written
 * digit by digit, it is one flat string: four times as fast as putting it together.
 */
export function wholeNumbersText(values: readonly unknown[]): string | null {
  const { length } = values
  if (length === 0 || length > NUMBERS_MAX) return null
  let at = 0
  scratch[at++] = ESCAPE_CODE
  scratch[at++] = OPEN
  for (let i = 0; i < length; i++) {
    const value = values[i]
    if (typeof value !== 'number' || (value | 0) !== value || value < 0) return null
    at = writeNumber(scratch, at, value)
  }
  scratch[at++] = CLOSE
  return scratch.latin1Slice(0, at)
}

/** The text of `encode` for an int32 that is not negative. Returns where it ends. */
function writeNumber(target: Uint8Array | Uint16Array, at: number, value: number): number {
  target[at] = NUMBER
  const end = writeDigits(target, at + 1, value)
  target[end] = END
  return end + 1
}

function writeDigits(target: Uint8Array | Uint16Array, at: number, value: number): number {
  let digits = 1
  for (let bound = 10; value >= bound; bound *= 10) digits++
  let rest = value
  for (let place = at + digits - 1; place >= at; place--) {
    const next = (rest / 10) | 0
    target[place] = ZERO + rest - next * 10
    rest = next
  }
  return at + digits
}

const UNITS_MAX = 512
/** A number with its letter and its end, or a text's length with those. */
const PART_UNITS = 12
export const units = new Uint16Array(UNITS_MAX)

/**
 * Writes the UTF-16 code units of the canonical text to `units`, where the key is an array of texts and of int32
 * that are not negative, and not long; returns how many, 0 for any other array.
 */
export function writeUnits(values: readonly unknown[]): number {
  const { length } = values
  if (length === 0 || length > NUMBERS_MAX) return 0
  let at = 0
  units[at++] = ESCAPE_CODE
  units[at++] = OPEN
  for (let i = 0; i < length; i++) {
    const value = values[i]
    if (typeof value === 'number') {
      if ((value | 0) !== value || value < 0) return 0
      if (at + PART_UNITS >= UNITS_MAX) return 0
      at = writeNumber(units, at, value)
    } else if (typeof value === 'string') {
      if (at + PART_UNITS + value.length >= UNITS_MAX) return 0
      units[at] = STRING
      at = writeDigits(units, at + 1, value.length)
      units[at++] = COLON
      for (let place = 0; place < value.length; place++) units[at++] = value.charCodeAt(place)
    } else return 0
  }
  units[at++] = CLOSE
  return at
}

/** True for the arrays whose canonical form spells them out: `spelledNumbers` gives them back. */
export function isSpelled(key: unknown): boolean {
  if (!Array.isArray(key)) return false
  const { length } = key
  if (length === 0 || length > NUMBERS_MAX) return false
  for (let i = 0; i < length; i++) {
    const value = key[i]
    if (typeof value !== 'number' || (value | 0) !== value || value < 0) return false
  }
  return true
}

const INT32_MAX = 0x7fff_ffff
/** `[`, `n`, a digit, `;` and `]` behind the escape. */
const SPELLED_MIN = 6

/** The array that such a text spells out; undefined where it is another. */
export function spelledNumbers(text: string): readonly number[] | undefined {
  const { length } = text
  if (length < SPELLED_MIN || text.charCodeAt(0) !== ESCAPE_CODE) return undefined
  if (text.charCodeAt(1) !== OPEN || text.charCodeAt(length - 1) !== CLOSE) {
    return undefined
  }
  const key: number[] = []
  for (let at = 2; at < length - 1; at++) {
    if (text.charCodeAt(at++) !== NUMBER) return undefined
    let value = 0
    for (; text.charCodeAt(at) !== END; at++) {
      const digit = text.charCodeAt(at) - ZERO
      if (!(digit >= 0 && digit <= 9)) return undefined
      value = value * 10 + digit
    }
    // Digits of what does not fit would give another number.
    if (value > INT32_MAX || key.length === NUMBERS_MAX) return undefined
    key.push(value)
  }
  return key
}
