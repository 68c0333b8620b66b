/**
 * The logical graph as data: what a pipeline module builds, without the user's functions.
 *
 * It is produced in a planning worker and in every worker that runs a part of the job; both must be
 * equal, which `fingerprint` proves. Node ids count up in the order of composition.
 */
import type { JsonObject } from '../base/json.js'
import type { OperatorTraits } from '../operators/operator.js'
import type { StateVersion } from '../state/upcast.js'

export type NodeRole = 'source' | 'operator' | 'partition' | 'union' | 'sink'

/** A source, operator, partitioner, union or sink of the graph. */
export interface GraphNode {
  readonly id: number
  readonly role: NodeRole
  /** `map`, `lines`, `rebalance` … */
  readonly kind: string
  /** How it is shown: the given name, else a source's or sink's label, else the kind. */
  readonly label: string
  /** Unique. State is found again by it. Given, or the path from the source: `lines(a.txt)/count`. */
  readonly name: string
  /** True where the user gave the name. */
  readonly named: boolean
  readonly traits: OperatorTraits
  readonly parallelism: number | null
  /** False: starts a new chain. */
  readonly chain: boolean
  /** True where it can be compiled into one loop with its neighbours. */
  readonly fusable: boolean
  /** Its output ends by itself: for sources as they say, for others as their inputs. */
  readonly bounded: boolean
  /** For sources: any position can be read again. For sinks: output is replaced on replay. */
  readonly replays: boolean
  /** For sources: may be opened again after a failure, from its beginning or with a loss. */
  readonly restarts: boolean
  /** For sources and sinks: can be kept waiting without loss. */
  readonly pauses: boolean
  /** True where its dead letters have a way out; where false, `'deadLetter'` means `'fail'`. */
  readonly deadLetters: boolean
  /** Version of what it stores for the user, where that is not the first. */
  readonly state?: StateVersion
  /** Its own policy, in words; null: that of the pipeline. */
  readonly onRecordError: string | null
  readonly settings: JsonObject
  /** SHA-256, first 16 hex digits, of the source text of the user's functions. */
  readonly code: string
  /** `file:line:column` of the user's code that made it. */
  readonly at: string
}

export const MAIN = 'main'
export const DEAD_LETTERS = 'dead-letters'

export interface GraphEdge {
  readonly id: number
  readonly from: number
  /** `MAIN`, or the name of a side output; `DEAD_LETTERS` is that of all operators. */
  readonly output: string
  readonly to: number
  /** Number of the consumer's input, where it tells several apart (`traits.inputs`); else 0. */
  readonly input: number
}

export interface GraphOptions {
  /** Number of key groups, and the limit of every parallelism. */
  readonly maxParallelism: number
  /** Default of every operator; null: that of the run. */
  readonly parallelism: number | null
  readonly guarantee: Guarantee
  /** The pipeline's default policy, in words. */
  readonly onRecordError: string
}

/** What the user demands, and what a plan can hold. From weak to strong. */
export type Guarantee = 'best-effort' | 'at-least-once' | 'exactly-once'

/** A checked pipeline as plain data: operators and edges, without any code. */
export interface Graph {
  readonly pipeline: string
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
  readonly options: GraphOptions
}
