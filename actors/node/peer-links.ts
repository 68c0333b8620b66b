/**
 * The data connections of a node to its peers, one each, and the lanes on them: one for each pair of
 * slots, known by the refs of the two. A lane never outlives its connection.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { MillraceError } from '../../lib/base/errors.js'
import type { Network } from '../../lib/transport/network.js'
import type { DataLink, Lane } from '../../lib/transport/node-links.js'
import { relay } from '../../lib/transport/relay.js'

/** A port into a slot of this node, and the session of what comes through it. */
export interface Joint {
  readonly port: MessagePort
  readonly session: number
}

export interface PeerSlot {
  /** Of this node's slot. */
  readonly at: string
  /** Of the other one. */
  readonly to: string
  readonly node: string
  /** Null where the peer dials. */
  readonly url: string | null
}

const laneName = (at: string, to: string): string => `${at} ${to}`

export class PeerLinks {
  readonly #network: Network
  readonly #onLost: (peer: string, reason: string) => void
  /** By name of the peer. */
  readonly #peers = new Map<string, DataLink>()
  readonly #dialling = new Map<string, Promise<DataLink>>()
  /** Lanes that a peer has opened and nobody has asked for yet, by name. */
  readonly #lanes = new Map<string, Lane>()
  /** Who waits for a lane that a peer opens. */
  readonly #awaited = new Map<string, (lane: Lane) => void>()
  /** Second ports of pairs of slots that are both here. */
  readonly #pairs = new Map<string, MessagePort>()
  #isClosed = false

  /** `onLost`: the connection has ended, and all lanes on it. */
  constructor(network: Network, onLost: (peer: string, reason: string) => void) {
    this.#network = network
    this.#onLost = onLost
  }

  /** A peer has dialled. Its newest connection counts: an older one is one that it no longer has. */
  accept(link: DataLink): void {
    this.#adopt(link)
  }

  /** Joins a slot with one of a peer. Where the peer dials it is waited for: the caller's deadline counts. */
  async join({ at, to, node, url }: PeerSlot): Promise<Joint> {
    const lane =
      url === null ? await this.#awaitLane(at, to) : await this.#openLane(at, to, node, url)
    const { port1, port2 } = new MessageChannel()
    relay(lane, port1)
    return { port: port2, session: lane.session }
  }

  /** Joins two slots that are both here: each call gives the port of one. */
  pair(at: string, to: string, session: number): Joint {
    const waiting = this.#pairs.get(laneName(at, to))
    if (waiting !== undefined) {
      this.#pairs.delete(laneName(at, to))
      return { port: waiting, session }
    }
    const { port1, port2 } = new MessageChannel()
    this.#pairs.set(laneName(to, at), port2)
    return { port: port1, session }
  }

  close(): void {
    this.#isClosed = true
    for (const port of this.#pairs.values()) port.close()
    for (const link of this.#peers.values()) link.close('goingAway')
    this.#peers.clear()
  }

  #awaitLane(at: string, to: string): Promise<Lane> {
    const name = laneName(at, to)
    const lane = this.#lanes.get(name)
    this.#lanes.delete(name)
    if (lane !== undefined) return Promise.resolve(lane)
    return new Promise((resolve) => this.#awaited.set(name, resolve))
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
      .then((link) => this.#adopt(link))
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
    link.onLane((lane) => {
      const name = laneName(lane.at, lane.peer)
      const awaiting = this.#awaited.get(name)
      this.#awaited.delete(name)
      if (awaiting === undefined) this.#lanes.set(name, lane)
      else awaiting(lane)
    })
    link.onClose((reason) => {
      if (this.#peers.get(node) !== link) return
      this.#peers.delete(node)
      if (!this.#isClosed) this.#onLost(node, reason?.message ?? 'closed')
    })
    return link
  }
}

const gone = (node: string): MillraceError =>
  new MillraceError('E_PEER_LOST', `the data connection to node ${node} was lost`, {
    retryable: true,
    details: { node },
  })
