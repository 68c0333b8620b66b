/**
 * Messages over a lane of a data connection: for what is too large for a control connection.
 *
 * What waits in the socket is little, so that other lanes have their turn and no limit is met; the rest
 * waits here, as the messages that they are. *Caller must* bound those: by waiting for answers.
 */
import { type Cancel, type Clock, systemClock } from '../base/clock.js'
import { FRAME_BYTES_MAX } from '../wire/limits.js'
import type { MessageLink } from './calls.js'
import type { DataLink, Lane } from './node-links.js'
import { decodeMessage, encodeMessage, PieceCutter, PieceJoiner } from './pieces.js'

/** Of one message. */
export const LANE_MESSAGE_BYTES_MAX = 256 * 1024 * 1024

/** Pieces go to the socket while less than this waits there. */
const SOCKET_BYTES = 1024 * 1024
/** How soon after that the socket is looked at again: it passes 500 MB/s so. */
const LOOK_MS = 2

/** Ends the whole connection where something comes that is no message. */
export function messagesOver(link: DataLink, lane: Lane, clock: Clock = systemClock): MessageLink {
  const cutter = new PieceCutter(lane.session, FRAME_BYTES_MAX)
  const joiner = new PieceJoiner(lane.session, LANE_MESSAGE_BYTES_MAX)
  let listener: (message: unknown) => void = () => {}
  /** Messages not sent yet; the first may be under way. */
  let waiting: Iterator<ArrayBuffer>[] = []
  let stopLooking: Cancel | null = null

  function pump(): void {
    stopLooking = null
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (link.bufferedBytes > SOCKET_BYTES) {
        stopLooking = clock.after(LOOK_MS, pump)
        return
      }
      const { done, value } = next.next()
      if (done === true) waiting.shift()
      else lane.send(value)
    }
  }

  link.onClose(() => {
    waiting = []
    stopLooking?.()
  })

  function take(piece: ArrayBuffer): void {
    let message: unknown
    try {
      const bytes = joiner.join(piece)
      if (bytes === null) return
      message = decodeMessage(bytes)
    } catch {
      return link.terminate('damaged')
    }
    listener(message)
  }

  function drain(): void {
    for (let piece = lane.poll(); piece !== null; piece = lane.poll()) take(piece)
    lane.arm()
  }

  return {
    peer: link.peer,
    send(message) {
      const whole = encodeMessage(message, LANE_MESSAGE_BYTES_MAX)
      waiting.push(cutter.cut(whole)[Symbol.iterator]())
      if (stopLooking === null) pump()
      return whole.length
    },
    onMessage(heard) {
      listener = heard
      lane.onReadable(drain)
      drain()
    },
    onClose: (closed) => lane.onClose(closed),
    close: (reason) => link.close(reason),
  }
}
