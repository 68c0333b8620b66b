/**
 * The split assigner: which subtask of a source reads which split. A pure decision.
 *
 * Splits are handed out as subtasks ask, so that a fast one reads more: several at once while many are
 * left, one by one towards the end (guided self-scheduling, Polychronopoulos & Kuck 1987). A source whose splits are
 * read side by side (endless ones) gets its fair share at the first request instead, because none of
 * its subtasks would ever ask again.
 */
import type { Split } from './source.js'

export interface Assignment {
  readonly splits: readonly Split[]
  /** True: no more will follow for this subtask. */
  readonly last: boolean
  /** True, once: with these the last split of all has been handed out, whoever may ask next. */
  readonly isLastOfAll: boolean
}

export interface SplitAssigner {
  /** Answers the request of one subtask. Each split is handed out once. */
  next(subtask: number): Assignment
  /** What has not been handed out. */
  readonly remaining: readonly Split[]
}

/** About how often a subtask has to ask until half of the splits are handed out. */
const REQUESTS_EACH = 4

export function createSplitAssigner(
  splits: readonly Split[],
  options: { readonly parallelism: number; readonly concurrent: boolean },
): SplitAssigner {
  if (options.concurrent) {
    const asked = new Set<number>()
    const owner = (index: number) => index % options.parallelism
    return {
      next(subtask) {
        const isFirst = !asked.has(subtask)
        asked.add(subtask)
        const own = isFirst ? splits.filter((_, index) => owner(index) === subtask) : []
        return { splits: own, last: true, isLastOfAll: false }
      },
      get remaining() {
        return splits.filter((_, index) => !asked.has(owner(index)))
      },
    }
  }
  let handedOut = 0
  return {
    next() {
      const left = splits.length - handedOut
      const share = Math.ceil(left / (options.parallelism * REQUESTS_EACH))
      const assigned = splits.slice(handedOut, handedOut + share)
      handedOut += share
      const last = handedOut === splits.length
      return { splits: assigned, last, isLastOfAll: last && left > 0 }
    },
    get remaining() {
      return splits.slice(handedOut)
    },
  }
}
