/**
 * Signs of life on a data connection between two nodes. A connection that is cut says nothing: without
 * them its channels would stand still until the kernel gives up, which takes a quarter of an hour.
 *
 * Each side sends a small frame on a lane of its own; what counts is that bytes of whatever kind come.
 */
import type { Clock } from '../../lib/base/clock.js'
import { SilenceWatch } from '../../lib/cluster/lease.js'
import { SILENCE_MS } from '../../lib/cluster/times.js'
import { messagesOver } from '../../lib/transport/lane-messages.js'
import type { DataLink, Lane } from '../../lib/transport/node-links.js'

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
export function keepPulse(link: DataLink, clock: Clock, onSilent: (reason: string) => void): void {
  const messages = messagesOver(link, link.openLane({ at: PULSE, to: PULSE }))
  messages.onMessage(() => {})
  const watch = new SilenceWatch(PULSE_MS, clock.now())
  let isOver = false
  link.onClose(() => {
    isOver = true
  })
  const beat = () => {
    if (isOver) return
    watch.heard(PULSE, link.lastReceivedMs)
    if (watch.silent(clock.now()).length > 0) {
      onSilent(`nothing was heard of it for ${SILENCE_MS} ms`)
      return link.terminate('silent')
    }
    messages.send(null)
    clock.after(PULSE_MS, beat)
  }
  beat()
}
