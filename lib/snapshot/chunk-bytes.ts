/** What chunks are made of: bytes, numbers (big-endian), and JSON behind its length. */

export function lengthAndText(value: object): Uint8Array {
  const text = Buffer.from(JSON.stringify(value))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text])
}

/** Reads the bytes of a chunk one after the other. `damaged`: the error for what is not as it was written. */
export class ChunkReader {
  readonly #bytes: Buffer
  readonly #damaged: (reason: string, cause?: unknown) => Error
  #at = 0

  constructor(bytes: Uint8Array, damaged: (reason: string, cause?: unknown) => Error) {
    this.#damaged = damaged
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  take(length: number): Uint8Array {
    const from = this.#at
    if (length > this.#bytes.length - from) throw this.#damaged('it ends too early')
    this.#at += length
    return this.#bytes.subarray(from, this.#at)
  }

  uint16(): number {
    const bytes = this.take(2)
    return bytes[0]! * 256 + bytes[1]!
  }

  uint32(): number {
    return this.uint16() * 65_536 + this.uint16()
  }

  /** Null where there is none. */
  json(): object | null {
    const length = this.uint32()
    if (length === 0) return null
    const text = Buffer.from(this.take(length)).toString()
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch (cause) {
      throw this.#damaged('a head of it is no JSON', cause)
    }
    if (typeof value !== 'object' || value === null)
      throw this.#damaged('a head of it is no object')
    return value
  }
}
