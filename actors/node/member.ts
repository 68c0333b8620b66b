/**
 * One membership of a node: the slots that were started in it, and its lease. Invariants: `protocol.ts`.
 */
import type { Cancel, Clock } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import { Lease } from '../../lib/cluster/lease.js'
import { CUT_OFF_MS, HEARTBEAT_MS, NODE_LEASE_MS, OWN_PAUSE_MS } from '../../lib/cluster/times.js'
import { type Calls, createCalls } from '../../lib/transport/calls.js'
import type { BundleFiles } from './bundles.js'
import type { CoordinatorLinks } from './coordinator-links.js'
import { HostedSlot, type SlotVoice } from './hosted-slot.js'
import type { NodeEvent, NodeParts } from './node.js'
import type { NodeCopies } from './node-copies.js'
import { PeerLinks } from './peer-links.js'
import type {
  BulkMethods,
  CoordinatorMethods,
  Forwarded,
  NodeMethods,
  OtherSlot,
  RemoteSetup,
} from './protocol.js'
import { resultsTo } from './send-results.js'

const CALL_MS = 10_000

/** What all memberships of a node stand on. */
export interface MemberGround {
  readonly parts: NodeParts
  readonly clock: Clock
  readonly bundles: BundleFiles
  readonly copies: NodeCopies
}

export class Member implements NodeMethods {
  readonly control: Calls<CoordinatorMethods>
  readonly bulk: Calls<BulkMethods>
  readonly peers: PeerLinks
  lease = new Lease(Number.NEGATIVE_INFINITY)
  readonly #parts: NodeParts
  readonly #links: CoordinatorLinks
  readonly #clock: Clock
  readonly #bundles: BundleFiles
  readonly #copies: NodeCopies
  readonly #slots = new Map<string, HostedSlot>()
  readonly #tell: (event: NodeEvent) => void
  #onEnded: (reason: string) => void = () => {}
  #ended = false
  /** Others may have its work soon, and its slots stand still. */
  #isPaused = false
  #onPaused: () => void = () => {}
  #beatMs = 0
  #stopBeat: Cancel = () => {}

  constructor(ground: MemberGround, links: CoordinatorLinks, tell: (event: NodeEvent) => void) {
    const { parts, clock, bundles, copies } = ground
    this.#parts = parts
    this.#clock = clock
    this.#bundles = bundles
    this.#copies = copies
    this.#tell = tell
    this.#links = links
    const common = { deadlineMs: CALL_MS, clock }
    this.control = createCalls({ ...common, link: links.control, handlers: this.#handlers() })
    this.bulk = createCalls({ ...common, link: links.bulk, handlers: {} })
    const onLost = (node: string, reason: string) => {
      tell({ kind: 'PeerLost', node, reason })
      this.control.tell('peerLost', [node, reason])
    }
    this.peers = new PeerLinks(parts.network, clock, onLost, parts.ports, parts.random)
  }

  get slots(): readonly string[] {
    return [...this.#slots.keys()]
  }

  serve(onEnded: (reason: string) => void): void {
    this.#onEnded = onEnded
    this.control.onClose((reason) => this.#over(reason?.message ?? 'the connection was closed'))
    this.bulk.onClose((reason) => this.#over(reason?.message ?? 'the connection was closed'))
    this.#links.listen({
      down: (which, reason) => {
        if (which === 'control') this.#tell({ kind: 'Interrupted', reason })
        this.#clock.after(CUT_OFF_MS, () => this.#pauseInTime())
      },
      up: () => {
        this.#tell({ kind: 'Reconnected' })
        this.#ask()
      },
    })
    this.#beatMs = this.#clock.now()
    this.#beat()
  }

  /** Resolves when nothing of value is left here, when it is too late, or when there is nobody to ask. */
  async evacuate(withinMs: number): Promise<void> {
    if (this.#isPaused || this.#links.upMs === null) return
    const paused = new Promise<void>((resolve) => {
      this.#onPaused = resolve
    })
    const asked = this.control.call('evacuate', [], { deadlineMs: withinMs }).catch(() => {})
    await Promise.race([asked, paused])
  }

  /** Ends all slots. Idempotent. */
  async end(reason: string): Promise<void> {
    this.#ended = true
    this.#stopBeat()
    this.peers.close()
    const slots = [...this.#slots.values()]
    this.#slots.clear()
    await Promise.all(slots.map((slot) => slot.kill(reason).catch(() => {})))
    this.#links.close()
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
      results: resultsTo(this.control, ref),
      counters: (rows) => this.control.tell('counters', [ref, rows]),
      putChunk: (round, id, bytes) =>
        this.bulk.call('putChunk', [ref, round, id, bytes], { deadlineMs: null }),
      getChunk: (round, chunk) =>
        this.bulk.call('getChunk', [ref, round, chunk], { deadlineMs: null }),
    }
    const copies = this.#copies.slot(setup.job, ref)
    const slot = new HostedSlot(setup, voice, copies, this.#parts.ground)
    this.#slots.set(ref, slot)
    if (this.#isPaused) void slot.pause().catch(() => {})
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
    this.#stopBeat = this.#clock.after(HEARTBEAT_MS, () => this.#beat())
    const nowMs = this.#clock.now()
    const lateMs = nowMs - this.#beatMs - HEARTBEAT_MS
    this.#beatMs = nowMs
    this.#pauseInTime()
    if (lateMs <= OWN_PAUSE_MS) this.#replaceSilent(nowMs)
    this.#ask()
  }

  /** What cannot be sent now would say nothing of the time at which it is. */
  #ask(): void {
    if (this.#ended || this.#links.upMs === null) return
    const sentMs = this.#clock.now()
    this.control
      .call('heartbeat', [], { deadlineMs: null })
      .then(() => this.#answered(sentMs))
      .catch(() => {})
  }

  #answered(sentMs: number): void {
    this.lease.answered(sentMs)
    if (this.#ended || !this.#isPaused || !this.#mayWork(this.#clock.now())) return
    this.#isPaused = false
    for (const slot of this.#slots.values()) void slot.resume().catch(() => {})
    this.#tell({ kind: 'Resumed', slots: this.#slots.size })
  }

  /** The coordinator does not give its work to others yet. */
  #mayWork(nowMs: number): boolean {
    const { apartMs, cutOffMs } = this.#links
    return (
      this.lease.leftMs(nowMs) > 0 &&
      nowMs - (apartMs ?? nowMs) < NODE_LEASE_MS &&
      nowMs - (cutOffMs ?? nowMs) < CUT_OFF_MS
    )
  }

  #pauseInTime(): void {
    if (this.#ended || this.#isPaused || this.#mayWork(this.#clock.now())) return
    this.#isPaused = true
    for (const slot of this.#slots.values()) void slot.pause().catch(() => {})
    this.#tell({ kind: 'Paused', slots: this.#slots.size })
    this.#onPaused()
  }

  /** Not after a pause of this process: what was answered meanwhile may lie in sockets that it has not read. */
  #replaceSilent(nowMs: number): void {
    const { upMs } = this.#links
    const isSilent = this.lease.leftMs(nowMs) === 0
    if (isSilent && upMs !== null && nowMs - upMs >= NODE_LEASE_MS) this.#links.replace()
  }

  #over(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#stopBeat()
    this.#onEnded(reason)
  }
}

const peerOf = ({ node, url, joining, withinMs }: OtherSlot & { readonly kind: 'node' }) => ({
  node,
  url,
  joining,
  withinMs,
})

const stale = (ref: string, why: string): MillraceError =>
  new MillraceError('E_STALE_SLOT', `slot ${ref} ${why}`, { retryable: true, details: { ref } })

const noRoom = (slots: number): MillraceError =>
  new MillraceError('E_NO_SLOT', `all ${slots} slots of this node are taken`, { retryable: true })
