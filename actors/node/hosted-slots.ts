/**
 * The slots of a node, and the data connections that join them with those of others. They outlive the
 * memberships that they were started in: see "Adoption" in `protocol.ts`.
 *
 * A slot *runs* while its membership has its lease, and, where it was adopted, once the coordinator has said
 * so. It *speaks* for one membership: what it says while there is none is noted in its ledger, results wait, and
 * chunks of snapshots are refused, which spoils their round.
 */
import type { Clock } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import type { SlotHolding } from '../../lib/job/adoption.js'
import type { Calls } from '../../lib/transport/calls.js'
import type { ControlLink, DataLink } from '../../lib/transport/node-links.js'
import type { BundleFiles } from './bundles.js'
import { HostedSlot, type SlotVoice } from './hosted-slot.js'
import type { NodeCopies } from './node-copies.js'
import type { NodeEvent } from './node-event.js'
import type { NodeParts } from './node-parts.js'
import { PeerLinks } from './peer-links.js'
import type {
  BulkMethods,
  CoordinatorMethods,
  Forwarded,
  OtherSlot,
  RemoteSetup,
} from './protocol.js'
import { resultsTo } from './send-results.js'
import { type SlotGround, ThreadGround } from './slot-ground.js'
import { SlotLedger } from './slot-ledger.js'
import { keepingStateIn } from './slot-state.js'

/** Whom slots speak to: one membership. */
export interface Office {
  readonly control: Calls<CoordinatorMethods>
  readonly bulk: Calls<BulkMethods>
  /** Its lease has run out. */
  readonly isPaused: boolean
}

export interface HostedSlotsParts {
  readonly parts: NodeParts
  readonly clock: Clock
  readonly bundles: BundleFiles
  readonly copies: NodeCopies
  tell(event: NodeEvent): void
  /** The data connection with a peer is gone. */
  peerLost(node: string, reason: string): void
}

interface Hosted {
  readonly ref: string
  readonly slot: HostedSlot
  readonly ledger: SlotLedger
  /** Null: it is kept, and speaks to nobody. */
  office: Office | null
  /** It has not been told to go on since it was kept. */
  isKept: boolean
  /** How it publishes, for one office. */
  sending: { readonly office: Office; readonly send: SlotVoice['results'] } | null
  /** Told when it may go on speaking, or is no more. */
  waiting: (() => void)[]
}

export class HostedSlots {
  readonly peers: PeerLinks
  readonly #parts: HostedSlotsParts
  readonly #ground: SlotGround
  /** By ref. */
  readonly #slots = new Map<string, Hosted>()
  #isLeaving = false

  constructor(parts: HostedSlotsParts) {
    this.#parts = parts
    const { network, ports, random, ground } = parts.parts
    this.#ground = ground ?? new ThreadGround()
    const onLost = (node: string, reason: string) => {
      for (const { ledger } of this.#slots.values()) ledger.peerLost(node)
      parts.tell({ kind: 'PeerLost', node, reason })
      parts.peerLost(node, reason)
    }
    this.peers = new PeerLinks(network, parts.clock, onLost, ports, random)
  }

  get refs(): readonly string[] {
    return [...this.#slots.keys()]
  }

  /** A peer has dialled. */
  accept(link: DataLink): void {
    this.peers.accept(link)
  }

  acceptWords(link: ControlLink): void {
    this.peers.acceptWords(link)
  }

  // ---- for a membership -----------------------------------------------------------------------

  async start(office: Office, ref: string, ordered: RemoteSetup): Promise<void> {
    const { parts, bundles, copies, tell } = this.#parts
    const setup = keepingStateIn(parts.stateDirectory ?? null, ordered)
    if (this.#slots.has(ref)) throw stale(ref, 'is there already')
    if (this.#slots.size >= parts.slots) throw noRoom(parts.slots)
    const slot = new HostedSlot(
      setup,
      this.#voiceOf(() => hosted),
      copies.slot(setup.job, ref),
      this.#ground,
    )
    const ledger = new SlotLedger(setup.plan)
    const hosted: Hosted = {
      ref,
      slot,
      ledger,
      office,
      isKept: false,
      sending: null,
      waiting: [],
    }
    this.#slots.set(ref, hosted)
    this.expectMore()
    if (office.isPaused) pause(hosted)
    tell({ kind: 'SlotStarted', ref })
    try {
      const file = await bundles.fetch(setup.bundle, (sha256, offset) =>
        office.bulk.call('bundle', [sha256, offset]),
      )
      // The membership may have ended meanwhile, or the job has thought better of it.
      if (this.#slots.get(ref) !== hosted || hosted.office !== office) {
        throw stale(ref, 'was ended before it began')
      }
      await slot.setUp(setup, file)
    } catch (error) {
      await this.kill(ref, 'it could not be set up')
      throw error
    }
  }

  async command(
    office: Office,
    ref: string,
    method: Forwarded,
    args: readonly unknown[],
  ): Promise<unknown> {
    const { slot, ledger } = this.#slotOf(office, ref)
    const note = ledger.command(method, args)
    try {
      const result = await slot.command(method, args)
      note({ ok: true, result })
      return result
    } catch (error) {
      note({ ok: false })
      throw error
    }
  }

  async connect(office: Office, ref: string, index: number, other: OtherSlot): Promise<void> {
    const { slot, ledger } = this.#slotOf(office, ref)
    const joined = ledger.joining(index, other.kind === 'node' ? other.node : null)
    const { port, session } =
      other.kind === 'here'
        ? this.peers.pair(ref, index, other.ref, other.session)
        : await this.peers.join({ at: ref, index, to: other.ref, ...peerOf(other) })
    await slot.connect(index, port, session)
    joined()
  }

  async close(office: Office, ref: string): Promise<void> {
    const { slot } = this.#slotOf(office, ref)
    try {
      await slot.close()
    } catch (error) {
      await slot.kill('it could not be closed').catch(() => {})
      throw error
    } finally {
      this.#forget(ref)
    }
  }

  /** Whomever it speaks for. */
  async kill(ref: string, reason: string): Promise<void> {
    const hosted = this.#slots.get(ref)
    if (hosted === undefined) return
    this.#forget(ref)
    await hosted.slot.kill(reason)
  }

  /** It speaks for this membership from now on, and stands still until `goOn`. */
  adopt(office: Office, ref: string): SlotHolding {
    const hosted = this.#slots.get(ref)
    if (hosted === undefined || hosted.office !== null) throw stale(ref, 'is not kept here')
    hosted.office = office
    return hosted.ledger.holding
  }

  goOn(office: Office, ref: string): void {
    const hosted = this.#slotOf(office, ref)
    hosted.isKept = false
    hosted.slot.reportAnew()
    if (!office.isPaused) resume(hosted)
    for (const go of hosted.waiting.splice(0)) go()
  }

  pause(office: Office): readonly string[] {
    return this.#of(office).map((hosted) => {
      pause(hosted)
      return hosted.ref
    })
  }

  /** Those that were not kept, or have been told to go on. */
  resume(office: Office): readonly string[] {
    const running = this.#of(office).filter(({ isKept }) => !isKept)
    return running.map((hosted) => {
      resume(hosted)
      return hosted.ref
    })
  }

  /** That membership has ended: its slots stand still, and wait for another. */
  keep(office: Office): void {
    for (const hosted of this.#of(office)) {
      hosted.office = null
      hosted.isKept = true
      pause(hosted)
    }
  }

  // ---- for the node ---------------------------------------------------------------------------

  /** Slots may be ordered for all room that is left. */
  expectMore(): void {
    const room = this.#parts.parts.slots - this.#slots.size
    this.#ground.expect(this.#isLeaving ? 0 : room)
  }

  /** Nor where slots end from now on. */
  expectNoMore(): void {
    this.#isLeaving = true
    this.expectMore()
  }

  /** Ends those of these that nobody wants. Resolves when they are gone. */
  async endOthers(refs: readonly string[], wanted: readonly string[], why: string): Promise<void> {
    const others = refs.filter((ref) => !wanted.includes(ref))
    await Promise.all(others.map((ref) => this.kill(ref, why).catch(() => {})))
  }

  /** Ends all slots and data connections. */
  async end(reason: string): Promise<void> {
    this.#isLeaving = true
    this.peers.close()
    const closed = this.#ground.close()
    await this.endOthers(this.refs, [], reason)
    await closed
  }

  #of(office: Office): readonly Hosted[] {
    return [...this.#slots.values()].filter((hosted) => hosted.office === office)
  }

  #slotOf(office: Office, ref: string): Hosted {
    const hosted = this.#slots.get(ref)
    if (hosted?.office !== office) throw stale(ref, 'is not here')
    return hosted
  }

  #forget(ref: string): void {
    const hosted = this.#slots.get(ref)
    if (hosted === undefined) return
    this.peers.forget(ref)
    this.#slots.delete(ref)
    this.expectMore()
    for (const go of hosted.waiting.splice(0)) go()
    this.#parts.tell({ kind: 'SlotEnded', ref })
  }

  // ---- what slots say -------------------------------------------------------------------------

  #voiceOf(self: () => Hosted): SlotVoice {
    return {
      event: (event) => {
        const { ref, ledger, office } = self()
        if (this.#slots.get(ref) !== self()) return
        ledger.event(event)
        if (event.kind === 'SlotLost') this.#forget(ref)
        office?.control.tell('slotEvent', [ref, event])
      },
      results: (records) => this.#publish(self(), records),
      counters: (rows) => self().office?.control.tell('counters', [self().ref, rows]),
      putChunk: async (round, id, bytes) =>
        this.#bulkOf(self()).call('putChunk', [self().ref, round, id, bytes], { deadlineMs: null }),
      getChunk: async (round, chunk) =>
        this.#bulkOf(self()).call('getChunk', [self().ref, round, chunk], { deadlineMs: null }),
    }
  }

  /** What one coordinator has not answered for as a whole is told the next one: at least once. */
  async #publish(hosted: Hosted, records: readonly unknown[]): Promise<void> {
    for (;;) {
      const office = await this.#officeOf(hosted)
      // It has ended: nobody waits for its results.
      if (office === null) return
      try {
        if (hosted.sending?.office !== office) {
          hosted.sending = { office, send: resultsTo(office.control, hosted.ref) }
        }
        return await hosted.sending.send(records)
      } catch (error) {
        if ((error as MillraceError).code !== 'E_PEER_LOST') throw error
        if (hosted.office === office) this.keep(office)
      }
    }
  }

  /** Null where the slot has ended. */
  async #officeOf(hosted: Hosted): Promise<Office | null> {
    while (this.#slots.get(hosted.ref) === hosted) {
      if (hosted.office !== null && !hosted.isKept) return hosted.office
      await new Promise<void>((resolve) => hosted.waiting.push(resolve))
    }
    return null
  }

  #bulkOf({ ref, office, isKept }: Hosted): Calls<BulkMethods> {
    if (office === null || isKept) throw unheard(ref)
    return office.bulk
  }
}

/** A thread in a long turn pauses behind it. */
const pause = ({ slot }: Hosted): void => void slot.pause().catch(() => {})

const resume = ({ slot }: Hosted): void => void slot.resume().catch(() => {})

const peerOf = ({ node, url, joining, withinMs }: OtherSlot & { readonly kind: 'node' }) => ({
  node,
  url,
  joining,
  withinMs,
})

export const stale = (ref: string, why: string): MillraceError =>
  new MillraceError('E_STALE_SLOT', `slot ${ref} ${why}`, { retryable: true, details: { ref } })

const noRoom = (slots: number): MillraceError =>
  new MillraceError('E_NO_SLOT', `all ${slots} slots of this node are taken`, { retryable: true })

const unheard = (ref: string): MillraceError =>
  new MillraceError('E_PEER_LOST', `slot ${ref} has no coordinator now`, { retryable: true })
