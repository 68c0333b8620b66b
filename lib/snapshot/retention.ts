/**
 * Which manifests a store no longer needs, and which chunks nobody names any more. Pure.
 *
 * The newest `retained` manifests that can be read are kept, every one that is newer than these, and
 * those that are pinned. A chunk is garbage when no manifest that is kept names it and no round that
 * may still commit has written it.
 */

export interface StoredManifest {
  readonly number: number
  /** Ids of the chunks it names; null where it cannot be read. */
  readonly chunks: readonly string[] | null
}

export interface RetentionFacts {
  /** Ascending. */
  readonly manifests: readonly StoredManifest[]
  /** At least 1. */
  readonly retained: number
  /** Numbers that somebody needs: what a job is being restored from. */
  readonly pinned: ReadonlySet<number>
  /** Chunks that may be garbage, beside those of manifests that go: of abandoned rounds, or all. */
  readonly suspects: Iterable<string>
  /** Chunks of rounds under way and of commits that are not decided. */
  readonly isSpared: (id: string) => boolean
}

export interface RetentionPlan {
  /** In the order in which they are to go; before any chunk. */
  readonly retire: readonly number[]
  readonly garbage: readonly string[]
}

export function planRetention(facts: RetentionFacts): RetentionPlan {
  const { manifests, pinned } = facts
  const first = firstKept(facts)
  const isKept = ({ number }: StoredManifest) => number >= first || pinned.has(number)
  const kept = manifests.filter(isKept)
  const going = manifests.filter((manifest) => !isKept(manifest))
  return { retire: going.map(({ number }) => number), garbage: garbageOf(kept, going, facts) }
}

/** Number of the oldest one that is kept without being pinned. */
function firstKept({ manifests, retained }: RetentionFacts): number {
  const readable = manifests.filter(({ chunks }) => chunks !== null)
  return readable.length <= retained ? 0 : readable.at(-retained)!.number
}

function garbageOf(
  kept: readonly StoredManifest[],
  going: readonly StoredManifest[],
  { suspects, isSpared }: RetentionFacts,
): readonly string[] {
  const candidates = new Set(suspects)
  for (const { chunks } of going) for (const id of chunks ?? []) candidates.add(id)
  return unnamedChunks(kept, candidates).filter((id) => !isSpared(id))
}

/** Those of `ids` that none of the manifests names; none where one of these cannot be read. */
export function unnamedChunks(
  manifests: readonly StoredManifest[],
  ids: Iterable<string>,
): readonly string[] {
  // What one names that cannot be read is unknown: perhaps it can be read again tomorrow.
  if (manifests.some(({ chunks }) => chunks === null)) return []
  const named = new Set(manifests.flatMap(({ chunks }) => chunks!))
  return [...ids].filter((id) => !named.has(id))
}
