/** How often keys come. */

/** `uniform`: all alike; `zipf`: the i-th most frequent 1/i as often as the first. */
export type Spread = 'uniform' | 'zipf'

/** The key of record `n`: the same each time, in an order that says nothing of it. */
export function keyOf(spread: Spread, n: number, keys: number): number {
  const chance = scrambled(n) / 2 ** 32
  const rank = spread === 'uniform' ? chance * keys : keys ** chance - 1
  return scrambled(Math.floor(rank)) % keys
}

/** Murmur3's finaliser: a bijection of 32 bits. */
function scrambled(value: number): number {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
