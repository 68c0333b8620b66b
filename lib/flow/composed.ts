/**
 * A composed pipeline: its graph as data, and beside it what a thread needs to run its nodes.
 */

import type { Sink } from '../connectors/sink.js'
import type { Source } from '../connectors/source.js'
import type { Graph } from '../graph/graph.js'
import type { OperatorDefinition } from '../operators/operator.js'
import type { RecordErrorPolicy } from '../operators/record-error.js'

/** Chooses the receiving subtask, 0 ≤ result < `parallelism`, of one record. */
export type PartitionFunction = (record: never, parallelism: number) => number

/** What a thread needs to run one node of the graph. */
export type NodeRuntime =
  | { readonly role: 'source'; readonly source: Source<unknown> }
  | { readonly role: 'operator'; readonly operator: OperatorDefinition }
  | { readonly role: 'sink'; readonly sink: Sink<never> }
  | { readonly role: 'partition'; readonly partition: PartitionFunction | null }
  | { readonly role: 'union' }

/** What a build function has made: the graph as data, and what runs it. */
export interface Composed {
  readonly graph: Graph
  readonly fingerprint: string
  /** By node id. */
  readonly runtime: ReadonlyMap<number, NodeRuntime>
  /** The pipeline's default policy; operators may have their own. */
  readonly onRecordError: RecordErrorPolicy
}
