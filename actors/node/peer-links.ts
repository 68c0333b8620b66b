/**
 * The data connections of a node to its peers, one each, and the lanes on them: one for each joining of
 * two slots, known by its number and the refs of the two. A lane never outlives its connection, and none
 * is mistaken for that of an earlier try.
 */
import { MessageChannel } from 'node:worker_threads'
import type { Clock } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import type { Random } from '../../lib/base/random.js'
import { backoff, backoffDelayMs } from '../../lib/supervision/backoff.js'
import type { Network } from '../../lib/transport/network.js'
import type { ControlLink, DataLink, Lane } from '../../lib/transport/node-links.js'
import { relay } from '../../lib/transport/relay.js'
import type { SlotPort } from '../worker/protocol.js'
import { PeerWords } from './peer-words.js'
import { isPulse, keepPulse, takePulse } from './pulse.js'

/** A port into a slot of this node, and the session of what comes through it. */
export interface Joint {
  readonly port: SlotPort
  readonly session: number
}

export interface PeerSlot {
  /** Of this node's slot. */
  readonly at: string
  /** Of the other one, and its index in their job. */
  readonly to: string
  readonly index: number
  readonly node: string
  /** Null where the peer dials. */
  readonly url: string | null
  /** Number of this joining. */
  readonly joining: number
  /** That it may take. */
  readonly withinMs: number
}

/** How slots of a node get their ends: slots that are no threads have other ones. */
export interface SlotPorts {
  /** The end for the slot of what comes over a lane. */
  ofLane(lane: Lane): SlotPort
  /** Both ends of a link between two slots of this node. */
  pair(): readonly [SlotPort, SlotPort]
}

export const threadPorts: SlotPorts = {
  ofLane(lane) {
    const { port1, port2 } = new MessageChannel()
    relay(lane, port1)
    return port2
  },
  pair() {
    const { port1, port2 } = new MessageChannel()
    return [port1, port2]
  },
}

/** A peer that is not reached is dialled again at this pace. */
const AGAIN = backoff({ firstMs: 50, maxMs: 1_000, jitter: 0.3 })

const laneName = (at: string, to: string): string => `${at} ${to}`
/** As lanes have it. */
const placeName = (ref: string, joining: number): string => `${ref}#${joining}`

export class PeerLinks {
  readonly #network: Network
  readonly #clock: Clock
  readonly #onLost: (peer: string, reason: string) => void
  /** By name of the peer. */
  readonly #peers = new Map<string, DataLink>()
  readonly #dialling = new Map<string, Promise<DataLink>>()
  /** Lanes that a peer has opened and nobody has asked for yet, by name. */
  readonly #lanes = new Map<string, Lane>()
  /** Who waits for a lane that a peer opens. */
  readonly #awaited = new Map<string, Awaited>()
  /** The joining that was begun last, by ref of the slot here and index of the other. */
  readonly #newest = new Map<string, number>()
  /** Second ports of pairs of slots that are both here. */
  readonly #pairs = new Map<string, SlotPort>()
  readonly #ports: SlotPorts
  readonly #random: Random
  readonly #words: PeerWords
  #isClosed = false

  /** `onLost`: the connection has ended, and all lanes on it. */
  constructor(
    network: Network,
    clock: Clock,
    onLost: (peer: string, reason: string) => void,
    ports: SlotPorts = threadPorts,
    random: Random = Math.random,
  ) {
    this.#network = network
    this.#clock = clock
    this.#onLost = onLost
    this.#ports = ports
    this.#random = random
    this.#words = new PeerWords(network, clock, random)
  }

  /** A peer has dialled. Its newest connection counts: an older one is one that it no longer has. */
  accept(link: DataLink): void {
    this.#adopt(link)
  }

  /** A peer has dialled beside its data connection, for words of life. */
  acceptWords(link: ControlLink): void {
    const data = this.#peers.get(link.peer.id)
    if (data?.peer.incarnation === link.peer.incarnation) this.#words.accept(link, data)
    else link.close('role')
  }

  /**
   * Joins a slot with one of a peer. Rejects with `E_CONNECT` where the peer is not reached in time, or
   * does not dial; and where a later joining of the two has begun meanwhile, for a slot keeps its newest link.
   */
  async join({
    at: ref,
    index,
    to: other,
    node,
    url,
    joining,
    withinMs,
  }: PeerSlot): Promise<Joint> {
    const [at, to] = [placeName(ref, joining), placeName(other, joining)]
    this.#newest.set(`${ref} ${index}`, joining)
    const isWanted = () => !this.#isClosed && this.#newest.get(`${ref} ${index}`) === joining
    const open = () => this.#openLane(at, to, node, url!)
    const opening =
      url === null
        ? this.#awaitLane(at, to, ref, node)
        : this.#again(open, isWanted, this.#clock.now() + withinMs)
    const lane = await this.#inTime(opening, withinMs, node)
    if (!isWanted()) {
      lane.close()
      throw gone(node)
    }
    return { port: this.#ports.ofLane(lane), session: lane.session }
  }

  /** Joins two slots that are both here: each call gives the port of one. */
  pair(at: string, index: number, to: string, session: number): Joint {
    this.#newest.set(`${at} ${index}`, session)
    const waiting = this.#pairs.get(laneName(at, to))
    if (waiting !== undefined) {
      this.#pairs.delete(laneName(at, to))
      return { port: waiting, session }
    }
    const [here, there] = this.#ports.pair()
    this.#pairs.set(laneName(to, at), there)
    return { port: here, session }
  }

  /** A slot is no more: nothing is waited for on its behalf. */
  forget(ref: string): void {
    for (const key of this.#newest.keys()) {
      if (key.startsWith(`${ref} `)) this.#newest.delete(key)
    }
    for (const [name, { of, node, fail }] of this.#awaited) {
      if (of !== ref) continue
      this.#awaited.delete(name)
      fail(gone(node))
    }
  }

  close(): void {
    this.#isClosed = true
    for (const { node, fail } of this.#awaited.values()) fail(gone(node))
    this.#awaited.clear()
    this.#lanes.clear()
    for (const port of this.#pairs.values()) if (typeof port !== 'function') port.close()
    for (const link of this.#peers.values()) link.close('goingAway')
    this.#peers.clear()
  }

  #awaitLane(at: string, to: string, of: string, node: string): Promise<Lane> {
    const name = laneName(at, to)
    const lane = this.#lanes.get(name)
    this.#lanes.delete(name)
    if (lane !== undefined) return Promise.resolve(lane)
    if (this.#isClosed) return Promise.reject(gone(node))
    return new Promise((take, fail) => this.#awaited.set(name, { of, node, take, fail }))
  }

  /** Tries again, soon at first, where the peer is not reached and there is time left. */
  async #again(open: () => Promise<Lane>, isWanted: () => boolean, endMs: number): Promise<Lane> {
    for (let failures = 1; ; failures++) {
      try {
        return await open()
      } catch (error) {
        const delayMs = backoffDelayMs(AGAIN, failures, this.#random)
        const isLast = !isWanted() || this.#clock.now() + delayMs >= endMs
        if (isLast || (error as { code?: unknown }).code !== 'E_CONNECT') throw error
        await new Promise<void>((resolve) => this.#clock.after(delayMs, resolve))
        if (!isWanted()) throw error
      }
    }
  }

  /** A lane that comes later is closed. */
  #inTime(opening: Promise<Lane>, withinMs: number, node: string): Promise<Lane> {
    return new Promise((take, fail) => {
      let isLate = false
      const stopWaiting = this.#clock.after(withinMs, () => {
        isLate = true
        fail(notReached(node, withinMs))
      })
      opening.finally(stopWaiting).then((lane) => (isLate ? lane.close() : take(lane)), fail)
    })
  }

  async #openLane(at: string, to: string, node: string, url: string): Promise<Lane> {
    const link = this.#peers.get(node) ?? (await this.#dial(node, url))
    if (this.#isClosed || this.#peers.get(node) !== link) throw gone(node)
    return link.openLane({ at, to })
  }

  #dial(node: string, url: string): Promise<DataLink> {
    const under = this.#dialling.get(node)
    if (under !== undefined) return under
    const dialling = this.#network
      .dialData(url, node)
      .then((link) => {
        this.#words.dial(url, this.#adopt(link))
        return link
      })
      .finally(() => this.#dialling.delete(node))
    this.#dialling.set(node, dialling)
    return dialling
  }

  #adopt(link: DataLink): DataLink {
    const node = link.peer.id
    if (this.#isClosed) {
      link.close('goingAway')
      return link
    }
    const before = this.#peers.get(node)
    this.#peers.set(node, link)
    if (before !== undefined) {
      before.terminate('superseded')
      this.#onLost(node, 'replaced by a newer connection')
    }
    let silence: string | null = null
    keepPulse(link, this.#clock, this.#words, (reason) => {
      silence = reason
    })
    link.onLane((lane) => {
      if (isPulse(lane)) return takePulse(link, lane)
      const name = laneName(lane.at, lane.peer)
      const awaiting = this.#awaited.get(name)
      this.#awaited.delete(name)
      if (awaiting === undefined) this.#keep(name, lane)
      else awaiting.take(lane)
    })
    link.onClose((reason) => {
      if (this.#peers.get(node) !== link) return
      this.#peers.delete(node)
      if (!this.#isClosed) this.#onLost(node, reason?.message ?? silence ?? 'closed')
    })
    return link
  }

  /** Until somebody asks for it, or it ends. */
  #keep(name: string, lane: Lane): void {
    this.#lanes.set(name, lane)
    lane.onClose(() => {
      if (this.#lanes.get(name) === lane) this.#lanes.delete(name)
    })
  }
}

/** Somebody who waits for a lane, on behalf of slot `of`. */
interface Awaited {
  readonly of: string
  readonly node: string
  readonly take: (lane: Lane) => void
  readonly fail: (error: Error) => void
}

const notReached = (node: string, withinMs: number): MillraceError =>
  new MillraceError('E_CONNECT', `no data connection with node ${node} within ${withinMs} ms`, {
    retryable: true,
    details: { node, withinMs },
  })

const gone = (node: string): MillraceError =>
  new MillraceError('E_PEER_LOST', `the data connection to node ${node} was lost`, {
    retryable: true,
    details: { node },
  })
