/** What the registry of nodes tells, and asks, whoever has it. */
import type { Subject } from 'rxjs'
import type { Clock } from '../../lib/base/clock.js'
import type { BundlePiece, Membership, NodeFacts } from '../node/protocol.js'
import type { ClusterEvent } from './protocol.js'

export interface RegistryOwner {
  readonly clock: Clock
  readonly membership: Membership
  readonly events$: Subject<ClusterEvent>
  bundle(sha256: string, offset: number): Promise<BundlePiece | null>
  joined(node: string, facts: NodeFacts): void
  /** Of the slots that a node has kept, those that may be adopted. */
  wanted(node: string, refs: readonly string[]): readonly string[]
  /** It has registered with these of them. */
  kept(node: string, refs: readonly string[]): void
  /** Its work is not to begin elsewhere for `holdMs`. */
  left(node: string, holdMs: number): void
  /** The data connection between two nodes is gone. */
  peerLost(node: string, other: string): void
  /** Resolves when nothing of value is left there. */
  evacuate(node: string): Promise<void>
}
