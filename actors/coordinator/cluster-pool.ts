/**
 * The slots of one job on the nodes of a cluster, and the sessions that join them.
 *
 * When the data connection between two nodes is lost, every pair of slots on it is joined anew under
 * another session, and a region that opens waits for that. Where the nodes cannot connect, the job leaves one
 * of them: its slots there are given up, and others are placed so that all reach each other.
 */
import { MillraceError } from '../../lib/base/errors.js'
import type { SlotPool } from '../job/slot-table.js'
import type { OtherSlot } from '../node/protocol.js'
import type { Slot } from '../worker/protocol.js'
import { type Place, RemoteSlot } from './remote-slot.js'

export interface ClusterPoolParts {
  readonly size: number
  /** Names the job's present life; refs begin with it. */
  readonly life: string
  readonly stallMs: number | null
  place(slot: RemoteSlot, note: (text: string) => void): Promise<Place>
  /** Where a node listens for data. */
  urlOf(node: string): string
  /** A number that no pair of slots on one node had before. */
  newSession(): number
  /** Two nodes could not connect; `leave` is told which of them is to be left. */
  foundApart(pair: readonly [string, string], leave: (node: string) => void): void
  /** A node could not set up a slot. */
  setUpFailed(node: string, reason: string): void
  /** Slots that exist, or will be no more. */
  onSlot(slot: RemoteSlot): void
  onEnded(slot: RemoteSlot): void
}

interface Pair {
  readonly a: RemoteSlot
  readonly b: RemoteSlot
  joined: Promise<void>
  /** Number of the last try. */
  session: number
}

/** To join two slots may take as long as a peer takes to dial. */
const JOIN_MS = 10_000
/** Slots of nodes that have been joined before, and have lost their connection. */
const JOIN_AGAIN_MS = 3_000
/** Of that, for a slot that is busy: so long before, its node says whether it reaches the other. */
const BUSY_MS = 500

export class ClusterPool implements SlotPool {
  readonly size: number
  readonly #parts: ClusterPoolParts
  #pairs: Pair[] = []
  #generations = 0

  constructor(parts: ClusterPoolParts) {
    this.#parts = parts
    this.size = parts.size
  }

  create(index: number): Slot {
    return this.#open(index, `${this.#parts.life}/${index}/${this.#generations++}`)
  }

  /** Slots of an earlier life, by index, with the links that they have. Their own `adopt` follows. */
  adopt(refs: readonly string[]): readonly RemoteSlot[] {
    const slots = refs.map((ref, index) => this.#open(index, ref))
    for (const a of slots) {
      for (const b of slots.slice(0, a.index)) {
        this.#pairs.push({ a, b, joined: Promise.resolve(), session: 0 })
      }
    }
    return slots
  }

  #open(index: number, ref: string): RemoteSlot {
    const { stallMs, place, setUpFailed, onSlot, onEnded } = this.#parts
    const slot: RemoteSlot = new RemoteSlot({
      index,
      ref,
      stallMs,
      place,
      setUpFailed,
      onEnded: () => {
        this.#pairs = this.#pairs.filter(({ a, b }) => a !== slot && b !== slot)
        onEnded(slot)
      },
    })
    slot.linked = () => this.#linked(slot)
    onSlot(slot)
    return slot
  }

  async connect(a: Slot, b: Slot): Promise<void> {
    const slots = { a: a as RemoteSlot, b: b as RemoteSlot }
    const pair: Pair = { ...slots, joined: Promise.resolve(), session: 0 }
    this.#pairs.push(pair)
    this.#join(pair, JOIN_MS)
    // What cannot be joined now is tried once more when something is to run there: see `#linked`.
    await pair.joined.catch((error: MillraceError) => {
      if (error.retryable !== true) throw error
    })
  }

  /** The data connection between two nodes is gone, with all sessions on it. */
  peerLost(node: string, other: string): void {
    for (const pair of this.#pairs) {
      const nodes = [pair.a.place?.node, pair.b.place?.node]
      if (nodes.includes(node) && nodes.includes(other) && node !== other)
        this.#join(pair, JOIN_AGAIN_MS)
    }
  }

  /** Where joining has failed, it is tried once more: the region that opens is the next attempt. */
  async #linked(slot: RemoteSlot): Promise<void> {
    const pairs = this.#pairs.filter(({ a, b }) => a === slot || b === slot)
    await Promise.all(
      pairs.map((pair) =>
        pair.joined.catch(() => {
          this.#join(pair, JOIN_MS)
          return pair.joined
        }),
      ),
    )
  }

  #join(pair: Pair, deadlineMs: number): void {
    pair.session = this.#parts.newSession()
    pair.joined = this.#joining(pair, deadlineMs)
    pair.joined.catch(() => {})
  }

  async #joining(pair: Pair, deadlineMs: number): Promise<void> {
    const { a, b, session } = pair
    const [first, second] = [a.place, b.place]
    // Its successor will be joined.
    if (first === null || second === null) throw died()
    const toward = (self: Place, other: Place, { ref }: RemoteSlot): OtherSlot => {
      if (self.node === other.node) return { kind: 'here', ref, session }
      const dials = self.node > other.node
      return {
        kind: 'node',
        ref,
        node: other.node,
        url: dials ? this.#parts.urlOf(other.node) : null,
        joining: session,
        withinMs: deadlineMs - BUSY_MS,
      }
    }
    const options = { deadlineMs }
    const join = (slot: RemoteSlot, other: RemoteSlot, self: Place, place: Place) =>
      self.calls.call('connectSlots', [slot.ref, other.index, toward(self, place, other)], options)
    try {
      await Promise.all([join(a, b, first, second), join(b, a, second, first)])
    } catch (error) {
      if (a.place === null || b.place === null) throw died()
      const { code } = error as MillraceError
      // A slot is busy, which says nothing of nodes.
      if (code === 'E_CALL_TIMEOUT') throw error
      const reason = unreachable(first.node, second.node, error)
      const isTheirs = pair.session === session && first.node !== second.node
      if (isTheirs && code === 'E_CONNECT') this.#leaveOne([first.node, second.node], reason)
      throw reason
    }
  }

  #leaveOne(nodes: readonly [string, string], reason: MillraceError): void {
    this.#parts.foundApart(nodes, (node) => {
      const slots = new Set(this.#pairs.flatMap(({ a, b }) => [a, b]))
      for (const slot of slots) if (slot.place?.node === node) void slot.kill(reason.message)
    })
  }
}

const died = (): MillraceError =>
  new MillraceError('E_WORKER_DIED', 'one of two slots is gone, they cannot be joined', {
    retryable: true,
  })

const unreachable = (a: string, b: string, cause: unknown): MillraceError =>
  new MillraceError(
    'E_NODES_APART',
    `nodes ${a} and ${b} cannot reach each other: ${(cause as Error).message}. Check that the --listen address of each can be reached from the other`,
    { cause, retryable: true, details: { node: a, other: b } },
  )
