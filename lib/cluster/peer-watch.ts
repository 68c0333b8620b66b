/**
 * One peer that is beaten to, and given up when it is silent: half of a connection may be gone without a
 * word, and the kernel takes a quarter of an hour to say so.
 */
import type { Cancel, Clock } from '../base/clock.js'
import { SilenceWatch } from './lease.js'

export interface PeerWatch {
  readonly clock: Clock
  /** Monotonic time, on that clock, at which bytes of whatever kind last came. */
  lastReceivedMs(): number
  readonly everyMs: number
  readonly silenceMs: number
  /** Sends something, so that the other side hears of this one, and answers. */
  beat(): void
  /** Called at most once; nothing is beaten after that. */
  onSilent(): void
}

const PEER = 'peer'
/** Looks between two beats: so much sooner a silent peer is noticed. */
const LOOKS = 5

/** Beats at once, and from then on until it is cancelled or the peer is silent. */
export function watchPeer(peer: PeerWatch): Cancel {
  const { clock, everyMs, silenceMs } = peer
  const lookMs = everyMs / LOOKS
  const watch = new SilenceWatch(lookMs, clock.now(), silenceMs)
  let looks = 0
  let isOver = false
  let stop: Cancel = () => {}
  const look = () => {
    watch.heard(PEER, peer.lastReceivedMs())
    if (watch.silent(clock.now()).length > 0) {
      isOver = true
      return peer.onSilent()
    }
    if (looks++ % LOOKS === 0) peer.beat()
    if (!isOver) stop = clock.after(lookMs, look)
  }
  look()
  return () => {
    isOver = true
    stop()
  }
}
