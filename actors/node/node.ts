/**
 * A node: a process that hosts slots for a coordinator. Protocol: `protocol.ts`.
 *
 * ```
 * starting → joining ⇄ member → leaving → stopped
 * ```
 *
 * It joins, serves until its membership ends, ends its slots, and joins again, with growing pauses.
 */
import { Subject } from 'rxjs'
import { type Cancel, type Clock, systemClock } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import type { Random } from '../../lib/base/random.js'
import { Lease } from '../../lib/cluster/lease.js'
import { HEARTBEAT_MS, NODE_LEASE_MS } from '../../lib/cluster/times.js'
import { backoff, backoffDelayMs } from '../../lib/supervision/backoff.js'
import { type Calls, createCalls } from '../../lib/transport/calls.js'
import { inMessages } from '../../lib/transport/in-messages.js'
import { messagesOver } from '../../lib/transport/lane-messages.js'
import type { Network } from '../../lib/transport/network.js'
import type { ControlLink, DataLink, Listener } from '../../lib/transport/node-links.js'
import { type BundleFiles, Bundles } from './bundles.js'
import { HostedSlot, type SlotGround, type SlotVoice } from './hosted-slot.js'
import { type CopyPlace, NodeCopies, type ReadChunks } from './node-copies.js'
import { PeerLinks, type SlotPorts } from './peer-links.js'
import {
  BULK_LANE,
  type BulkMethods,
  type CoordinatorMethods,
  type Forwarded,
  type Membership,
  type NodeMethods,
  type OtherSlot,
  type RemoteSetup,
} from './protocol.js'

/** What happens to a node. */
export type NodeEvent =
  | { readonly kind: 'Joined'; readonly coordinator: string; readonly term: number }
  /** Its membership has ended; it tries to join again. */
  | { readonly kind: 'Lost'; readonly reason: string; readonly slots: number }
  | { readonly kind: 'CannotJoin'; readonly reason: string; readonly retryMs: number }
  | { readonly kind: 'SlotStarted'; readonly ref: string }
  | { readonly kind: 'SlotEnded'; readonly ref: string }
  | { readonly kind: 'PeerLost'; readonly node: string; readonly reason: string }
  /** A slot goes on from a snapshot: what it has read of it, and where that was. */
  | ({ readonly kind: 'ChunksRead'; readonly ref: string } & ReadChunks)
  /** It makes no more copies of chunks: restores fetch all from the snapshot store. Said once. */
  | { readonly kind: 'CopiesFailed'; readonly reason: string }

export interface NodeParts {
  readonly network: Network
  /** URL of the coordinator. */
  readonly join: string
  /** Where peers are listened for: `host:port`. */
  readonly address: string
  readonly slots: number
  readonly labels: Readonly<Record<string, string>>
  readonly version: string
  readonly clock?: Clock
  readonly random?: Random
  /** What slots are. Default: worker threads. */
  readonly ground?: SlotGround
  readonly ports?: SlotPorts
  readonly bundles?: BundleFiles
  /** Where copies of chunks lie. Default: none are made. */
  readonly copies?: CopyPlace
}

const CALL_MS = 10_000
/** Who was a member for so long joins again at once; else pauses grow, so that no storm begins. */
const STEADY_MS = 10_000
const REJOIN = backoff({ firstMs: 100, maxMs: 5_000, jitter: 0.3 })

export class ClusterNode {
  readonly events$ = new Subject<NodeEvent>()
  readonly #parts: NodeParts
  readonly #clock: Clock
  readonly #bundles: BundleFiles
  readonly #copies: NodeCopies
  #listener: Listener | null = null
  #member: Member | null = null
  #state: 'starting' | 'joining' | 'member' | 'leaving' | 'stopped' = 'starting'
  /** Attempts to join since it was a member for long. */
  #failures = 0
  #joinedMs = 0
  /** The latest that it has served. */
  #term = 0
  #stopRetry: Cancel = () => {}
  #refused: ((error: Error) => void) | null = null

  constructor(parts: NodeParts) {
    this.#parts = parts
    this.#clock = parts.clock ?? systemClock
    this.#bundles = parts.bundles ?? new Bundles()
    this.#copies = new NodeCopies(parts.copies ?? null, {
      clock: this.#clock,
      read: (ref, chunks) => this.events$.next({ kind: 'ChunksRead', ref, ...chunks }),
      failed: (reason) => this.events$.next({ kind: 'CopiesFailed', reason }),
    })
  }

  get name(): string {
    return this.#parts.network.self.id
  }

  /** Where peers reach it. */
  get url(): string {
    return this.#listener?.url ?? ''
  }

  /** Refs of the slots it hosts. */
  get slots(): readonly string[] {
    return this.#member?.slots ?? []
  }

  /**
   * Listens, and begins to join. Rejects where the address cannot be used, or where the coordinator
   * refuses it for good (wrong secret, wrong version, its name taken).
   */
  async start(): Promise<void> {
    const { network, address } = this.#parts
    this.#listener = await network.listen(address, {
      onControl: (link) => link.close('role'),
      onData: (link) => {
        if (this.#member === null) link.close('goingAway')
        else this.#member.peers.accept(link)
      },
    })
    await new Promise<void>((resolve, reject) => {
      this.#refused = reject
      const joined = this.events$.subscribe(({ kind }) => {
        if (kind !== 'Joined' && kind !== 'CannotJoin') return
        joined.unsubscribe()
        resolve()
      })
      this.#join()
    })
    this.#refused = null
  }

  /** Moves its work elsewhere where it can, within this time, then stops. */
  async leave(withinMs: number): Promise<void> {
    const member = this.#member
    if (member === null || this.#state !== 'member') return this.stop()
    this.#state = 'leaving'
    await member.control.call('evacuate', [], { deadlineMs: withinMs }).catch(() => {})
    await this.stop()
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return
    this.#state = 'stopped'
    this.#stopRetry()
    await this.#member?.end('the node stops')
    await this.#copies.close()
    this.#listener?.close()
    this.events$.complete()
  }

  #join(): void {
    if (this.#state === 'stopped') return
    this.#state = 'joining'
    this.#dial().then(
      ({ member, term }) => {
        if (this.#state !== 'joining') return void member.end('the node stops')
        this.#state = 'member'
        this.#joinedMs = this.#clock.now()
        this.#term = term
        this.#member = member
        this.events$.next({ kind: 'Joined', coordinator: this.#parts.join, term })
        member.serve((reason) => this.#onEnded(member, reason))
      },
      (error: Error) => this.#onRefused(error),
    )
  }

  async #dial(): Promise<{ member: Member; term: number }> {
    const { network, join, slots, labels, version } = this.#parts
    const sentMs = this.#clock.now()
    const control = await network.dialControl(join)
    let bulk: DataLink | null = null
    try {
      bulk = await network.dialData(join, control.peer.id)
      const member = new Member(
        this.#parts,
        this.#clock,
        this.#bundles,
        this.#copies,
        control,
        bulk,
        (event) => this.events$.next(event),
      )
      const facts = {
        slots,
        labels,
        url: this.#listener!.url,
        version,
        node: process.version,
        pid: process.pid,
      }
      const membership: Membership = await member.control.call('register', [facts])
      if (membership.term < this.#term) throw older(membership.term, this.#term)
      member.lease = new Lease(sentMs)
      return { member, term: membership.term }
    } catch (error) {
      control.close()
      bulk?.close()
      throw error
    }
  }

  #onRefused(error: Error): void {
    if (this.#state === 'stopped') return
    if (this.#refused !== null && isFinal(error)) return this.#refused(error)
    const retryMs = this.#pauseMs()
    this.events$.next({ kind: 'CannotJoin', reason: error.message, retryMs })
    this.#stopRetry = this.#clock.after(retryMs, () => this.#join())
  }

  #pauseMs(): number {
    return backoffDelayMs(REJOIN, ++this.#failures, this.#parts.random ?? Math.random)
  }

  #onEnded(member: Member, reason: string): void {
    if (this.#member !== member) return
    this.#member = null
    const slots = member.slots.length
    void member.end(reason).then(() => {
      if (this.#state === 'stopped' || this.#state === 'leaving') return
      this.events$.next({ kind: 'Lost', reason, slots })
      if (this.#clock.now() - this.#joinedMs > STEADY_MS) this.#failures = 0
      this.#stopRetry = this.#clock.after(this.#pauseMs(), () => this.#join())
    })
  }
}

/** What trying again cannot mend. */
const isFinal = (error: Error): boolean => error instanceof MillraceError && !error.retryable

/** One membership: invariants in `protocol.ts`. */
class Member implements NodeMethods {
  readonly control: Calls<CoordinatorMethods>
  readonly bulk: Calls<BulkMethods>
  readonly peers: PeerLinks
  lease = new Lease(Number.NEGATIVE_INFINITY)
  readonly #parts: NodeParts
  readonly #clock: Clock
  readonly #bundles: BundleFiles
  readonly #copies: NodeCopies
  readonly #slots = new Map<string, HostedSlot>()
  readonly #tell: (event: NodeEvent) => void
  #onEnded: (reason: string) => void = () => {}
  #ended = false
  #stopBeat: Cancel = () => {}

  constructor(
    parts: NodeParts,
    clock: Clock,
    bundles: BundleFiles,
    copies: NodeCopies,
    control: ControlLink,
    bulk: DataLink,
    tell: (event: NodeEvent) => void,
  ) {
    this.#parts = parts
    this.#clock = clock
    this.#bundles = bundles
    this.#copies = copies
    this.#tell = tell
    const common = { deadlineMs: CALL_MS, clock }
    this.control = createCalls({ ...common, link: control, handlers: this.#handlers() })
    const lane = messagesOver(bulk, bulk.openLane(BULK_LANE))
    this.bulk = createCalls({ ...common, link: lane, handlers: {} })
    const onLost = (node: string, reason: string) => {
      tell({ kind: 'PeerLost', node, reason })
      this.control.tell('peerLost', [node, reason])
    }
    this.peers = new PeerLinks(parts.network, clock, onLost, parts.ports)
  }

  get slots(): readonly string[] {
    return [...this.#slots.keys()]
  }

  serve(onEnded: (reason: string) => void): void {
    this.#onEnded = onEnded
    this.control.onClose((reason) => this.#over(reason?.message ?? 'the connection was closed'))
    this.bulk.onClose((reason) => this.#over(reason?.message ?? 'the connection was closed'))
    this.#beat()
  }

  /** Ends all slots. Idempotent. */
  async end(reason: string): Promise<void> {
    this.#ended = true
    this.#stopBeat()
    this.peers.close()
    const slots = [...this.#slots.values()]
    this.#slots.clear()
    await Promise.all(slots.map((slot) => slot.kill(reason).catch(() => {})))
    this.control.close('goingAway')
    this.bulk.close('goingAway')
  }

  // ---- what the coordinator calls -------------------------------------------------------------

  async startSlot(ref: string, setup: RemoteSetup): Promise<void> {
    if (this.#ended) throw stale(ref, 'comes too late: this membership has ended')
    if (this.#slots.has(ref)) throw stale(ref, 'is there already')
    if (this.#slots.size >= this.#parts.slots) throw noRoom(this.#parts.slots)
    const voice: SlotVoice = {
      event: (event) => {
        if (this.#slots.get(ref) !== slot) return
        if (event.kind === 'SlotLost') this.#forget(ref)
        this.control.tell('slotEvent', [ref, event])
      },
      results: (records) =>
        inMessages(records, (some) =>
          this.control.call('results', [ref, some], { deadlineMs: null }),
        ),
      counters: (rows) => this.control.tell('counters', [ref, rows]),
      putChunk: (round, id, bytes) =>
        this.bulk.call('putChunk', [ref, round, id, bytes], { deadlineMs: null }),
      getChunk: (round, chunk) =>
        this.bulk.call('getChunk', [ref, round, chunk], { deadlineMs: null }),
    }
    const copies = this.#copies.slot(setup.job, ref)
    const slot = new HostedSlot(setup, voice, copies, this.#parts.ground)
    this.#slots.set(ref, slot)
    this.#tell({ kind: 'SlotStarted', ref })
    try {
      const file = await this.#bundles.fetch(setup.bundle, (sha256, offset) =>
        this.bulk.call('bundle', [sha256, offset]),
      )
      // The membership may have ended meanwhile, or the job has thought better of it.
      if (this.#slots.get(ref) !== slot) throw stale(ref, 'was ended before it began')
      await slot.setUp(setup, file)
    } catch (error) {
      await this.killSlot(ref, 'it could not be set up')
      throw error
    }
  }

  command(ref: string, method: Forwarded, args: readonly unknown[]): Promise<unknown> {
    return this.#slotOf(ref).command(method, args)
  }

  async connectSlots(ref: string, index: number, other: OtherSlot): Promise<void> {
    const slot = this.#slotOf(ref)
    const { port, session } =
      other.kind === 'here'
        ? this.peers.pair(ref, index, other.ref, other.session)
        : await this.peers.join({ at: ref, index, to: other.ref, ...peerOf(other) })
    await slot.connect(index, port, session)
  }

  async closeSlot(ref: string): Promise<void> {
    const slot = this.#slotOf(ref)
    try {
      await slot.close()
    } catch (error) {
      await slot.kill('it could not be closed').catch(() => {})
      throw error
    } finally {
      this.#forget(ref)
    }
  }

  async killSlot(ref: string, reason: string): Promise<void> {
    const slot = this.#slots.get(ref)
    if (slot === undefined) return
    this.#forget(ref)
    await slot.kill(reason)
  }

  #handlers(): NodeMethods {
    return {
      startSlot: (ref, setup) => this.startSlot(ref, setup),
      command: async (ref, method, args) => this.command(ref, method, args),
      connectSlots: (ref, index, other) => this.connectSlots(ref, index, other),
      closeSlot: (ref) => this.closeSlot(ref),
      killSlot: (ref, reason) => this.killSlot(ref, reason),
    }
  }

  #slotOf(ref: string): HostedSlot {
    const slot = this.#slots.get(ref)
    if (slot === undefined) throw stale(ref, 'is not here')
    return slot
  }

  #forget(ref: string): void {
    this.peers.forget(ref)
    if (this.#slots.delete(ref)) this.#tell({ kind: 'SlotEnded', ref })
  }

  // ---- its lease ------------------------------------------------------------------------------

  #beat(): void {
    if (this.#ended) return
    const sentMs = this.#clock.now()
    if (this.lease.leftMs(sentMs) === 0) {
      return this.#over(`the coordinator has not answered for ${NODE_LEASE_MS} ms`)
    }
    this.control
      .call('heartbeat', [], { deadlineMs: null })
      .then(() => this.lease.answered(sentMs))
      .catch(() => {})
    this.#stopBeat = this.#clock.after(HEARTBEAT_MS, () => this.#beat())
  }

  #over(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#stopBeat()
    this.#onEnded(reason)
  }
}

const peerOf = ({ node, url, joining }: OtherSlot & { readonly kind: 'node' }) => ({
  node,
  url,
  joining,
})

const stale = (ref: string, why: string): MillraceError =>
  new MillraceError('E_STALE_SLOT', `slot ${ref} ${why}`, { retryable: true, details: { ref } })

const noRoom = (slots: number): MillraceError =>
  new MillraceError('E_NO_SLOT', `all ${slots} slots of this node are taken`, { retryable: true })

const older = (term: number, served: number): MillraceError =>
  new MillraceError(
    'E_OLD_TERM',
    `the coordinator is of term ${term}; this node has served one of term ${served}: two coordinators of one cluster run, or its data directory was put back`,
    { details: { term, served } },
  )
