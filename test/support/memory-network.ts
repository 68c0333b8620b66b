/**
 * A network of processes in memory, under a clock: connections that are slow, that stand still while
 * two hosts are cut off from each other, and that break. As over TCP, what is sent on one connection
 * arrives once and in order, or the connection ends; but for `strays` between slots.
 */
import type { Clock } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import type { CloseReason } from '../../lib/transport/close-reasons.js'
import { linkLimits } from '../../lib/transport/link-limits.js'
import type { Network, Welcome } from '../../lib/transport/network.js'
import type {
  ControlLink,
  DataLink,
  Identity,
  Lane,
  Listener,
  Peer,
} from '../../lib/transport/node-links.js'
import { encodeMessage } from '../../lib/transport/pieces.js'
import { NUMBERED } from '../../lib/transport/resumable-link.js'
import { decodeCbor } from '../../lib/wire/cbor.js'
import type { LaneDisturbance, StrayFrames } from './stray-frames.js'

/** What becomes of one message: how long it takes. */
export type Delay = (from: string, to: string) => number

type Packet =
  | { readonly kind: 'message'; readonly bytes: Uint8Array }
  | { readonly kind: 'lane'; readonly lane: number; readonly at: string; readonly to: string }
  | { readonly kind: 'frame'; readonly lane: number; readonly frame: ArrayBuffer }
  | { readonly kind: 'laneClosed'; readonly lane: number }
  | { readonly kind: 'close'; readonly reason: CloseReason }

export class MemoryInternet {
  readonly clock: Clock
  /** What becomes of frames between slots otherwise; null: nothing. */
  strays: StrayFrames | null = null
  readonly #delay: Delay
  readonly #listening = new Map<string, { readonly welcome: Welcome; readonly self: Identity }>()
  readonly #links = new Set<Pipe>()
  /** Pairs that do not reach each other: `a b`, of what a sends to b. */
  readonly #cuts = new Set<string>()
  /** Processes that stand still: what is sent to them waits. */
  readonly #paused = new Set<string>()
  /** Of the process that has the name now. */
  readonly #incarnations = new Map<string, string>()
  readonly #dead = new Set<string>()
  /** Data connections between two that break, and cannot be made: `a b`, sorted. */
  readonly #dataCuts = new Set<string>()
  /** Pairs that keep the connections they have, and make no others: `a b`, sorted. */
  readonly #dialCuts = new Set<string>()
  readonly #clocks = new Map<string, Clock>()
  #ports = 1000
  #sessions = 0

  constructor(clock: Clock, delay: Delay = () => 0) {
    this.clock = clock
    this.#delay = delay
  }

  /** The network as a process of that name sees it; `clock`: its own. */
  of(self: Identity, clock: Clock = this.clock): Network {
    this.#incarnations.set(self.id, self.incarnation)
    this.#clocks.set(self.incarnation, clock)
    return {
      self,
      listen: async (address, welcome) => this.#listen(self, address, welcome),
      dialControl: async (url) => (await this.#dial(self, url, 'control')) as ControlLink,
      dialData: async (url, expect) => (await this.#dial(self, url, 'data', expect)) as DataLink,
    }
  }

  /** What `from` sends does not reach `to`: connections stand still. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from} ${to}`)
  }

  /** No data connection between the two, while others stand. */
  cutData(a: string, b: string): void {
    this.#dataCuts.add([a, b].toSorted().join(' '))
    for (const pipe of [...this.#links]) if (pipe.role === 'data') pipe.resetBetween(a, b)
  }

  /**
   * Connections of that role that the two have now stand still, as of TCP that waits before it sends again;
   * new ones do not. They go on when all is healed.
   */
  hold(a: string, b: string, role: 'control' | 'data'): void {
    for (const pipe of this.#links) if (pipe.role === role) pipe.holdBetween(a, b)
  }

  /** The connection of that role breaks for one of the two; the other does not hear of it. */
  breakAt(self: string, other: string, role: 'control' | 'data'): void {
    for (const pipe of [...this.#links]) if (pipe.role === role) pipe.breakAt(self, other)
  }

  /** No new connection between the two. */
  cutDials(a: string, b: string): void {
    this.#dialCuts.add([a, b].toSorted().join(' '))
  }

  heal(): void {
    this.#dialCuts.clear()
    this.#dataCuts.clear()
    this.#cuts.clear()
    for (const pipe of this.#links) pipe.isHeld = false
    this.#pump()
  }

  /** It reads nothing until it is resumed. */
  pause(id: string): void {
    this.#paused.add(id)
  }

  resume(id: string): void {
    this.#paused.delete(id)
    this.#pump()
  }

  /** What `from` has sent does not arrive now. */
  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from} ${to}`) || this.#paused.has(to)
  }

  clockOf(self: Identity): Clock {
    return this.#clocks.get(self.incarnation) ?? this.clock
  }

  /** Calls over control connections that exist and have not been answered: what they call. */
  get unanswered(): readonly string[] {
    return [...this.#links].flatMap((pipe) => pipe.unanswered)
  }

  #pump(): void {
    for (const pipe of this.#links) pipe.pump()
  }

  delayOf(from: string, to: string): number {
    return this.#delay(from, to)
  }

  /** The process is gone: its connections break, and nobody listens. */
  kill(id: string): void {
    this.#paused.delete(id)
    this.#dead.add(this.#incarnations.get(id) ?? '')
    for (const [url, { self }] of this.#listening) if (self.id === id) this.#listening.delete(url)
    for (const pipe of [...this.#links]) pipe.breakFor(id)
  }

  /** Breaks every connection between two processes. */
  reset(a: string, b: string): void {
    for (const pipe of [...this.#links]) pipe.resetBetween(a, b)
  }

  /** Connections with the other that a process has not ended. */
  open(self: string, other: string): number {
    return [...this.#links].filter((pipe) => pipe.isOpenAt(self, other)).length
  }

  /** Ends of connections that a process has not ended. */
  openOf(self: string): number {
    return [...this.#links].filter((pipe) => pipe.isOpenAt(self)).length
  }

  forget(pipe: Pipe): void {
    this.#links.delete(pipe)
  }

  #listen(self: Identity, address: string, welcome: Welcome): Listener {
    const port = Number(/:(\d+)$/.exec(address)?.[1] ?? 0) || ++this.#ports
    const url = `ws://${self.id}:${port}`
    this.#listening.set(url, { welcome, self })
    return {
      engine: 'ws',
      host: self.id,
      port,
      url,
      close: () => {
        this.#listening.delete(url)
        for (const pipe of [...this.#links]) if (pipe.url === url) pipe.end('goingAway')
      },
    }
  }

  async #dial(
    self: Identity,
    url: string,
    role: 'control' | 'data',
    expect?: string,
  ): Promise<ControlLink | DataLink> {
    const there = () => this.#listening.get(url)
    const known = there()
    const to = known?.self.id ?? url
    await this.#roundTrip(self.id, to)
    if (this.#dead.has(self.incarnation)) return new Promise(() => {})
    const target = there()
    if (target === undefined) throw refused(url)
    if (expect !== undefined && target.self.id !== expect) throw refused(url)
    const names = [self.id, target.self.id].toSorted().join(' ')
    if (this.#dialCuts.has(names)) throw refused(url)
    if (role === 'data' && this.#dataCuts.has(names)) throw refused(url)
    const pipe = new Pipe(this, url, role, self, target.self, ++this.#sessions)
    this.#links.add(pipe)
    if (role === 'control') target.welcome.onControl(pipe.theirs)
    else target.welcome.onData(pipe.theirs)
    return pipe.ours
  }

  /** Rejects where nothing comes back in time. */
  #roundTrip(from: string, to: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const startMs = this.clock.now()
      const isThrough = () => !this.isCut(from, to) && !this.isCut(to, from)
      const attempt = () => {
        if (isThrough()) return this.clock.after(this.#delay(from, to) + 1, arrive)
        const isLate = this.clock.now() - startMs > 2000 && !this.#paused.has(from)
        if (isLate) return reject(refused(to))
        return this.clock.after(100, attempt)
      }
      const arrive = () => (isThrough() ? resolve() : attempt())
      attempt()
    })
  }
}

/** Between coordinator and node calls travel as numbered messages. */
function callIn(message: unknown): readonly [kind: number, id: number, method: string] {
  if (!Array.isArray(message)) return [] as never
  const [kind, , upTo, payload] = message
  const isNumbered = kind === NUMBERED && typeof upTo === 'number' && Array.isArray(payload)
  return (isNumbered ? payload : message) as never
}

/** One connection. */
class Pipe {
  readonly url: string
  readonly role: 'control' | 'data'
  readonly ours: End
  readonly theirs: End
  isHeld = false
  readonly #internet: MemoryInternet

  constructor(
    internet: MemoryInternet,
    url: string,
    role: 'control' | 'data',
    dialler: Identity,
    listener: Identity,
    session: number,
  ) {
    this.url = url
    this.role = role
    this.#internet = internet
    this.ours = new End(internet, this, dialler, listener, session, 0, () => this.#over())
    this.theirs = new End(internet, this, listener, dialler, session, 1, () => this.#over())
    this.ours.other = this.theirs
    this.theirs.other = this.ours
  }

  get unanswered(): readonly string[] {
    return [...this.ours.unanswered.values(), ...this.theirs.unanswered.values()]
  }

  pump(): void {
    this.ours.pump()
    this.theirs.pump()
  }

  end(reason: CloseReason): void {
    this.ours.close(reason)
    this.theirs.close(reason)
  }

  breakFor(id: string): void {
    for (const end of [this.ours, this.theirs]) if (end.self.id === id) end.vanish()
  }

  isOpenAt(id: string, other: string | null = null): boolean {
    const ends = [this.ours, this.theirs].filter(
      ({ self, isClosed }) => self.id === id && !isClosed,
    )
    return ends.some(({ peer }) => other === null || peer.id === other)
  }

  holdBetween(a: string, b: string): void {
    if (this.#isBetween(a, b)) this.isHeld = true
  }

  breakAt(self: string, other: string): void {
    for (const end of [this.ours, this.theirs]) {
      if (end.self.id === self && end.peer.id === other) end.break('connection reset')
    }
  }

  resetBetween(a: string, b: string): void {
    if (!this.#isBetween(a, b)) return
    this.ours.break('connection reset')
    this.theirs.break('connection reset')
  }

  #isBetween(a: string, b: string): boolean {
    const names = [this.ours.self.id, this.theirs.self.id]
    return names.includes(a) && names.includes(b)
  }

  #over(): void {
    if (this.ours.isClosed && this.theirs.isClosed) this.#internet.forget(this)
  }
}

class End implements ControlLink, DataLink {
  readonly self: Identity
  readonly peer: Peer
  readonly session: number
  other!: End
  isClosed = false
  lastReceivedMs: number
  /** Calls sent from here, by their number. */
  readonly unanswered = new Map<number, string>()
  readonly #clock: Clock
  readonly #internet: MemoryInternet
  readonly #pipe: Pipe
  readonly #parity: number
  readonly #onOver: () => void
  #queue: Packet[] = []
  #isPumping = false
  #reason: { readonly error: Error | null } | null = null
  #onMessage: ((message: unknown) => void) | null = null
  #early: unknown[] = []
  #onLane: ((lane: Lane) => void) | null = null
  #earlyLanes: Lane[] = []
  readonly #closeListeners: ((reason: Error | null) => void)[] = []
  readonly #lanes = new Map<number, MemoryLane>()
  #laneCount = 0

  constructor(
    internet: MemoryInternet,
    pipe: Pipe,
    self: Identity,
    other: Identity,
    session: number,
    parity: number,
    onOver: () => void,
  ) {
    const { id, party, incarnation } = other
    this.self = self
    this.peer = { id, party, incarnation, version: 1, address: id }
    this.session = session
    this.#internet = internet
    this.#pipe = pipe
    this.#parity = parity
    this.#onOver = onOver
    this.#clock = internet.clockOf(self)
    this.lastReceivedMs = this.#clock.now()
  }

  get bufferedBytes(): number {
    return this.#queue.length
  }

  send(message: unknown): number {
    const [kind, id, method] = callIn(message)
    if (kind === 0) this.unanswered.set(id, method)
    if (kind === 1 || kind === 2) this.other.unanswered.delete(id)
    const bytes = encodeMessage(message, linkLimits.messageBytesMax)
    this.#put({ kind: 'message', bytes })
    return bytes.length
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#onMessage = listener
    for (const message of this.#early.splice(0)) listener(message)
  }

  openLane({ at, to }: { readonly at: string; readonly to: string }): Lane {
    const lane = this.#laneCount++ * 2 + this.#parity
    this.#put({ kind: 'lane', lane, at: to, to: at })
    return this.#makeLane(lane, at, to)
  }

  onLane(listener: (lane: Lane) => void): void {
    this.#onLane = listener
    for (const lane of this.#earlyLanes.splice(0)) listener(lane)
  }

  onClose(listener: (reason: Error | null) => void): void {
    this.#closeListeners.push(listener)
    if (this.#reason !== null) listener(this.#reason.error)
  }

  close(reason: CloseReason = 'done'): void {
    if (this.isClosed) return
    this.#put({ kind: 'close', reason })
    this.#over(null)
  }

  terminate(reason: CloseReason = 'done'): void {
    this.close(reason)
  }

  break(why: string): void {
    this.#over(new MillraceError('E_LINK_CLOSED', why, { retryable: true }))
  }

  /** This process is gone; the other side hears of it as soon as it can hear anything. */
  vanish(): void {
    if (this.isClosed) return
    this.#put({ kind: 'close', reason: 'goingAway' })
    this.isClosed = true
    this.#onOver()
  }

  put(packet: Packet): void {
    this.#put(packet)
  }

  /** When what follows may have come. */
  soon(task: () => void): void {
    this.#internet.clock.after(OVERTAKEN_MS, task)
  }

  pump(): void {
    if (this.#isPumping || this.#queue.length === 0) return
    const [from, to] = [this.self.id, this.peer.id]
    const isStill = () => this.#pipe.isHeld || this.#internet.isCut(from, to)
    if (isStill()) return
    this.#isPumping = true
    this.#internet.clock.after(this.#internet.delayOf(from, to), () => {
      this.#isPumping = false
      if (isStill()) return
      const packet = this.#queue.shift()
      if (packet !== undefined) this.other.take(packet)
      this.pump()
    })
  }

  take(packet: Packet): void {
    if (this.isClosed) return
    this.lastReceivedMs = this.#clock.now()
    switch (packet.kind) {
      case 'message': {
        const message = decodeCbor(packet.bytes)
        if (this.#onMessage === null) this.#early.push(message)
        else this.#onMessage(message)
        return
      }
      case 'lane': {
        const lane = this.#makeLane(packet.lane, packet.at, packet.to)
        if (this.#onLane === null) this.#earlyLanes.push(lane)
        else this.#onLane(lane)
        return
      }
      case 'frame':
        return this.#lanes.get(packet.lane)?.take(packet.frame)
      case 'laneClosed':
        return this.#lanes.get(packet.lane)?.end(closedError('the other side closed the lane'))
      case 'close':
        return this.#over(closedError(`${this.peer.id} closed the connection: ${packet.reason}`))
    }
  }

  #makeLane(number: number, at: string, to: string): MemoryLane {
    // Lanes of nodes themselves have no such names.
    const strays = isSlot(at) && isSlot(to) ? this.#internet.strays : null
    const disturbance = strays?.disturb(to, at) ?? null
    const lane = new MemoryLane(this, number, at, to, this.session * 1000 + number, disturbance)
    this.#lanes.set(number, lane)
    return lane
  }

  #put(packet: Packet): void {
    if (this.isClosed) return
    this.#queue.push(packet)
    this.pump()
  }

  #over(error: Error | null): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#reason = { error }
    // As of a real connection: that it was left on this side is no peaceful end of its lanes.
    const lost = error ?? closedError(`the connection with ${this.peer.id} was closed here`)
    for (const lane of this.#lanes.values()) lane.end(lost)
    this.#onOver()
    for (const listener of this.#closeListeners) listener(error)
  }
}

class MemoryLane implements Lane {
  readonly at: string
  readonly peer: string
  readonly session: number
  readonly #end: End
  readonly #number: number
  readonly #disturbance: LaneDisturbance | null
  readonly #arrived: ArrayBuffer[] = []
  #isArmed = false
  #isClosed = false
  #onReadable: () => void = () => {}
  #onClose: ((reason: Error | null) => void) | null = null
  #reason: { readonly error: Error | null } | null = null

  constructor(
    end: End,
    number: number,
    at: string,
    peer: string,
    session: number,
    disturbance: LaneDisturbance | null,
  ) {
    this.#disturbance = disturbance
    this.#end = end
    this.#number = number
    this.at = at
    this.peer = peer
    this.session = session
  }

  send(frame: ArrayBuffer): void {
    if (!this.#isClosed) this.#end.put({ kind: 'frame', lane: this.#number, frame })
  }

  poll(): ArrayBuffer | null {
    return this.#arrived.shift() ?? null
  }

  arm(): void {
    this.#isArmed = true
    this.#wake()
  }

  onReadable(listener: () => void): void {
    this.#onReadable = listener
  }

  onClose(listener: (reason: Error | null) => void): void {
    this.#onClose = listener
    if (this.#reason !== null) listener(this.#reason.error)
  }

  close(): void {
    if (this.#isClosed) return
    this.#end.put({ kind: 'laneClosed', lane: this.#number })
    this.end(null)
  }

  take(frame: ArrayBuffer): void {
    const arrived = this.#disturbance?.taken(frame) ?? [frame]
    this.#arrived.push(...arrived)
    this.#wake()
    if (this.#disturbance?.isHolding === true) this.#end.soon(() => this.#takeOverdue())
  }

  /** Nothing has come that could have overtaken it. */
  #takeOverdue(): void {
    const frame = this.#disturbance!.overdue()
    if (frame === null) return
    this.#arrived.push(frame)
    this.#wake()
  }

  end(error: Error | null): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#reason = { error }
    this.#disturbance?.lost()
    this.#onClose?.(error)
  }

  #wake(): void {
    if (!this.#isArmed || this.#arrived.length === 0) return
    this.#isArmed = false
    this.#onReadable()
  }
}

/** So long a frame waits for another to overtake it. */
const OVERTAKEN_MS = 20

/** As refs of slots are. */
const isSlot = (name: string): boolean => name.includes('/')

const refused = (url: string): MillraceError =>
  new MillraceError('E_CONNECT', `nobody answers at ${url}`, { retryable: true })

const closedError = (why: string): MillraceError =>
  new MillraceError('E_LINK_CLOSED', why, { retryable: true })

/** Who that process is. */
export const identityOf = (
  party: Identity['party'],
  id: string,
  incarnation = `${id}-1`,
): Identity => ({ cluster: 'test', party, id, incarnation })
