/**
 * The receiving side of a plain connection that this process has dialled, past the WebSocket library: TCP is
 * read into one buffer that is used again and again, and each message is copied once, into its own.
 *
 * `ws` does all else: the handshake of HTTP, all sending, and whatever is not a whole binary message in
 * one frame. From the first such frame on (a close, a ping, text, a fragment, a mask, a length beyond the
 * limit, what breaks RFC 6455) it gets all bytes, for good, and so alone decides what becomes of them.
 *
 * Why: `ws` reads into a new buffer each time, of 64 KiB at most, and joins the pieces of a message that lies in
 * two of them, as one of 64 KiB always does: this way is a third faster by the receiver's CPU time, both
 * measured in turn (`npm run bench -- hosts --job throughput`).
 */
import { connect, type Socket as TcpSocket, type TcpSocketConnectOpts } from 'node:net'
import { assert } from '../base/assert.js'
import { allocateFrame } from '../wire/column-bytes.js'

/** More at a time would not stay in the cache of a core. */
const READ_BYTES = 256 * 1024

/** First byte of a binary message in one frame: FIN and opcode 2 (RFC 6455, section 5.2). */
const BINARY = 0x82
/** Of the second byte: a mask follows. */
const MASKED = 0x80
/** Values of the second byte that announce the length in 2 and in 8 bytes. */
const LENGTH_16 = 126
const LENGTH_64 = 127
/** Of a frame without a mask. */
const HEAD_BYTES_MAX = 10

export interface FrameListener {
  /** Bytes have come. */
  received(): void
  /** The buffer is its own from now on. */
  message(bytes: ArrayBuffer): void
}

export class FrameReading {
  readonly #listener: FrameListener
  readonly #frames: BinaryFrames
  #tcp: TcpSocket | null = null
  /** Bytes are read here; else they go to whoever listens on the stream. */
  #isOn = false

  /** `bytesMax`: of a message; longer ones are left to the library. */
  constructor(bytesMax: number, listener: FrameListener) {
    this.#listener = listener
    this.#frames = new BinaryFrames(bytesMax, (message) => listener.message(message))
  }

  /** As `createConnection` of an HTTP request. */
  connect(options: TcpSocketConnectOpts): TcpSocket {
    assert(this.#tcp === null, 'a reading is of one connection')
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
    const callback = (count: number) => this.#read(buffer.subarray(0, count))
    this.#tcp = connect({ ...options, onread: { buffer, callback } })
    return this.#tcp
  }

  /** From here on frames come; but where some lie in the stream already, what follows them goes there, too. */
  begin(): void {
    this.#isOn = this.#tcp?.readableLength === 0
  }

  /** False: what is in the stream is to be taken first. */
  #read(bytes: Buffer): boolean {
    if (!this.#isOn) return this.#pass(bytes)
    this.#listener.received()
    const used = this.#frames.take(bytes)
    if (!this.#frames.isOver) return true
    this.#isOn = false
    return this.#pass(this.#frames.held, bytes.subarray(used))
  }

  /** To whoever listens on the stream, as if it had been read there; the buffer is used again. */
  #pass(...parts: readonly Uint8Array[]): boolean {
    return this.#tcp!.push(Buffer.concat(parts))
  }
}

/**
 * Takes binary messages of one frame each out of bytes that come in pieces of any size.
 *
 * - Each is told as soon as its last byte is there, in a buffer of exactly its size.
 * - The first frame that is anything else ends it: `take` says how many of the bytes it has used, and `held`
 *   is what it has of the head of that frame.
 * - It holds one message of at most the limit, and a head.
 */
export class BinaryFrames {
  readonly #bytesMax: number
  readonly #onMessage: (message: ArrayBuffer) => void
  /** The head of a frame, as far as it has come. */
  readonly #head = new Uint8Array(HEAD_BYTES_MAX)
  #headBytes = 0
  /** The message that is under way, and how much of it has come; null: a head is next. */
  #message: Uint8Array | null = null
  #filled = 0
  #isOver = false

  constructor(bytesMax: number, onMessage: (message: ArrayBuffer) => void) {
    this.#bytesMax = bytesMax
    this.#onMessage = onMessage
  }

  /** There has been a frame that is for somebody else. */
  get isOver(): boolean {
    return this.#isOver
  }

  get held(): Uint8Array {
    return this.#head.slice(0, this.#headBytes)
  }

  /** How many of the bytes were used: all of them, unless it is over. They are their owner's again. */
  take(bytes: Uint8Array): number {
    let at = 0
    while (at < bytes.length && !this.#isOver) {
      at += this.#message === null ? this.#takeHead(bytes[at]!) : this.#takeBytes(bytes, at)
    }
    return at
  }

  #takeBytes(bytes: Uint8Array, at: number): number {
    const message = this.#message!
    const count = Math.min(message.length - this.#filled, bytes.length - at)
    message.set(bytes.subarray(at, at + count), this.#filled)
    this.#filled += count
    if (this.#filled === message.length) this.#tell(message)
    return count
  }

  /** A head comes byte by byte: it has ten at most, and a message thousands. */
  #takeHead(byte: number): 1 {
    this.#head[this.#headBytes++] = byte
    const isBinary = this.#head[0] === BINARY
    const length = isBinary ? this.#length() : null
    if (!isBinary || (length !== null && length > this.#bytesMax)) this.#isOver = true
    else if (length !== null) this.#begin(length)
    return 1
  }

  /** Null: not known yet. Infinite where no message may be so. */
  #length(): number | null {
    if (this.#headBytes < 2) return null
    const short = this.#head[1]!
    if (short >= MASKED) return Number.POSITIVE_INFINITY
    if (short < LENGTH_16) return short
    const end = short === LENGTH_64 ? 10 : 4
    if (this.#headBytes < end) return null
    let length = 0
    for (let i = 2; i < end; i++) length = length * 256 + this.#head[i]!
    return length
  }

  #begin(length: number): void {
    this.#headBytes = 0
    this.#filled = 0
    const message = new Uint8Array(allocateFrame(length))
    if (length === 0) this.#tell(message)
    else this.#message = message
  }

  #tell(message: Uint8Array): void {
    this.#message = null
    this.#onMessage(message.buffer as ArrayBuffer)
  }
}
