/**
 * A Node stream — standard input, a named pipe, a TCP connection — as a byte feed. What it reads
 * ahead is the stream's own high-water mark; while nobody calls `next` it fills that and stops, and
 * the kernel's buffers push back on whoever writes.
 */
import type { Readable } from 'node:stream'
import type { MillraceError } from '../base/errors.js'
import type { ByteFeed } from './byte-feed.js'

export class StreamFeed implements ByteFeed {
  readonly inode = null
  readonly offset = 0
  readonly #stream: Readable
  #ended = false
  #closed = false
  #failure: MillraceError | null = null

  constructor(stream: Readable, wake: () => void, explain: (cause: unknown) => MillraceError) {
    this.#stream = stream
    const notify = () => {
      if (!this.#closed) wake()
    }
    stream.on('readable', notify)
    stream.on('end', () => {
      this.#ended = true
      notify()
    })
    stream.on('error', (cause) => {
      this.#failure ??= explain(cause)
      notify()
    })
    stream.on('close', () => {
      this.#ended = true
      notify()
    })
  }

  next(): Buffer | 'waiting' | 'end' {
    const chunk = this.#closed ? null : (this.#stream.read() as Buffer | null)
    if (chunk !== null) return chunk
    if (this.#failure !== null) throw this.#failure
    return this.#ended ? 'end' : 'waiting'
  }

  close(): void {
    this.#closed = true
    this.#stream.destroy()
  }
}
