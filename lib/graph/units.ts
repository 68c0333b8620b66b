/**
 * The unit graph: the step between the logical graph and the plan. A unit is one operator, source
 * or sink, or one half of an operator that is divided by the exchange. Unions and partitioners have
 * dissolved into links, and each link carries its partitioner.
 */
import type { GraphNode } from './graph.js'
import type { ChainStep, Partitioner } from './plan.js'

export interface Unit {
  readonly id: number
  readonly node: GraphNode
  readonly half: ChainStep['half']
  readonly parallelism: number
  /** True where it takes keyed batches. */
  readonly keyed: boolean
  /** True where the user has asked for a new chain here. */
  readonly startsChain: boolean
}

export interface UnitLink {
  readonly from: number
  readonly output: string
  readonly to: number
  /** Number of the consumer's input; 0 where it has but one. */
  readonly input: number
  /** False where it has no event time beside inputs that have: it holds no watermark back. */
  readonly holdsTime: boolean
  readonly partitioner: Partitioner
  /** True where the key's scope ends on the link: only an inlet can take the keys off the batches. */
  readonly dropsKey: boolean
}

/** The key of a stream while its scope lasts. */
export interface Key {
  /** The `keyBy` node that has set it. */
  readonly by: number
  /** True once all records of a key are in the same subtask. */
  readonly exchanged: boolean
}

/** A place where records of a stream come out, and what a consumer must know to join on. */
export interface Tap {
  readonly unit: number
  readonly output: string
  /** Partitioner that the user has put here; null: the planner chooses. */
  readonly partitioner: Partitioner | null
  /** Null outside the scope of a key. */
  readonly key: Key | null
  /** True where batches carry keys here, also when their scope has ended since. */
  readonly keyed: boolean
}

/** A tap, and the input of the consumer that it leads to. */
export interface Feed extends Tap {
  readonly input: number
}

/** What a consumer needs: records of a key together, the whole stream in one place, or neither. */
export type Need = 'key' | 'all' | 'none'

/**
 * The partitioner of one link.
 *
 * - The user's own, where there is one.
 * - By key, where the consumer needs it and the records of a key are not together yet. Inside the
 *   scope of a key every change of parallelism goes by key, too: so the order per key holds.
 * - Forward between equal parallelism; else global to a single subtask; else rebalance. Rescale is
 *   cheaper but keeps the skew of the senders: only the user asks for it.
 * - Between two single subtasks there is nothing to part: forward.
 */
export function partitionerOf(tap: Tap, from: Unit, to: Unit, need: Need): Partitioner {
  if (from.parallelism === 1 && to.parallelism === 1) return { kind: 'forward' }
  if (tap.partitioner !== null) return tap.partitioner
  const equal = from.parallelism === to.parallelism
  if (to.keyed && tap.key !== null) {
    const together = tap.key.exchanged && equal
    if (!together && (need === 'key' || !equal)) return byKey(tap.key, from)
  }
  if (equal) return { kind: 'forward' }
  return { kind: to.parallelism === 1 ? 'global' : 'rebalance' }
}

/**
 * `keyBy` directly before the exchange has not changed the record: the receiver calls the selector
 * again, which is cheaper than to ship the key beside the record.
 */
function byKey(key: Key, from: Unit): Partitioner {
  const derived = from.node.id === key.by && from.half === 'whole'
  return { kind: 'hash', key: derived ? 'derived' : 'shipped', by: key.by }
}
