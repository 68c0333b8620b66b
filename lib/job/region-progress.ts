/**
 * Whether a checkpoint lies beyond the position at which a region failed last. Pure.
 *
 * Positions are counted in records that the region's sources have read, from the snapshot that the
 * attempt went on from. The next attempt goes on from the newest one, so the failure lies as many records
 * behind that as were read since. What fails at the same record each time takes checkpoints on the way
 * to it, but none beyond.
 */
interface Region {
  /**
   * Records read when the last complete round of this attempt began; null: others have seen that, and no
   * round has been complete since.
   */
  base: number | null
  /** Where it failed, counted from the beginning of the present attempt; null: it has not, or is beyond. */
  failedAt: number | null
}

export class RegionProgress {
  readonly #regions: readonly Region[]
  /** Records read by each region when a round began. */
  readonly #rounds = new Map<number, readonly number[]>()

  /**
   * `failedAt`: of attempts that others have seen fail, by region; as far as they are known. `isAdopted`: the
   * present attempts began under others.
   */
  constructor(
    regions: number,
    failedAt: readonly (number | null)[] = [],
    isAdopted: boolean = false,
  ) {
    this.#regions = Array.from({ length: regions }, (_, id) => ({
      base: isAdopted ? null : 0,
      failedAt: failedAt[id] ?? null,
    }))
  }

  /** Where each region failed last, counted from the beginning of its present attempt; null: it is beyond. */
  get failedAt(): readonly (number | null)[] {
    return this.#regions.map(({ failedAt }) => failedAt)
  }

  /** `read`: records that each region has read in its present attempt. */
  triggered(round: number, read: readonly number[]): void {
    this.#rounds.set(round, read)
  }

  abandoned(round: number): void {
    this.#rounds.delete(round)
  }

  /** Regions that have got beyond their last failure with this round. */
  completed(round: number): readonly number[] {
    const read = this.#rounds.get(round)
    this.#rounds.delete(round)
    if (read === undefined) return []
    const beyond: number[] = []
    for (const [id, region] of this.#regions.entries()) {
      region.base = read[id]!
      if (region.failedAt === null || read[id]! <= region.failedAt) continue
      region.failedAt = null
      beyond.push(id)
    }
    return beyond
  }

  /** The attempt has failed after it had read so many records. */
  failed(id: number, read: number): void {
    const region = this.#regions[id]!
    // Where it is not known how many lie behind the snapshot, the next round with progress lies beyond.
    const since = region.base === null ? 0 : read - region.base
    // What was in the way before still is, where this attempt did not get so far.
    const before = region.failedAt === null ? 0 : region.failedAt - (region.base ?? 0)
    region.failedAt = Math.max(since, before)
    region.base = 0
  }
}
