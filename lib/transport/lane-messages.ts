/** Messages over a lane of a data connection: for what is too large for a control connection. */
import type { MessageLink } from './calls.js'
import type { DataLink, Lane } from './node-links.js'
import {
  decodeMessage,
  encodeMessage,
  PIECE_BYTES_MAX,
  PieceCutter,
  PieceJoiner,
} from './pieces.js'

/** Of one message. */
export const LANE_MESSAGE_BYTES_MAX = 256 * 1024 * 1024

/** Ends the whole connection where something comes that is no message. */
export function messagesOver(link: DataLink, lane: Lane): MessageLink {
  const cutter = new PieceCutter(lane.session, PIECE_BYTES_MAX)
  const joiner = new PieceJoiner(lane.session, LANE_MESSAGE_BYTES_MAX)
  let listener: (message: unknown) => void = () => {}

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
      for (const piece of cutter.cut(whole)) lane.send(piece)
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
