/**
 * The reader of everything that is text: bytes from a feed, cut into runs, decoded into records.
 *
 * Its position is the byte offset behind the last record, with the number of lines before it so that
 * messages stay right, with the file's inode where a path may stand for several files in turn, and with
 * what the decoder has learnt from earlier records.
 */
import type { Json } from '../base/json.js'
import type { Decoder } from '../formats/decoder.js'
import type { TextRuns } from '../formats/runs.js'
import type { ByteFeed } from './byte-feed.js'
import type { ReadStatus, SourceReader } from './source.js'

export interface TextPosition {
  readonly offset: number
  /** Lines before it, counted from the start of the split. */
  readonly line: number
  readonly inode: string | null
  /** Of the decoder. */
  readonly memory: Json
}

export class TextReader<T> implements SourceReader<T> {
  readonly #feed: ByteFeed
  readonly #runs: TextRuns
  readonly #decoder: Decoder<T>
  readonly #initial: Json
  #at = 0
  #started = false
  #inode: string | null = null
  #cutting = false
  #closed = false

  constructor(feed: ByteFeed, runs: TextRuns, decoder: Decoder<T>, initial: Json) {
    this.#feed = feed
    this.#runs = runs
    this.#decoder = decoder
    this.#initial = initial
    this.#inode = feed.inode
  }

  read(out: T[], max: number): ReadStatus {
    if (this.#closed) return 'end'
    const before = out.length
    const full = before + max
    const runs = this.#runs
    while (out.length < full) {
      if (this.#at < runs.text.length) {
        this.#at = this.#decoder.decode(runs.text, this.#at, runs.over, out, full - out.length)
        if (out.length >= full) return 'more'
      }
      if (runs.advance(this.#at)) {
        this.#at = 0
        this.#started = true
        continue
      }
      const status = this.#refill()
      if (status === 'waiting') return out.length > before ? 'more' : 'waiting'
      if (status === 'end') return 'end'
    }
    return 'more'
  }

  position(): Json {
    if (!this.#started) return this.#initial
    const { line, memory = null } = this.#decoder
    const offset = this.#runs.offsetAt(this.#at)
    return {
      offset,
      line,
      ...(this.#inode !== null && { inode: this.#inode }),
      ...(memory !== null && { memory }),
    }
  }

  close(): void | Promise<void> {
    this.#closed = true
    return this.#feed.close()
  }

  #refill(): ReadStatus {
    if (this.#runs.over) return this.#afterLast()
    const chunk = this.#feed.next()
    if (chunk === 'waiting') return 'waiting'
    if (chunk === 'end' || chunk === 'cut') {
      this.#cutting = chunk === 'cut'
      this.#runs.finish()
      return 'more'
    }
    this.#inode = this.#feed.inode
    this.#runs.feed(chunk)
    return 'more'
  }

  /** A cut leads to another file; everything else to the end. */
  #afterLast(): ReadStatus {
    if (this.#at < this.#runs.text.length) return 'more'
    if (!this.#cutting) return 'end'
    this.#cutting = false
    this.#runs.restart(this.#feed.offset)
    this.#started = true
    this.#decoder.line = 0
    this.#at = 0
    this.#inode = this.#feed.inode
    return 'more'
  }
}

/** A position as it came from a snapshot; null is the beginning. */
export function readPosition(position: Json): TextPosition | null {
  if (position === null) return null
  const { offset, line, inode, memory } = position as Record<string, Json>
  return {
    offset: offset as number,
    line: line as number,
    inode: (inode as string | undefined) ?? null,
    memory: memory ?? null,
  }
}
