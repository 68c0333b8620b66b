/** Randomness as an argument: a seeded generator, so that every random choice can be replayed. */

/** Uniform in [0, 1). */
export type Random = () => number

/** Mulberry32 (T. Ettinger, 2017): 32 bits of state, period 2^32; for choices, not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
