/** Random texts, drawn as the specification says; the order and number of draws is part of it. */
import { nativeText } from '../../lib/wire/native-text.js'
import type { JavaRandom } from './java-random.js'

const LENGTH_MIN = 3
const CODE_A = 97
const SPACE = 32
const ALPHABET = 26
/** One in so many characters of a text is its separator. */
const SEPARATOR_SHARE = 13
/** Characters that one draw of an exact text gives. */
const CHARACTERS_PER_DRAW = 6

const scratch = new Uint8Array(4096)
const text = nativeText(scratch.buffer)

/** 3 … max-1 letters, some of them `separator`; Java's `trim` takes control characters and spaces off. */
export function drawText(random: JavaRandom, max: number, separator = SPACE): string {
  const length = LENGTH_MIN + random.nextBelow(max - LENGTH_MIN)
  for (let at = 0; at < length; at++) {
    scratch[at] =
      random.nextBelow(SEPARATOR_SHARE) === 0 ? separator : CODE_A + random.nextBelow(ALPHABET)
  }
  let from = 0
  let to = length
  while (from < to && scratch[from]! <= SPACE) from++
  while (from < to && scratch[to - 1]! <= SPACE) to--
  return text.latin1Slice(from, to)
}

/** Exactly so many characters, `H` … `z`: a negative draw counts down from `a`. */
export function drawExact(random: JavaRandom, length: number): string {
  let value = 0
  for (let at = 0; at < length; at++) {
    if (at % CHARACTERS_PER_DRAW === 0) value = random.nextInt()
    scratch[at] = CODE_A + (value % ALPHABET)
    value = (value / ALPHABET) | 0
  }
  return text.latin1Slice(0, length)
}

/** Fills a record of `bytes` up to about `average` bytes, give or take a fifth. */
export function drawExtra(random: JavaRandom, bytes: number, average: number): string {
  if (bytes > average) return ''
  const desired = average - bytes
  const delta = Math.round(desired * 0.2)
  return drawExact(random, desired - delta + (delta === 0 ? 0 : random.nextBelow(2 * delta)))
}

/** Cents, 100 … 100,000,000, uniform in their logarithm. */
export const drawPrice = (random: JavaRandom): number =>
  Math.round(10 ** (random.nextDouble() * 6) * 100)
