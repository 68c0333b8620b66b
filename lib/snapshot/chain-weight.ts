/**
 * What a chain of rounds weighs, and what a full round would in its place. A restore reads the whole chain, so this is
 * what it pays for rounds that are small. All of it is known without going through state: what was encoded, and how many
 * entries there are.
 *
 * What a full round would have is estimated, state by state: what came since the last one takes as much as rows of the
 * rounds behind it do, and what is gone took as much as others did. So a state that gets more and more keys is not
 * written anew, and one whose entries are replaced is. Where entries of one state differ widely in size, or lists and maps grow
 * or shrink under keys that stay, the estimate may be wrong without any limit. So what the last full round did have is
 * one too: of a state that does not shrink.
 */

/** Rows of one state, and bytes of their frames. */
export interface Extent {
  readonly bytes: number
  readonly rows: number
}

/** By the name of the state. */
export type Extents = ReadonlyMap<string, Extent>
export type Sizes = ReadonlyMap<string, number>

export interface RoundWeight {
  readonly chunks: number
  readonly extents: Extents
  /** Entries at its beginning. */
  readonly sizes: Sizes
}

export interface ChainWeight {
  readonly chunks: number
  /** The round at the beginning. */
  readonly full: RoundWeight
  /** Of all rounds behind it. */
  readonly deltas: Extents
}

/** Bytes of a chain to which one round more is added at most, in those of a full round as it would be now, … */
const WASTE_MAX = 2
/** … and in those of the full round that it begins with. */
const GROWTH_MAX = 8
/** Chunks of a chain at most, beside twice as many as a full round would have: each is asked for on its own. */
export const CHAIN_MAX = 32
/** A chunk is cut off once it has so many bytes. */
export const CHUNK_BYTES = 512 * 1024

const NOTHING: Extent = { bytes: 0, rows: 0 }

/** `before`: what the round builds on; null: it is full. */
export function weightWith(before: ChainWeight | null, round: RoundWeight): ChainWeight {
  if (before === null) return { chunks: round.chunks, full: round, deltas: new Map() }
  const deltas = new Map(before.deltas)
  for (const [state, { bytes, rows }] of round.extents) {
    const sum = deltas.get(state) ?? NOTHING
    deltas.set(state, { bytes: sum.bytes + bytes, rows: sum.rows + rows })
  }
  return { chunks: before.chunks + round.chunks, full: before.full, deltas }
}

/** True where everything anew is better than one round more. `sizes`: entries that there are now. */
export function isHeavy(chain: ChainWeight, sizes: Sizes): boolean {
  // It begins with a full round that holds something.
  if (chain.chunks === 0) return true
  const full = bytesOf(chain.full.extents)
  const bytes = full + bytesOf(chain.deltas)
  const expected = expectedBytes(chain, sizes)
  if (bytes > WASTE_MAX * expected || bytes > GROWTH_MAX * full) return true
  return chain.chunks >= CHAIN_MAX + 2 * Math.floor(expected / CHUNK_BYTES)
}

/** Of a full round, as it would be now. */
function expectedBytes({ full, deltas }: ChainWeight, sizes: Sizes): number {
  let expected = 0
  for (const [state, size] of sizes) {
    const { bytes } = full.extents.get(state) ?? NOTHING
    const before = full.sizes.get(state) ?? 0
    const since = deltas.get(state) ?? NOTHING
    if (size < before) expected += (bytes * size) / before
    else expected += bytes + shareOf(since, size - before)
  }
  return expected
}

/** So many rows of them, all at most. */
const shareOf = ({ bytes, rows }: Extent, count: number): number =>
  rows === 0 ? 0 : bytes * Math.min(1, count / rows)

function bytesOf(extents: Extents): number {
  let sum = 0
  for (const { bytes } of extents.values()) sum += bytes
  return sum
}
