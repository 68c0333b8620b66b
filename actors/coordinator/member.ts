/** One membership of a node, as the coordinator keeps it. Protocol and invariants: `node/protocol.ts`. */
import type { Calls } from '../../lib/transport/calls.js'
import type { ControlLink, DataLink } from '../../lib/transport/node-links.js'
import type { ResumableLink } from '../../lib/transport/resumable-link.js'
import type { NodeFacts, NodeMethods } from '../node/protocol.js'

export interface Member {
  readonly name: string
  readonly incarnation: string
  /** Which of that process: its number. */
  readonly number: number
  readonly link: ResumableLink
  readonly calls: Calls<NodeMethods>
  /** The newest of its connections; each may have ended. */
  control: ControlLink
  bulk: DataLink | null
  /** Null until the node has opened it. */
  bulkLink: ResumableLink | null
  /** Null until it has registered. */
  facts: NodeFacts | null
  /** Connections that it has lost. */
  losses: number
  /** Since when one of them is missing; null: none is. */
  apartMs: number | null
}
