/**
 * The plan as data: chains with parallelism, the edges between them, and the failover regions.
 *
 * A chain is linear: it begins at a source or at an inlet, runs operators of equal parallelism
 * joined by forward edges, and ends in a sink or an outlet. A stream with several consumers ends its
 * chain. Subtask i of every chain runs in slot i mod slots.
 */
import type { Guarantee } from './graph.js'

/**
 * `before`: the half that runs on the sending side of the exchange. An operator with `traits.before`
 * always has both halves, in one chain where nothing is exchanged, and no other operator has any.
 */
export interface ChainStep {
  readonly node: number
  readonly half: 'whole' | 'before' | 'behind'
}

export interface Chain {
  readonly id: number
  /** Names of its operators, joined by ` → `. */
  readonly name: string
  readonly steps: readonly ChainStep[]
  readonly parallelism: number
  /**
   * True where batches carry keys when they leave the inlet: channels into it ship them. False: keys
   * that come with batches are taken off; their scope has ended.
   */
  readonly keyed: boolean
  /** Edges that feed it, and edges it feeds. */
  readonly inputs: readonly number[]
  readonly outputs: readonly number[]
}

export type Partitioner =
  | { readonly kind: 'forward' }
  /** By key group; `key: 'derived'`: the receiver calls the selector of node `by` again. */
  | { readonly kind: 'hash'; readonly key: 'shipped' | 'derived'; readonly by: number }
  | { readonly kind: 'rebalance' | 'rescale' | 'shuffle' | 'broadcast' | 'global' }
  /** The function lives in node `by`. */
  | { readonly kind: 'custom'; readonly by: number }

export interface PlanEdge {
  readonly id: number
  readonly from: number
  /** `MAIN`; `DEAD_LETTERS` of the whole chain; or the name of a side output of its last operator. */
  readonly output: string
  readonly to: number
  /** Number of the input of the consumer's first operator, where that has several; else 0. */
  readonly input: number
  /** False where it has no event time beside inputs that have: it holds no watermark back. */
  readonly holdsTime: boolean
  readonly partitioner: Partitioner
}

export interface Region {
  readonly id: number
  readonly chains: readonly number[]
  /** True when every source in it replays, so that it can start again from the beginning. */
  readonly replays: boolean
  /**
   * True when it may start again after a failure: every source replays, or is one of which the user
   * accepts the loss (`onRestart: 'resubscribe'`, or `guarantee: 'best-effort'` for all).
   */
  readonly restarts: boolean
  /** Names of the sources because of which it may not. */
  readonly unrepeatable: readonly string[]
}

export interface Plan {
  readonly pipeline: string
  readonly fingerprint: string
  readonly maxParallelism: number
  readonly chains: readonly Chain[]
  readonly edges: readonly PlanEdge[]
  readonly regions: readonly Region[]
  /** What the user demanded, and the weakest guarantee found on the way, with its reason. */
  readonly demanded: Guarantee
  readonly guarantee: Guarantee
  readonly weakest: string | null
  readonly warnings: readonly string[]
}
