/**
 * The records of the COST jobs: seven fields, three of them strings. A record is made anew for each
 * index, as a reader would make it; its strings come from a pool, so that making it costs little.
 */
import { seededRandom } from '../../lib/base/random.js'

export interface Bid {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly channel: string
  readonly url: string
  readonly dateTime: number
  readonly extra: string
}

/** A power of two, so that a mask finds the record of an index. */
const POOL = 1 << 14
const AUCTIONS = 1000
const CHANNELS = ['apple', 'baidu', 'facebook', 'google']

/** `textBytes`: length of the two long strings together. */
export function createBids(textBytes: number): (index: number) => Bid {
  const random = seededRandom(42)
  const whole = (max: number) => Math.floor(random() * max)
  const letters = (length: number) =>
    Array.from({ length }, () => String.fromCharCode(97 + whole(26))).join('')
  const numbers = Uint32Array.from({ length: POOL }, () => whole(1_000_000))
  const half = textBytes / 2
  const url = (): string => `https://www.nexmark.com/${letters(half)}`.slice(0, half)
  const urls = Array.from({ length: POOL }, url)
  const extras = Array.from({ length: POOL }, () => letters(half))
  return (index) => {
    const at = index & (POOL - 1)
    const number = numbers[at]!
    return {
      auction: 1000 + (number % AUCTIONS),
      bidder: 1000 + (number >> 6),
      price: 100 + number,
      channel: CHANNELS[at & 3]!,
      url: urls[at]!,
      dateTime: 1_436_918_400_000 + index,
      extra: extras[at]!,
    }
  }
}
