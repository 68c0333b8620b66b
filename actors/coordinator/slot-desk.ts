/** What the coordinator asks of the placement actor. */
import { MillraceError } from '../../lib/base/errors.js'
import type { Pair } from '../../lib/placement/apart.js'
import type { SlotWish } from '../../lib/placement/place.js'
import type { Calls } from '../../lib/transport/calls.js'
import type { ActorRef } from '../kernel/ref.js'
import type { NodeMethods } from '../node/protocol.js'
import type { PlacedNode, PlacementMessage } from '../placement/protocol.js'
import type { Room } from './reactive-desk.js'
import type { Place } from './remote-slot.js'

export interface SlotDeskOwner {
  /** Null where it is no member. */
  callsOf(node: string): Calls<NodeMethods> | null
  /** Resolves when something may be placed. */
  settled(): Promise<void>
}

export class SlotDesk {
  readonly #placement: ActorRef<PlacementMessage>
  readonly #owner: SlotDeskOwner
  /** Refs of slots that are there, or are to be. */
  readonly #wanted = new Set<string>()

  constructor(placement: ActorRef<PlacementMessage>, owner: SlotDeskOwner) {
    this.#placement = placement
    this.#owner = owner
  }

  /**
   * Rejects with E_NO_SLOT where none is found in time; `waits` is told what is missing. What is released
   * meanwhile gets no answer.
   */
  place(
    ref: string,
    wish: SlotWish,
    waitMs: number,
    waits: (missing: string) => void,
  ): Promise<Place> {
    this.#wanted.add(ref)
    return new Promise((resolve, reject) => {
      const placed = (node: string) => {
        const calls = this.#owner.callsOf(node)
        // It left in the same turn: the wish is put again.
        if (calls === null) ask()
        else resolve({ node, calls })
      }
      const refused = (missing: string) => reject(noSlot(wish.job, waitMs, missing))
      const ask = () => {
        // Released while nothing could be placed: a wish behind that would keep its place for ever.
        if (!this.#wanted.has(ref)) return
        this.#placement.control({ kind: 'Wanted', ref, wish, waitMs, placed, refused, waits })
      }
      void this.#owner.settled().then(ask)
    })
  }

  /** Of what is there already. */
  kept(ref: string, node: string, wish: SlotWish): void {
    this.#placement.control({ kind: 'Kept', ref, node, wish })
  }

  released(ref: string): void {
    this.#wanted.delete(ref)
    this.#placement.control({ kind: 'Released', ref })
  }

  /** Were it placed anew. */
  roomFor(wish: SlotWish, max: number): Promise<Room> {
    return new Promise((resolve) => {
      const tell = (slots: number, lacking: string | null, othersWait: boolean) =>
        resolve({ slots, lacking, othersWait })
      this.#placement.control({ kind: 'RoomAsked', wish, max, tell })
    })
  }

  /** What is not there for as many slots, for people; null: there is room. */
  async lackingFor(wish: SlotWish, slots: number): Promise<string | null> {
    return (await this.roomFor(wish, slots)).lacking
  }

  foundApart(pair: Pair, wish: SlotWish, leave: (node: string) => void): void {
    this.#placement.control({ kind: 'FoundApart', pair, wish, leave })
  }

  /** `told`: for how long others come first. */
  setUpFailed(node: string, told: (forMs: number) => void): void {
    this.#placement.control({ kind: 'SetUpFailed', node, told })
  }

  cordoned(node: string, cordoned: boolean): void {
    this.#placement.control({ kind: 'Cordoned', node, cordoned })
  }

  /** As placement sees them, by name. */
  async nodes(): Promise<ReadonlyMap<string, PlacedNode>> {
    const placed = await new Promise<readonly PlacedNode[]>((tell) =>
      this.#placement.control({ kind: 'Asked', tell }),
    )
    return new Map(placed.map((node) => [node.id, node]))
  }
}

const noSlot = (job: string, waitMs: number, missing: string): MillraceError =>
  new MillraceError(
    'E_NO_SLOT',
    `job ${job} has waited ${waitMs / 1000} s for a slot: ${missing}`,
    { details: { job } },
  )
