/** Frames from the listening to the dialling process, as fast as they are taken. */
import { dialData } from '../../lib/transport/dial.js'
import type { Lane } from '../../lib/transport/node-links.js'
import { allocateFrame } from '../../lib/wire/column-bytes.js'
import {
  beginData,
  CREDIT_FRAME,
  decodeFrame,
  encodeCredit,
  type FrameHead,
  sealFrame,
  stampData,
} from '../../lib/wire/frame.js'
import { FRAME_BYTES_MAX } from '../../lib/wire/limits.js'
import { measured, type Throughput } from './measured.js'
import { type Engine, startPeer } from './peer.js'

/** Frames on their way at most, and how many are taken before credit is given again. */
const CREDIT = 128
const GRANT = 16

const headOf = ({ session }: Lane, sequence: number): FrameHead => ({
  edge: 1,
  from: 0,
  to: 0,
  attempt: 1,
  session,
  sequence,
})

export async function throughput(engine: Engine, frames: number): Promise<Throughput> {
  const peer = await startPeer(engine, 'send')
  const link = await dialData(peer.dial)
  const lane = link.openLane({ at: 'receiver', to: 'sender' })
  // A tenth of them first, for the compilers.
  await take(lane, 0, frames / 10)
  const result = await measured(frames, () => take(lane, frames / 10, frames), peer)
  link.close()
  await peer.stop()
  return result
}

/** Takes as many frames after the first `taken`, and leaves no credit behind. */
function take(lane: Lane, taken: number, frames: number): Promise<void> {
  const last = taken + frames
  let sequence = taken
  let granted = taken
  let credits = taken === 0 ? 0 : 1e6
  const grant = (): void => {
    granted = Math.min(sequence + CREDIT, last)
    const frame = encodeCredit(headOf(lane, ++credits), granted)
    sealFrame(frame)
    lane.send(frame)
  }
  return new Promise((resolve, reject) => {
    lane.onClose((reason) => reject(reason ?? new Error('closed')))
    const drain = (): void => {
      for (let bytes = lane.poll(); bytes !== null; bytes = lane.poll()) {
        const frame = decodeFrame(bytes, true)
        sequence += 1
        if (frame.sequence !== sequence) throw new Error(`a gap at ${sequence}`)
        if (sequence === last) return resolve()
        if (sequence % GRANT === 0 && granted < last) grant()
      }
      lane.arm()
    }
    lane.onReadable(drain)
    grant()
    lane.arm()
  })
}

/** The sending side. */
export function sendFrames(lane: Lane): void {
  const template = new Uint8Array(FRAME_BYTES_MAX).fill(7)
  beginData(new DataView(template.buffer), 0, 0, false)
  let sequence = 0
  const serve = (): void => {
    for (let bytes = lane.poll(); bytes !== null; bytes = lane.poll()) {
      const credit = decodeFrame(bytes, true)
      if (credit.kind !== CREDIT_FRAME) throw new Error('expected credit')
      while (sequence < credit.upToSequence) {
        // A frame of its own each time, as from an encoder: not filled with zeros first.
        const frame = allocateFrame(FRAME_BYTES_MAX)
        new Uint8Array(frame).set(template)
        stampData(frame, headOf(lane, ++sequence), 0)
        sealFrame(frame)
        lane.send(frame)
      }
    }
    lane.arm()
  }
  lane.onReadable(serve)
  serve()
}
