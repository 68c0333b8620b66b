/**
 * What composing leaves behind, before it is a graph: nodes in the order of composition, with names
 * not yet derived and dead letters not yet connected. A draft's id is its place in the list.
 */
import type { JsonObject } from '../base/json.js'
import type { OperatorTraits } from '../operators/operator.js'
import type { StateVersion } from '../state/upcast.js'
import type { NodeRole } from './graph.js'

/** May a record error become a dead letter? `perhaps`: a function decides. */
export type DeadLetterUse = 'never' | 'perhaps' | 'always'

export interface NodeDraft {
  readonly role: NodeRole
  readonly kind: string
  /** A source's or sink's label; for others the kind. */
  readonly label: string
  /** The name that the user gave. */
  readonly givenName: string | null
  readonly traits: OperatorTraits
  readonly parallelism: number | null
  readonly chain: boolean
  readonly fusable: boolean
  /** Null: as its inputs. */
  readonly bounded: boolean | null
  readonly replays: boolean
  readonly restarts: boolean
  readonly pauses: boolean
  readonly deadLetterUse: DeadLetterUse
  /** Its own policy, in words; null: that of the pipeline. */
  readonly onRecordError: string | null
  /** Version of what it stores for the user, where it says one. */
  readonly state?: StateVersion
  readonly settings: JsonObject
  readonly code: string
  readonly at: string
  /** Ids of the nodes that it reads, in order. */
  readonly inputs: readonly number[]
  /** Which output of each: `MAIN` or a side output's name. Default: main ones. */
  readonly outputs?: readonly string[]
}

/** Traits of what is no operator: it keeps records as they are. */
export const plainTraits: OperatorTraits = {
  key: 'optional',
  keyAfter: 'kept',
  stateful: false,
  speaksAtEnd: false,
  orderSensitive: false,
  before: null,
  replays: true,
}

/** Those of a sink that are not plain. */
export const sinkTraits = (idempotent: boolean, marks: boolean): OperatorTraits => ({
  ...plainTraits,
  ...(idempotent && { idempotent }),
  ...(marks && { marks }),
})
