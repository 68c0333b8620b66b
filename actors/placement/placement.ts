/**
 * The placement actor: reserves slots of nodes for those that are wanted, and lets what finds none wait.
 * Decides: `lib/placement/place-jobs.ts`. What is wanted at about the same time is looked at together, for
 * the slots of a job are asked for one by one.
 */
import { unreachable } from '../../lib/base/assert.js'
import type { Cancel } from '../../lib/base/clock.js'
import { type Pair, PairsApart } from '../../lib/placement/apart.js'
import { Doubts } from '../../lib/placement/doubts.js'
import { nodeToLeave } from '../../lib/placement/leave.js'
import type { NodeOffer, SlotWish } from '../../lib/placement/place.js'
import { placeJobs } from '../../lib/placement/place-jobs.js'
import { lackingFor, roomFor } from '../../lib/placement/room.js'
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

interface WaitingSlot {
  readonly wanted: Wanted
  readonly stopWaiting: Cancel
  /** What was said last of what is missing. */
  said: string
}

/** For so long wishes are gathered before any of them is looked at. */
const GATHER_MS = 10

class Placement implements Behaviour<PlacementMessage> {
  readonly #context: Context
  readonly #nodes = new Map<string, Omit<NodeOffer, 'taken'>>()
  /** By ref. */
  readonly #reserved = new Map<string, Reservation>()
  /** By ref, in the order in which they were asked for. */
  readonly #waiting = new Map<string, WaitingSlot>()
  readonly #apart = new PairsApart()
  /** Nodes that could not set up a slot. */
  readonly #inDoubt = new Doubts<string>()
  /** Jobs of slots on nodes that were left, by ref, until their successors are asked for. */
  readonly #givenUp = new Map<string, string>()
  #isGathering = false
  /** Nothing is placed until then. */
  #heldMs = 0

  constructor(context: Context) {
    this.#context = context
  }

  receive(message: PlacementMessage): void {
    switch (message.kind) {
      case 'Wanted':
        this.#reserved.delete(message.ref)
        this.#succeed(message.wish.job)
        this.#waiting.get(message.ref)?.stopWaiting()
        this.#waiting.set(message.ref, {
          wanted: message,
          stopWaiting: this.#context.after(message.waitMs, {
            kind: 'WaitedEnough',
            ref: message.ref,
          }),
          said: '',
        })
        return this.#placeSoon()
      case 'WaitedEnough': {
        const waiting = this.#take(message.ref)
        return waiting?.wanted.refused(waiting.said)
      }
      case 'Kept': {
        const { ref, node, wish } = message
        this.#reserved.set(ref, { node, wish })
        return
      }
      case 'Released':
        this.#take(message.ref)
        this.#reserved.delete(message.ref)
        return this.#placeSoon()
      case 'NodeJoined': {
        const { node: id, slots, labels, cordoned } = message
        this.#nodes.set(id, { id, slots, labels, cordoned })
        this.#apart.renewed(id)
        this.#inDoubt.renewed((each) => each === id)
        return this.#placeSoon()
      }
      case 'NodeLeft':
        this.#nodes.delete(message.node)
        this.#heldMs = Math.max(this.#heldMs, this.#context.clock.now() + message.holdMs)
        return this.#placeSoon()
      case 'Cordoned': {
        const node = this.#nodes.get(message.node)
        if (node === undefined) return
        this.#nodes.set(message.node, { ...node, cordoned: message.cordoned })
        return this.#placeSoon()
      }
      case 'FoundApart': {
        const { pair, wish, leave } = message
        const forMs = this.#apart.failed(...pair, this.#context.clock.now())
        this.#context.after(forMs, { kind: 'DoubtEnds' })
        return leave(this.#leave(wish, pair))
      }
      case 'SetUpFailed': {
        const { node, told } = message
        if (!this.#nodes.has(node)) return
        return told(this.#inDoubt.failed(node, node, this.#context.clock.now()))
      }
      case 'DoubtEnds':
        this.#givenUp.clear()
        return this.#placeSoon()
      case 'Gathered':
        this.#isGathering = false
        return this.#isHeld ? this.#placeSoon() : this.#placeAll()
      case 'RoomAsked': {
        const { wish, max, tell } = message
        const others = [...this.#waiting.values()].some(
          ({ wanted }) => wanted.wish.job !== wish.job,
        )
        const where = [wish, max, this.#offers(), this.#pairsApart()] as const
        return tell(roomFor(...where), lackingFor(...where), others)
      }
      case 'Asked':
        return message.tell(this.#offers())
      default:
        unreachable(message)
    }
  }

  #placeSoon(): void {
    if (this.#isGathering || this.#waiting.size === 0) return
    this.#isGathering = true
    const heldMs = this.#heldMs - this.#context.clock.now()
    this.#context.after(Math.max(GATHER_MS, heldMs), { kind: 'Gathered' })
  }

  get #isHeld(): boolean {
    return this.#context.clock.now() < this.#heldMs
  }

  #placeAll(): void {
    const wishes = [...this.#waiting].map(([ref, { wanted }]) => ({ ref, wish: wanted.wish }))
    const { placed, missing } = placeJobs(wishes, this.#offers(), this.#pairsApart())
    for (const [ref, node] of placed) {
      const { wanted } = this.#take(ref)!
      this.#reserved.set(ref, { node, wish: wanted.wish })
      wanted.placed(node)
    }
    for (const [ref, lacks] of missing) {
      const waiting = this.#waiting.get(ref)
      if (waiting === undefined || waiting.said === lacks) continue
      waiting.said = lacks
      waiting.wanted.waits(lacks)
    }
  }

  #leave(wish: SlotWish, pair: Pair): string {
    const waiting = [...this.#waiting.values()].filter(({ wanted }) => wanted.wish.job === wish.job)
    const lost = waiting.length + this.#withoutSuccessor(wish.job).length
    const node = nodeToLeave(wish, pair, this.#offers(), this.#pairsApart(), lost)
    for (const [ref, reserved] of this.#reserved) {
      const isLeft = reserved.node === node && reserved.wish.job === wish.job
      if (isLeft) this.#givenUp.set(ref, wish.job)
    }
    return node
  }

  #succeed(job: string): void {
    const [ref] = this.#withoutSuccessor(job)
    if (ref !== undefined) this.#givenUp.delete(ref)
  }

  /** Refs of slots that were given up and have gone, while nobody has asked for others yet. */
  #withoutSuccessor(job: string): readonly string[] {
    const isGone = ([ref, of]: readonly [string, string]) => of === job && !this.#reserved.has(ref)
    return [...this.#givenUp].filter(isGone).map(([ref]) => ref)
  }

  /** It waits no more. */
  #take(ref: string): WaitingSlot | null {
    const waiting = this.#waiting.get(ref)
    if (waiting === undefined) return null
    this.#waiting.delete(ref)
    waiting.stopWaiting()
    return waiting
  }

  #pairsApart(): readonly Pair[] {
    return this.#apart.pairs(this.#context.clock.now())
  }

  #offers(): readonly PlacedNode[] {
    const reserved = [...this.#reserved]
    const inDoubt = this.#inDoubt.present(this.#context.clock.now())
    return [...this.#nodes.values()].map((node) => {
      const here = reserved.filter(([, reservation]) => reservation.node === node.id)
      return {
        ...node,
        isInDoubt: inDoubt.includes(node.id),
        taken: here.map(([, { wish }]) => wish.job),
        refs: here.map(([ref]) => ref),
      }
    })
  }
}
