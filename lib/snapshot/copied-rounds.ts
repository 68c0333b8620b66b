/**
 * Which chunks of one job a node keeps copies of. Pure.
 *
 * Rounds are told as the node's own slots hear of them, so nothing more is asked of the coordinator:
 * - what is put for a round under way, and what its acknowledgements name, is kept until that is decided;
 * - a complete round supersedes those before it: a restore after a failure begins at the newest one. Of
 *   older ones that the store retains nothing is kept: who goes back to them reads the store;
 * - of a round that is given up nothing is kept that no other round names.
 */
import type { SubtaskAck } from './round.js'

export class CopiedRounds {
  /** Chunks by round: of the newest complete one, and of those under way. */
  readonly #rounds = new Map<number, Set<string>>()
  #completed = 0
  /** Newest round that has been decided. */
  #decided = 0

  /** False: comes too late to be kept. */
  put(round: number, id: string): boolean {
    const ids = this.#of(round)
    ids?.add(id)
    return ids !== null
  }

  /** Chains name chunks of earlier rounds, too. */
  acknowledged({ round, steps, flights }: SubtaskAck): void {
    const ids = this.#of(round)
    if (ids === null) return
    for (const { chunks } of steps) for (const { id } of chunks) ids.add(id)
    for (const { ref } of flights) ids.add(ref.id)
  }

  /** *Caller must* have told all acknowledgements of the round. True where something may be let go. */
  completed(round: number): boolean {
    if (round <= this.#completed) return false
    this.#completed = round
    this.#decided = Math.max(this.#decided, round)
    for (const each of this.#rounds.keys()) if (each < round) this.#rounds.delete(each)
    return true
  }

  /** True where something may be let go. */
  abandoned(round: number): boolean {
    this.#decided = Math.max(this.#decided, round)
    return round !== this.#completed && this.#rounds.delete(round)
  }

  keeps(id: string): boolean {
    for (const ids of this.#rounds.values()) if (ids.has(id)) return true
    return false
  }

  /** Null for what has been decided and let go. */
  #of(round: number): Set<string> | null {
    const known = this.#rounds.get(round)
    if (known !== undefined) return known
    if (round <= this.#decided) return null
    const ids = new Set<string>()
    this.#rounds.set(round, ids)
    return ids
  }
}
