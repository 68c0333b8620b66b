/**
 * A node: a process that hosts slots for a coordinator. Protocol: `protocol.ts`.
 *
 * ```
 * starting → joining ⇄ member → leaving → stopped
 * ```
 *
 * It joins, serves until its membership ends (`member.ts`), and joins again, with growing pauses. Meanwhile its
 * slots stand still (`hosted-slots.ts`); of those that its next coordinator does not want none is left when it
 * joins.
 */
import { type Cancel, systemClock } from '../../lib/base/clock.js'
import { EndingClock } from '../../lib/base/ending-clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import { Subject } from '../../lib/base/rxjs.js'
import { Lease } from '../../lib/cluster/lease.js'
import { type CoordinatorStart, TermFence } from '../../lib/cluster/term-fence.js'
import { SETTLE_MS } from '../../lib/cluster/times.js'
import { backoff, backoffDelayMs } from '../../lib/supervision/backoff.js'
import type { Listener } from '../../lib/transport/node-links.js'
import { type BundleFiles, Bundles } from './bundles.js'
import { CoordinatorLinks } from './coordinator-links.js'
import { HostedSlots } from './hosted-slots.js'
import { Member } from './member.js'
import { NodeCopies } from './node-copies.js'
import type { NodeEvent } from './node-event.js'
import type { NodeParts } from './node-parts.js'
import type { NodeFacts } from './protocol.js'

/** Who was a member for so long joins again at once; else pauses grow, so that no storm begins. */
const STEADY_MS = 10_000
const REJOIN = backoff({ firstMs: 100, maxMs: 5_000, jitter: 0.3 })
/** With slots that may be adopted: well within the time for which a new coordinator waits for them. */
const REJOIN_KEEPING = backoff({ firstMs: 100, maxMs: SETTLE_MS / 3, jitter: 0.3 })

export class ClusterNode {
  readonly events$ = new Subject<NodeEvent>()
  readonly #parts: NodeParts
  readonly #clock: EndingClock
  readonly #bundles: BundleFiles
  readonly #copies: NodeCopies
  readonly #slots: HostedSlots
  #listener: Listener | null = null
  #member: Member | null = null
  #state: 'starting' | 'joining' | 'member' | 'leaving' | 'stopped' = 'starting'
  /** Attempts to join since it was a member for long. */
  #failures = 0
  #joinedMs = 0
  readonly #fence = new TermFence()
  /** Memberships that it has asked for. */
  #memberships = 0
  #stopRetry: Cancel = () => {}
  /** Of the membership that was asked for last: not yet `#member` while the coordinator has not answered. */
  #joining = new AbortController()
  #refused: ((error: Error) => void) | null = null

  constructor(parts: NodeParts) {
    this.#parts = parts
    this.#clock = new EndingClock(parts.clock ?? systemClock)
    this.#bundles = parts.bundles ?? new Bundles()
    this.#copies = new NodeCopies(parts.copies ?? null, {
      clock: this.#clock,
      read: (ref, chunks) => this.events$.next({ kind: 'ChunksRead', ref, ...chunks }),
      failed: (reason) => this.events$.next({ kind: 'CopiesFailed', reason }),
    })
    this.#slots = new HostedSlots({
      parts,
      clock: this.#clock,
      bundles: this.#bundles,
      copies: this.#copies,
      tell: (event) => this.events$.next(event),
      peerLost: (node, reason) => this.#member?.control.tell('peerLost', [node, reason]),
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
    return this.#slots.refs
  }

  /**
   * Listens, and begins to join. Rejects where the address cannot be used, or where the coordinator
   * refuses it for good (wrong secret, wrong version, its name taken).
   */
  async start(): Promise<void> {
    const { network, address } = this.#parts
    this.#listener = await network.listen(address, {
      onControl: (link) => this.#slots.acceptWords(link),
      onData: (link) => this.#slots.accept(link),
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
    this.#slots.expectNoMore()
    await member.evacuate(withinMs)
    await this.stop()
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return
    this.#state = 'stopped'
    this.#stopRetry()
    this.#member?.end()
    this.#joining.abort()
    await this.#slots.end('the node stops')
    await this.#copies.close()
    this.#listener?.close()
    this.#clock.end()
    this.events$.complete()
  }

  #join(): void {
    if (this.#state === 'stopped') return
    this.#state = 'joining'
    this.#dial().then(
      ({ member, start }) => {
        if (this.#state !== 'joining') return member.end()
        this.#state = 'member'
        this.#joinedMs = this.#clock.now()
        this.#fence.serve(start)
        this.#member = member
        this.#slots.expectMore()
        this.events$.next({ kind: 'Joined', coordinator: this.#parts.join, term: start.term })
        member.serve((reason) => this.#onEnded(member, reason))
      },
      (error: Error) => this.#onRefused(error),
    )
  }

  async #dial(): Promise<{ member: Member; start: CoordinatorStart }> {
    const { network, join, random = Math.random } = this.#parts
    const clock = this.#clock
    const sentMs = clock.now()
    const number = ++this.#memberships
    this.#joining = new AbortController()
    const stopping = this.#joining.signal
    const links = await CoordinatorLinks.open({ network, join, clock, random, number, stopping })
    const tell = (event: NodeEvent) => this.events$.next(event)
    const member = new Member({ clock, slots: this.#slots, tell }, links)
    try {
      const kept = await this.#keepWanted(member)
      const membership = await member.control.call('register', [this.#facts, kept])
      const start = { term: membership.term, incarnation: member.coordinator }
      this.#fence.check(start)
      member.lease = new Lease(sentMs)
      return { member, start }
    } catch (error) {
      member.end()
      throw error
    }
  }

  /** Of the slots that it has kept, those that may be adopted; the others have ended when this resolves. */
  async #keepWanted(member: Member): Promise<readonly string[]> {
    const held = this.#slots.refs
    if (held.length === 0) return []
    const wanted = await member.control.call('wanted', [held])
    this.#fence.check({ term: wanted.term, incarnation: member.coordinator })
    await this.#slots.endOthers(held, wanted.refs, 'its coordinator does not want it any more')
    const kept = held.filter((ref) => wanted.refs.includes(ref) && this.#slots.refs.includes(ref))
    if (kept.length > 0) this.events$.next({ kind: 'SlotsKept', refs: kept })
    return kept
  }

  get #facts(): NodeFacts {
    const { slots, labels, version } = this.#parts
    const { url } = this.#listener!
    return { slots, labels, url, version, node: process.version, pid: process.pid }
  }

  #onRefused(error: Error): void {
    if (this.#state === 'stopped') return
    if (this.#refused !== null && isFinal(error)) return this.#refused(error)
    const retryMs = this.#pauseMs()
    this.events$.next({ kind: 'CannotJoin', reason: error.message, retryMs })
    this.#stopRetry = this.#clock.after(retryMs, () => this.#join())
  }

  #pauseMs(): number {
    const policy = this.#slots.refs.length > 0 ? REJOIN_KEEPING : REJOIN
    return backoffDelayMs(policy, ++this.#failures, this.#parts.random ?? Math.random)
  }

  #onEnded(member: Member, reason: string): void {
    if (this.#member !== member) return
    this.#member = null
    member.end()
    if (this.#state === 'stopped' || this.#state === 'leaving') return
    this.events$.next({ kind: 'Lost', reason, slots: this.#slots.refs.length })
    if (this.#clock.now() - this.#joinedMs > STEADY_MS) this.#failures = 0
    this.#stopRetry = this.#clock.after(this.#pauseMs(), () => this.#join())
  }
}

/** What trying again cannot mend. */
const isFinal = (error: Error): boolean => error instanceof MillraceError && !error.retryable
