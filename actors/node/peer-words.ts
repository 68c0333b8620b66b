/**
 * Words of life between two nodes beside their data connection: a control connection of its own over which
 * nothing else goes. On a lossy network TCP lets one connection stand still for seconds now and then, but
 * hardly ever two at the same time, and channels that wait for some seconds need not begin again.
 *
 * Whoever has dialled for data dials for this, too, and again where it is lost, as long as the data connection
 * lives. Without it, what comes over the data connection is all that counts.
 */
import type { Clock } from '../../lib/base/clock.js'
import type { Random } from '../../lib/base/random.js'
import { STANDSTILL_MS } from '../../lib/cluster/times.js'
import { backoff, backoffDelayMs } from '../../lib/supervision/backoff.js'
import type { Network } from '../../lib/transport/network.js'
import type { ControlLink, DataLink, Peer } from '../../lib/transport/node-links.js'

const AGAIN = backoff({ firstMs: 100, maxMs: 5_000, jitter: 0.3 })
/** A connection that has lasted so long was no failure. */
const STEADY_MS = 10_000

export class PeerWords {
  readonly #network: Network
  readonly #clock: Clock
  readonly #random: Random
  /** The newest, by name of the peer. */
  readonly #links = new Map<string, ControlLink>()
  /** Of those that a peer has dialled, the newest beside each data connection. */
  readonly #accepted = new Map<DataLink, ControlLink>()

  constructor(network: Network, clock: Clock, random: Random) {
    this.#network = network
    this.#clock = clock
    this.#random = random
  }

  /** When bytes last came of that process. */
  heardMs(peer: Peer): number {
    return this.#linkTo(peer)?.lastReceivedMs ?? Number.NEGATIVE_INFINITY
  }

  /** One that stands still itself is no help, and nobody else would notice: whoever has dialled dials again. */
  beat(peer: Peer): void {
    const link = this.#linkTo(peer)
    if (link === null) return
    if (this.#clock.now() - link.lastReceivedMs > STANDSTILL_MS) link.terminate()
    else link.send(null)
  }

  /** A peer has dialled, to which there is a data connection. */
  accept(link: ControlLink, data: DataLink): void {
    this.#adopt(link)
    const before = this.#accepted.get(data)
    this.#accepted.set(data, link)
    if (before !== undefined) return before.close()
    data.onClose(() => {
      this.#accepted.get(data)?.close()
      this.#accepted.delete(data)
    })
  }

  /** Dials, until the data connection has ended. */
  dial(url: string, data: DataLink): void {
    let isOver = false
    let failures = 0
    let link: ControlLink | null = null
    const later = () => {
      const delayMs = backoffDelayMs(AGAIN, ++failures, this.#random)
      if (!isOver) this.#clock.after(delayMs, dial)
    }
    const dial = () => {
      if (isOver) return
      this.#network.dialControl(url).then((dialled) => {
        if (isOver || !isSame(dialled.peer, data.peer)) return dialled.close()
        link = dialled
        this.#adopt(dialled)
        const upMs = this.#clock.now()
        dialled.onClose(() => {
          if (this.#clock.now() - upMs >= STEADY_MS) failures = 0
          later()
        })
      }, later)
    }
    data.onClose(() => {
      isOver = true
      link?.close()
    })
    dial()
  }

  #linkTo(peer: Peer): ControlLink | null {
    const link = this.#links.get(peer.id)
    return link !== undefined && isSame(link.peer, peer) ? link : null
  }

  #adopt(link: ControlLink): void {
    const { id } = link.peer
    this.#links.set(id, link)
    link.onMessage(() => {})
    link.onClose(() => {
      if (this.#links.get(id) === link) this.#links.delete(id)
    })
  }
}

const isSame = (one: Peer, other: Peer): boolean =>
  one.id === other.id && one.incarnation === other.incarnation
