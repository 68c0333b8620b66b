/**
 * Whether a checkpoint lies beyond the position at which a region failed last. Pure.
 *
 * Positions are counted in records that the region's sources have read, over all attempts that are known of:
 * an attempt begins at the position of the newest complete round. What fails at the same record each time
 * takes checkpoints on the way to it, but none beyond.
 */

/** What somebody else has seen of a region, counted from the beginning of the attempt that was the present one. */
export interface KeptProgress {
  /** Where it failed; null: it has not, or is beyond. */
  readonly failedAt: number | null
  /** Where the newest complete round lies, as far as that was known. */
  readonly savedAt: number
}

interface Region {
  /** Where the present attempt began; null: none reads. */
  beganAt: number | null
  /** Of the newest complete round. */
  savedAt: number
  /** False: the attempt began under others, and no round has been complete since: there may be newer ones. */
  isSavedKnown: boolean
  /** Null: it has not failed, or is beyond. */
  failedAt: number | null
}

export class RegionProgress {
  readonly #regions: readonly Region[]
  /** Where each region was when a round began. */
  readonly #rounds = new Map<number, readonly number[]>()

  /**
   * `kept`: by region, as far as it is known. `isAdopted`: the present attempts are those that others have seen
   * begin; else each begins anew, at the newest complete round.
   */
  constructor(regions: number, kept: readonly KeptProgress[] = [], isAdopted: boolean = false) {
    this.#regions = Array.from({ length: regions }, (_, id) => {
      const { failedAt, savedAt } = kept[id] ?? { failedAt: null, savedAt: 0 }
      const beganAt = isAdopted ? 0 : savedAt
      return { beganAt, savedAt, isSavedKnown: !isAdopted, failedAt }
    })
  }

  /** For whoever goes on with it. */
  get kept(): readonly KeptProgress[] {
    return this.#regions.map(({ beganAt, savedAt, failedAt }) => {
      const since = beganAt ?? savedAt
      return {
        failedAt: failedAt === null ? null : failedAt - since,
        savedAt: savedAt - since,
      }
    })
  }

  /** A region has failed, and is not beyond that. */
  get hasFailed(): boolean {
    return this.#regions.some(({ failedAt }) => failedAt !== null)
  }

  /** All regions run. `read`: records that each has read in its present attempt. */
  triggered(round: number, read: readonly number[]): void {
    const at = this.#regions.map((region, id) => began(region) + read[id]!)
    this.#rounds.set(round, at)
  }

  abandoned(round: number): void {
    this.#rounds.delete(round)
  }

  /** Regions that have got beyond their last failure with this round. It may have begun before that. */
  completed(round: number): readonly number[] {
    const at = this.#rounds.get(round)
    this.#rounds.delete(round)
    if (at === undefined) return []
    const beyond: number[] = []
    for (const [id, region] of this.#regions.entries()) {
      region.savedAt = at[id]!
      region.isSavedKnown = true
      if (region.failedAt === null || region.savedAt <= region.failedAt) continue
      region.failedAt = null
      beyond.push(id)
    }
    return beyond
  }

  /** The attempt has failed after it had read so many records; 0 where it did not run. */
  failed(id: number, read: number): void {
    const region = this.#regions[id]!
    // Where newer rounds may be complete the next attempt begins nobody knows where: any progress lies beyond.
    if (!region.isSavedKnown) this.#rounds.clear()
    const at = region.isSavedKnown ? began(region) + read : region.savedAt
    region.failedAt = Math.max(at, region.failedAt ?? 0)
    region.beganAt = null
    region.isSavedKnown = true
  }
}

/** Where the attempt that reads now began: one that begins does so where the newest complete round lies. */
function began(region: Region): number {
  region.beganAt ??= region.savedAt
  return region.beganAt
}
