/**
 * Messages over a lane of a data connection: for what is too large for a control connection.
 *
 * A message is CBOR, in frames of at most `FRAME_BYTES`; each begins with one byte, 1 where more of the
 * message follows, else 0.
 */
import { MillraceError } from '../base/errors.js'
import { decodeCbor, encodeCbor } from '../wire/cbor.js'
import type { MessageLink } from './calls.js'
import type { DataLink, Lane } from './node-links.js'

const FRAME_BYTES = 64 * 1024
/** Of one message. */
export const LANE_MESSAGE_BYTES_MAX = 256 * 1024 * 1024

/** Ends the whole connection where something comes that is no message. */
export function messagesOver(link: DataLink, lane: Lane): MessageLink {
  let listener: (message: unknown) => void = () => {}
  let pieces: Uint8Array[] = []
  let bytes = 0

  function take(frame: ArrayBuffer): void {
    const piece = new Uint8Array(frame)
    pieces.push(piece.subarray(1))
    bytes += piece.length
    if (bytes > LANE_MESSAGE_BYTES_MAX) return link.terminate('limit')
    if (piece[0] === 1) return
    const message = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
    pieces = []
    bytes = 0
    listener(decodeCbor(message))
  }

  function drain(): void {
    try {
      for (let frame = lane.poll(); frame !== null; frame = lane.poll()) take(frame)
      lane.arm()
    } catch {
      link.terminate('damaged')
    }
  }

  return {
    peer: link.peer,
    send(message) {
      const whole = encodeCbor(message, 'message')
      if (whole.length > LANE_MESSAGE_BYTES_MAX) throw tooLarge(whole.length)
      let at = 0
      do {
        const part = whole.subarray(at, at + FRAME_BYTES - 1)
        at += part.length
        const frame = new Uint8Array(part.length + 1)
        frame[0] = at < whole.length ? 1 : 0
        frame.set(part, 1)
        lane.send(frame.buffer)
      } while (at < whole.length)
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

const tooLarge = (bytes: number): MillraceError =>
  new MillraceError(
    'E_MESSAGE_SIZE',
    `a message of ${bytes} bytes is too large; at most ${LANE_MESSAGE_BYTES_MAX} are allowed`,
    { details: { bytes } },
  )
