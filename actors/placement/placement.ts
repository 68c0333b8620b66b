/**
 * The placement actor: reserves a slot of a node for each that is wanted, in the order in which they
 * are asked for, and lets what finds none wait. Decides: `lib/placement/place.ts`.
 */
import { unreachable } from '../../lib/base/assert.js'
import { type NodeOffer, placeSlot, type SlotWish } from '../../lib/placement/place.js'
import type { ActorContext, Behaviour } from '../kernel/behaviour.js'
import type { PlacedNode, PlacementMessage } from './protocol.js'

type Context = ActorContext<PlacementMessage>
type Wanted = PlacementMessage & { kind: 'Wanted' }

export const createPlacement = (context: Context): Behaviour<PlacementMessage> =>
  new Placement(context)

interface Reservation {
  readonly node: string
  readonly wish: SlotWish
}

class Placement implements Behaviour<PlacementMessage> {
  readonly #context: Context
  readonly #nodes = new Map<string, Omit<NodeOffer, 'taken'>>()
  /** By ref. */
  readonly #reserved = new Map<string, Reservation>()
  /** By ref, first come first served; with what was said last. */
  readonly #waiting = new Map<string, { readonly wanted: Wanted; said: string }>()

  constructor(context: Context) {
    this.#context = context
  }

  receive(message: PlacementMessage): void {
    switch (message.kind) {
      case 'Wanted':
        this.#waiting.set(message.ref, { wanted: message, said: '' })
        this.#context.after(message.waitMs, { kind: 'WaitedEnough', ref: message.ref })
        return this.#placeAll()
      case 'WaitedEnough': {
        const waiting = this.#waiting.get(message.ref)
        if (waiting === undefined) return
        this.#waiting.delete(message.ref)
        return waiting.wanted.refused(waiting.said)
      }
      case 'Released':
        this.#waiting.delete(message.ref)
        if (this.#reserved.delete(message.ref)) this.#placeAll()
        return
      case 'NodeJoined': {
        const { node: id, slots, labels } = message
        this.#nodes.set(id, { id, slots, labels, cordoned: false })
        return this.#placeAll()
      }
      case 'NodeLeft':
        this.#nodes.delete(message.node)
        return this.#placeAll()
      case 'Cordoned': {
        const node = this.#nodes.get(message.node)
        if (node === undefined) return
        this.#nodes.set(message.node, { ...node, cordoned: message.cordoned })
        return this.#placeAll()
      }
      case 'Asked':
        return message.tell(this.#offers())
      default:
        unreachable(message)
    }
  }

  #placeAll(): void {
    for (const [ref, waiting] of this.#waiting) {
      const { wanted, said } = waiting
      const placing = placeSlot(wanted.wish, this.#offers())
      if (placing.kind === 'placed') {
        this.#waiting.delete(ref)
        this.#reserved.set(ref, { node: placing.node, wish: wanted.wish })
        wanted.placed(placing.node)
      } else if (placing.missing !== said) {
        waiting.said = placing.missing
        wanted.waits(placing.missing)
      }
    }
  }

  #offers(): readonly PlacedNode[] {
    const reserved = [...this.#reserved]
    return [...this.#nodes.values()].map((node) => {
      const here = reserved.filter(([, reservation]) => reservation.node === node.id)
      return {
        ...node,
        taken: here.map(([, { wish }]) => wish.job),
        refs: here.map(([ref]) => ref),
      }
    })
  }
}
