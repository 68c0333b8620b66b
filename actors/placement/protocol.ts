/** The messages of the placement actor. All of them travel on the control lane. */
import type { Pair } from '../../lib/placement/apart.js'
import type { NodeOffer, SlotWish } from '../../lib/placement/place.js'

export type PlacementMessage =
  | {
      readonly kind: 'Wanted'
      readonly ref: string
      readonly wish: SlotWish
      /** How long it may wait. */
      readonly waitMs: number
      readonly placed: (node: string) => void
      /** Not in time: `missing` says what was not there. */
      readonly refused: (missing: string) => void
      /** It waits; told again when the reason changes. */
      readonly waits: (missing: string) => void
    }
  | { readonly kind: 'WaitedEnough'; readonly ref: string }
  /** The slot is there already: its node has kept it from an earlier coordinator. */
  | {
      readonly kind: 'Kept'
      readonly ref: string
      readonly node: string
      readonly wish: SlotWish
    }
  /** The slot is no more, or nobody wants it any more. */
  | { readonly kind: 'Released'; readonly ref: string }
  | {
      readonly kind: 'NodeJoined'
      readonly node: string
      readonly slots: number
      readonly labels: Readonly<Record<string, string>>
      readonly cordoned: boolean
    }
  /** What it hosted is released by whoever asked for it. */
  /** Nothing is placed for `holdMs`: it may work for so long. */
  | { readonly kind: 'NodeLeft'; readonly node: string; readonly holdMs: number }
  | { readonly kind: 'Cordoned'; readonly node: string; readonly cordoned: boolean }
  /**
   * Two members could not connect: for a while no job gets slots on both. `leave` is told which of the two the
   * job with this wish is to leave.
   */
  | {
      readonly kind: 'FoundApart'
      readonly pair: Pair
      readonly wish: SlotWish
      readonly leave: (node: string) => void
    }
  /** For a while others come first; `told` how long. Of no member: it says nothing. */
  | {
      readonly kind: 'SetUpFailed'
      readonly node: string
      readonly told: (forMs: number) => void
    }
  /** To itself: what was found of two nodes may be believed no longer. */
  | { readonly kind: 'DoubtEnds' }
  /** To itself: what is wanted has been gathered. */
  | { readonly kind: 'Gathered' }
  /**
   * How many slots a job could have, up to `max`, were it placed anew; what is not there for as many, if anything;
   * and do others wait for some?
   */
  | {
      readonly kind: 'RoomAsked'
      readonly wish: SlotWish
      readonly max: number
      readonly tell: (room: number, lacking: string | null, othersWait: boolean) => void
    }
  | { readonly kind: 'Asked'; readonly tell: (offers: readonly PlacedNode[]) => void }

/** A node and what it hosts. */
export interface PlacedNode extends NodeOffer {
  readonly refs: readonly string[]
}
