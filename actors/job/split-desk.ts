/**
 * Hands out the splits of a job's sources: asks for a listing at the first request of an attempt, and
 * lets requests wait for it. An attempt that goes on from a snapshot has its listing from there, before
 * anyone asks: a round that begins first must find in it what nobody has.
 */

import type { Split } from '../../lib/connectors/source.js'
import { createSplitAssigner, type SplitAssigner } from '../../lib/connectors/split-assigner.js'
import type { Plan } from '../../lib/graph/plan.js'
import type { UnassignedSplits } from '../../lib/snapshot/manifest.js'
import type { SplitListing, SubtaskId } from '../worker/protocol.js'

export interface SplitDeskOwner {
  /** Lists the splits, in the slot of the subtask that asked first; `listed` brings the answer. */
  enumerate(subtask: SubtaskId, attempt: number): void
  assign(subtask: SubtaskId, attempt: number, splits: readonly Split[], last: boolean): void
}

/** Splits of one source chain at one attempt: requests wait here until they are listed. */
interface SourceSplits {
  readonly attempt: number
  assigner: SplitAssigner | null
  concurrent: boolean
  readonly waiting: SubtaskId[]
}

export class SplitDesk {
  readonly #plan: Plan
  readonly #owner: SplitDeskOwner
  readonly #chains = new Map<number, SourceSplits>()

  constructor(plan: Plan, owner: SplitDeskOwner) {
    this.#plan = plan
    this.#owner = owner
  }

  /** An attempt begins: what was handed out in the one before says nothing of what is handed out in this one. */
  begins(chains: readonly number[], attempt: number): void {
    for (const chain of chains) {
      const source = this.#chains.get(chain)
      if (source !== undefined && source.attempt < attempt) this.#chains.delete(chain)
    }
  }

  /** A source chain begins an attempt with what a snapshot says was not handed out. */
  restore(chain: number, attempt: number, { concurrent, splits }: UnassignedSplits): void {
    const listed = splits.map(({ id, data }) => ({ id, data }))
    this.goOn(chain, attempt, { splits: listed, concurrent })
  }

  /** A source chain goes on in an attempt with these, which no subtask has been given. */
  goOn(chain: number, attempt: number, listing: SplitListing): void {
    if (this.#chains.get(chain)?.attempt === attempt) return
    this.#begin(chain, attempt)
    this.listed(chain, attempt, listing)
  }

  requested(subtask: SubtaskId, attempt: number): void {
    const { chain } = subtask
    const found = this.#chains.get(chain)
    if (found !== undefined && found.attempt > attempt) return
    const isFirst = found === undefined || found.attempt < attempt
    const splits = isFirst ? this.#begin(chain, attempt) : found
    if (isFirst) this.#owner.enumerate(subtask, attempt)
    if (splits.assigner === null) splits.waiting.push(subtask)
    else this.#assign(subtask, attempt, splits.assigner)
  }

  listed(chain: number, attempt: number, { splits, concurrent }: SplitListing): void {
    const source = this.#chains.get(chain)
    if (source?.attempt !== attempt) return
    const { parallelism } = this.#plan.chains[chain]!
    source.concurrent = concurrent
    source.assigner = createSplitAssigner(splits, { parallelism, concurrent })
    for (const subtask of source.waiting.splice(0)) this.#assign(subtask, attempt, source.assigner)
  }

  /** What has been listed and not handed out, by chain. */
  get unassigned(): ReadonlyMap<number, UnassignedSplits> {
    const unassigned = new Map<number, UnassignedSplits>()
    for (const [chain, { assigner, concurrent }] of this.#chains) {
      if (assigner === null) continue
      const splits = assigner.remaining.map(({ id, data }) => ({ id, data, position: null }))
      unassigned.set(chain, { concurrent, splits })
    }
    return unassigned
  }

  #begin(chain: number, attempt: number): SourceSplits {
    const splits = { attempt, assigner: null, concurrent: false, waiting: [] }
    this.#chains.set(chain, splits)
    return splits
  }

  #assign(subtask: SubtaskId, attempt: number, assigner: SplitAssigner): void {
    const { splits, last, isLastOfAll } = assigner.next(subtask.index)
    this.#owner.assign(subtask, attempt, splits, last)
    if (isLastOfAll) this.#tellOthersLast(subtask, attempt)
  }

  /** Those that have not asked know at once, too: event time need not wait for what they might get. */
  #tellOthersLast({ chain, index }: SubtaskId, attempt: number): void {
    const { parallelism } = this.#plan.chains[chain]!
    for (let other = 0; other < parallelism; other++) {
      if (other !== index) this.#owner.assign({ chain, index: other }, attempt, [], true)
    }
  }
}
