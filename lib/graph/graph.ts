/**
 * The logical graph as data: what a pipeline module builds, without the user's functions.
 *
 * It is produced in a planning worker and in every worker that runs a part of the job; both must be
 * equal, which `fingerprint` proves. Node ids count up in the order of composition.
 */
import type { JsonObject } from '../base/json.js'
import type { OperatorTraits } from '../operators/operator.js'

export type NodeRole = 'source' | 'operator' | 'partition' | 'union' | 'sink'

export interface GraphNode {
  readonly id: number
  readonly role: NodeRole
  /** `map`, `lines`, `rebalance` … */
  readonly kind: string
  readonly name: string
  /** True where the user gave the name. */
  readonly named: boolean
  readonly traits: OperatorTraits
  readonly parallelism: number | null
  /** False: starts a new chain. */
  readonly chain: boolean
  /** True where it can be compiled into one loop with its neighbours. */
  readonly fusable: boolean
  /** For sources: ends by itself. For others: as their inputs. */
  readonly bounded: boolean
  /** For sources: any position can be read again. For sinks: output is replaced on replay. */
  readonly replays: boolean
  /** For sources and sinks: can be kept waiting without loss. */
  readonly pauses: boolean
  readonly deadLetters: boolean
  readonly settings: JsonObject
  /** SHA-256, first 16 hex digits, of the source text of the user's functions. */
  readonly code: string
  /** `file:line:column` of the user's code that made it. */
  readonly at: string
}

export interface GraphEdge {
  readonly id: number
  readonly from: number
  /** `main`, or the name of a side output (`dead-letters`). */
  readonly output: string
  readonly to: number
}

export interface GraphOptions {
  readonly maxParallelism: number
  readonly guarantee: Guarantee
}

/** What the user demands, and what a plan can hold. From weak to strong. */
export type Guarantee = 'best-effort' | 'at-least-once' | 'exactly-once'

export interface Graph {
  readonly pipeline: string
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
  readonly options: GraphOptions
}
