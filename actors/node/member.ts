/** One membership of a node: what the coordinator calls, and its lease. Invariants: `protocol.ts`. */
import type { Cancel, Clock } from '../../lib/base/clock.js'
import { Lease } from '../../lib/cluster/lease.js'
import {
  CUT_OFF_MS,
  HEARTBEAT_MS,
  NODE_LEASE_MS,
  OWN_PAUSE_MS,
  STANDSTILL_MS,
} from '../../lib/cluster/times.js'
import { type Calls, createCalls } from '../../lib/transport/calls.js'
import type { CoordinatorLinks } from './coordinator-links.js'
import { type HostedSlots, type Office, stale } from './hosted-slots.js'
import type { NodeEvent } from './node-event.js'
import type { BulkMethods, CoordinatorMethods, NodeMethods } from './protocol.js'

const CALL_MS = 10_000
const UNTIL_ANSWERED = { deadlineMs: null }
/** Heartbeats on the data connection at most that wait for an answer: of more nothing would be learnt. */
const ASKED_MAX = 64
const ignore = (): void => {}

/** What all memberships of a node stand on. */
export interface MemberGround {
  readonly clock: Clock
  readonly slots: HostedSlots
  tell(event: NodeEvent): void
}

export class Member implements Office {
  readonly control: Calls<CoordinatorMethods>
  readonly bulk: Calls<BulkMethods>
  lease = new Lease(Number.NEGATIVE_INFINITY)
  /** As if nothing but what is answered on the control connection counted. */
  readonly #controlLease = new Lease(Number.NEGATIVE_INFINITY)
  /** Others may have its work soon, and its slots stand still. */
  isPaused = false
  readonly #links: CoordinatorLinks
  readonly #clock: Clock
  readonly #slots: HostedSlots
  readonly #tell: (event: NodeEvent) => void
  #onEnded: (reason: string) => void = () => {}
  #ended = false
  #onPaused: () => void = () => {}
  #beatMs = 0
  /** Heartbeats on the data connection that were not answered. */
  #asked = 0
  /** It was told that the data connection stands still. */
  #isBulkStill = false
  #stopBeat: Cancel = () => {}

  constructor({ clock, slots, tell }: MemberGround, links: CoordinatorLinks) {
    this.#clock = clock
    this.#slots = slots
    this.#tell = tell
    this.#links = links
    const common = { deadlineMs: CALL_MS, clock }
    this.control = createCalls({ ...common, link: links.control, handlers: this.#handlers() })
    this.bulk = createCalls({ ...common, link: links.bulk, handlers: {} })
  }

  /** Incarnation of its process. */
  get coordinator(): string {
    return this.#links.incarnation
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
      up: (which) => {
        if (which === 'control' || this.#isBulkStill) this.#tell({ kind: 'Reconnected' })
        if (which === 'bulk') this.#isBulkStill = false
        this.#ask()
      },
    })
    this.#beatMs = this.#clock.now()
    this.#beat()
  }

  /** Resolves when nothing of value is left here, when it is too late, or when there is nobody to ask. */
  async evacuate(withinMs: number): Promise<void> {
    if (this.isPaused || this.#links.upMs === null) return
    const paused = new Promise<void>((resolve) => {
      this.#onPaused = resolve
    })
    const asked = this.control.call('evacuate', [], { deadlineMs: withinMs }).catch(() => {})
    await Promise.race([asked, paused])
  }

  /** Its slots are kept, for another membership. Idempotent. */
  end(): void {
    this.#ended = true
    this.#stopBeat()
    this.#slots.keep(this)
    this.#links.close()
  }

  #handlers(): NodeMethods {
    const slots = this.#slots
    return {
      startSlot: async (ref, setup) => {
        if (this.#ended) throw stale(ref, 'comes too late: this membership has ended')
        await slots.start(this, ref, setup)
      },
      command: (ref, method, args) => slots.command(this, ref, method, args),
      connectSlots: (ref, index, other) => slots.connect(this, ref, index, other),
      closeSlot: (ref) => slots.close(this, ref),
      killSlot: (ref, reason) => slots.kill(ref, reason),
      adoptSlot: async (ref) => slots.adopt(this, ref),
      goOn: async (ref) => slots.goOn(this, ref),
    }
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

  /** On either connection. What cannot be sent now would say nothing of the time at which it is. */
  #ask(): void {
    if (this.#ended) return
    const { control, bulk } = this.#links
    const sentMs = this.#clock.now()
    const answered = (counts: boolean) => this.#answered(sentMs, counts)
    if (control.isUp) {
      const answer = this.control.call('heartbeat', [], UNTIL_ANSWERED)
      answer.then((counts) => {
        this.#controlLease.answered(sentMs)
        answered(counts)
      }, ignore)
    }
    if (!bulk.isUp || this.#asked >= ASKED_MAX) return
    this.#asked++
    const answer = this.bulk.call('heartbeat', [], UNTIL_ANSWERED)
    const isOver = () => {
      this.#asked--
    }
    answer.then(answered, ignore).then(isOver)
  }

  #answered(sentMs: number, counts: boolean): void {
    if (counts) this.lease.answered(sentMs)
    if (this.#ended || !this.isPaused || !this.#mayWork(this.#clock.now())) return
    this.isPaused = false
    this.#tell({ kind: 'Resumed', slots: this.#slots.resume(this).length })
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
    if (this.#ended || this.isPaused || this.#mayWork(this.#clock.now())) return
    this.isPaused = true
    this.#tell({ kind: 'Paused', slots: this.#slots.pause(this).length })
    this.#onPaused()
  }

  /** Not after a pause of this process: what was answered meanwhile may lie in sockets that it has not read. */
  #replaceSilent(nowMs: number): void {
    const { upMs } = this.#links
    if (upMs === null) return
    if (this.#controlLease.leftMs(nowMs) > 0) return this.#replaceStill(nowMs)
    if (nowMs - upMs < NODE_LEASE_MS) return
    this.#links.replace(this.lease.leftMs(nowMs) === 0 ? 'both' : 'control')
  }

  /** The data connection alone. What counts are bytes: on a slow one answers wait behind chunks. */
  #replaceStill(nowMs: number): void {
    const { bulkHeardMs } = this.#links
    if (bulkHeardMs === null || nowMs - bulkHeardMs <= STANDSTILL_MS) return
    if (!this.#links.replace('bulk')) return
    this.#isBulkStill = true
    const reason = `nothing came over the data connection for ${STANDSTILL_MS} ms`
    this.#tell({ kind: 'Interrupted', reason })
  }

  #over(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#stopBeat()
    // In the same turn: what its slots say from now on is for the next one.
    this.#slots.keep(this)
    this.#onEnded(reason)
  }
}
