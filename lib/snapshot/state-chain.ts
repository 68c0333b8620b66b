/**
 * The chunks of one former subtask, as a restore goes through them: it asks for one after the other, now and
 * then for one again, and holds few. How they are read, at once or over the network, is for whoever answers.
 */
import { type DecodedChunk, decodeStateChunk } from './state-chunk.js'

/** Gives what it wants to have read, is given its bytes, and comes to a result. */
export type Asking<C, R = void> = Generator<C, R, Uint8Array>

/** So that a round of some chunks is read once, though it is gone through twice. */
const HELD_BYTES_MAX = 4 * 2 ** 20

interface Held {
  readonly chunk: DecodedChunk
  readonly bytes: number
}

/** `C`: what stands for a chunk that is to be read. */
export class StateChain<C> {
  readonly #chunks: readonly C[]
  readonly #held = new Map<number, Held>()
  #heldBytes = 0

  constructor(chunks: readonly C[]) {
    this.#chunks = chunks
  }

  get length(): number {
    return this.#chunks.length
  }

  /** *Caller must* let go of what it has been given before it asks for another. */
  *at(index: number): Asking<C, DecodedChunk> {
    const found = this.#held.get(index)
    if (found !== undefined) return found.chunk
    const bytes = yield this.#chunks[index]!
    const chunk = decodeStateChunk(bytes)
    if (this.#heldBytes + bytes.length <= HELD_BYTES_MAX) {
      this.#held.set(index, { chunk, bytes: bytes.length })
      this.#heldBytes += bytes.length
    }
    return chunk
  }

  /** It will not be asked for again. */
  passed(index: number): void {
    this.#heldBytes -= this.#held.get(index)?.bytes ?? 0
    this.#held.delete(index)
  }
}
