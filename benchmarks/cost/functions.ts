/** The user's functions of the COST jobs: the loop, RxJS and Millrace call the very same ones. */
import type { Bid } from './bids.js'

export const priceOf = (bid: Bid): number => bid.price
export const auctionOf = (bid: Bid): number => bid.auction
export const toEuro = (price: number): number => price * 0.908
export const isDear = (price: number): boolean => price > 20_000
export const withFee = (price: number): number => price + 35
export const isFair = (price: number): boolean => price < 900_000
export const toCents = (price: number): number => Math.round(price * 100)
/** The dearer of two: needs whole records. */
export const dearer = (best: Bid, bid: Bid): Bid => (bid.price > best.price ? bid : best)

/** About 60–100 ns of a user's own work: a hash over some digits. */
export function score(price: number): number {
  let hash = price | 0
  for (let i = 0; i < 40; i++) hash = Math.imul(hash ^ (hash >>> 13), 0x5bd1e995) + i
  return hash >>> 8
}

/** `auction,bidder,price` */
export const parseCsv = (line: string): readonly string[] => line.split(',')
export const firstField = (fields: readonly string[]): string => fields[0]!
