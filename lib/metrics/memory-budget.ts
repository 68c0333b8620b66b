/**
 * Decides from readings of used memory whether a slot has outgrown its budget. Pure.
 *
 * Used memory includes garbage that V8 has not collected yet, so a high reading alone proves nothing:
 * the verdict `collect` asks for a full collection first, and only what remains is judged. A forced
 * collection costs about as long as marking what lives, so between two of them at least ten times
 * that time passes — unless the whole budget is used up; then at least a fifth of the budget was
 * allocated since the last one, which keeps the cost in proportion to the work done.
 */

/** Share of the budget at which a subtask fails: early enough to beat V8's own limit. */
export const MEMORY_LIMIT_SHARE = 0.8

const QUIET_FACTOR = 10
/** After a failure, others are spared this long: the failed region needs time to let go. */
const GRACE_MS = 1000

export type MemoryVerdict = 'fine' | 'collect' | 'over'

export interface MemoryBudget {
  readonly limitBytes: number
  readonly budgetBytes: number
  /** Judges a reading taken at any time: 'fine' or 'collect'. */
  judge(usedBytes: number, nowMs: number): 'fine' | 'collect'
  /** Judges the reading taken after the collection that `judge` asked for. */
  judgeCollected(usedBytes: number, nowMs: number, tookMs: number): 'fine' | 'over'
}

export function createMemoryBudget(budgetBytes: number): MemoryBudget {
  const limitBytes = Math.floor(budgetBytes * MEMORY_LIMIT_SHARE)
  let quietUntilMs = Number.NEGATIVE_INFINITY
  let wasOver = false
  return {
    limitBytes,
    budgetBytes,
    judge(usedBytes, nowMs) {
      if (usedBytes < limitBytes) return 'fine'
      if (nowMs >= quietUntilMs) return 'collect'
      return usedBytes >= budgetBytes && !wasOver ? 'collect' : 'fine'
    },
    judgeCollected(usedBytes, nowMs, tookMs) {
      wasOver = usedBytes >= limitBytes
      quietUntilMs = nowMs + Math.max(tookMs * QUIET_FACTOR, wasOver ? GRACE_MS : 0)
      return wasOver ? 'over' : 'fine'
    },
  }
}
