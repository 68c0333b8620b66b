/**
 * Signs of life on a data connection between two nodes. A connection that is cut says nothing: without
 * them its channels would stand still until the kernel gives up, which takes a quarter of an hour.
 *
 * Each side sends a small frame on a lane of its own; what counts is that bytes of whatever kind come, on that
 * connection or on the one beside it (`peer-words.ts`). A data connection that stands still while the other
 * does not is waited for, longer, for TCP sends again after ever longer pauses.
 */
import type { Clock } from '../../lib/base/clock.js'
import { watchPeer } from '../../lib/cluster/peer-watch.js'
import { SILENCE_MS, STANDSTILL_MS } from '../../lib/cluster/times.js'
import { messagesOver } from '../../lib/transport/lane-messages.js'
import type { DataLink, Lane } from '../../lib/transport/node-links.js'
import type { PeerWords } from './peer-words.js'

/** Between two beats. */
const PULSE_MS = 500
/** Names of the lane at both ends: no ref of a slot is like it. */
const PULSE = 'pulse'

export const isPulse = ({ at }: Lane): boolean => at === PULSE

/** Reads what comes, so that nothing piles up. */
export function takePulse(link: DataLink, lane: Lane): void {
  messagesOver(link, lane).onMessage(() => {})
}

/** Beats until the link ends, and ends it where the other side is silent. */
export function keepPulse(
  link: DataLink,
  clock: Clock,
  words: PeerWords,
  onSilent: (reason: string) => void,
): void {
  const messages = messagesOver(link, link.openLane({ at: PULSE, to: PULSE }))
  messages.onMessage(() => {})
  const standsStill = () => clock.now() - link.lastReceivedMs > STANDSTILL_MS
  const stop = watchPeer({
    clock,
    everyMs: PULSE_MS,
    silenceMs: SILENCE_MS,
    lastReceivedMs: () =>
      standsStill() ? link.lastReceivedMs : Math.max(link.lastReceivedMs, words.heardMs(link.peer)),
    beat: () => {
      messages.send(null)
      words.beat(link.peer)
    },
    onSilent: () => {
      onSilent(
        standsStill()
          ? `nothing came over the data connection for ${STANDSTILL_MS} ms`
          : `nothing was heard of it for ${SILENCE_MS} ms`,
      )
      link.terminate('silent')
    },
  })
  link.onClose(stop)
}
