/** A record too large for one frame, on its way in fragments. The decoder puts it together again. */
import { allocateFrame, COLUMN_HEAD_BYTES, putColumnHead, WORD_FRAGMENT } from './column-bytes.js'
import { beginData, OFFSET_COLUMNS } from './frame.js'

/** What is there: flags of the first item of `[flags, record, key, group, time]`. */
export const LARGE_HAS_KEY = 1
export const LARGE_HAS_GROUP = 2
export const LARGE_HAS_TIME = 4

const HEAD_BYTES = OFFSET_COLUMNS + COLUMN_HEAD_BYTES

export class LargeRecord {
  readonly #bytes: Uint8Array
  readonly #frameBytesMax: number
  #sent = 0

  /** `bytes`: CBOR of `[flags, record, key, group, time]`. */
  constructor(bytes: Uint8Array, frameBytesMax: number) {
    this.#bytes = bytes
    this.#frameBytesMax = frameBytesMax
  }

  get isSent(): boolean {
    return this.#sent === this.#bytes.length
  }

  /** The frame of the next part. Its count is the length of the whole. */
  next(): ArrayBuffer {
    const { length } = this.#bytes
    const end = Math.min(length, this.#sent + this.#frameBytesMax - HEAD_BYTES)
    const part = this.#bytes.subarray(this.#sent, end)
    const frame = allocateFrame(HEAD_BYTES + part.length)
    const view = new DataView(frame)
    beginData(view, 1, length, true)
    putColumnHead(view, OFFSET_COLUMNS, WORD_FRAGMENT, part.length)
    new Uint8Array(frame).set(part, HEAD_BYTES)
    this.#sent = end
    return frame
  }
}
