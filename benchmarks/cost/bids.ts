/** The records of the COST jobs: seven fields, some of them strings; made in advance and used again. */
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
  const pool = Array.from(
    { length: POOL },
    (_, index): Bid => ({
      auction: 1000 + whole(AUCTIONS),
      bidder: 1000 + whole(10_000),
      price: 100 + whole(1_000_000),
      channel: CHANNELS[whole(CHANNELS.length)]!,
      url: `https://www.nexmark.com/${letters(Math.max(0, textBytes / 2 - 24))}`.slice(
        0,
        textBytes / 2,
      ),
      dateTime: 1_436_918_400_000 + index,
      extra: letters(textBytes / 2),
    }),
  )
  return (index) => pool[index & (POOL - 1)]!
}
