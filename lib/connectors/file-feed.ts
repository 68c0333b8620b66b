/**
 * A range of a regular file, or a device, as a byte feed: two blocks, one being read while the other
 * is being used. Reading is asynchronous, handing over is not.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { MillraceError } from '../base/errors.js'
import { BLOCK_BYTES, type ByteFeed, READ_AHEAD_BLOCKS } from './byte-feed.js'
import { fileError } from './file-error.js'

export interface FileRange {
  readonly path: string
  readonly start: number
  /** Bytes behind it are not read; that many must be there. Null: reads to the end of the file. */
  readonly size: number | null
}

export class FileFeed implements ByteFeed {
  readonly inode = null
  readonly offset = 0
  readonly #range: FileRange
  readonly #wake: () => void
  readonly #blockBytes: number
  readonly #free: Buffer[] = []
  readonly #ready: Buffer[] = []
  #lent: Buffer | null = null
  #blocks = 0
  #handle: FileHandle | null = null
  #offset: number
  #reading = false
  #ended = false
  #closed = false
  #failure: MillraceError | null = null

  constructor(range: FileRange, wake: () => void, blockBytes = BLOCK_BYTES) {
    this.#range = range
    this.#wake = wake
    this.#offset = range.start
    const left = range.size === null ? blockBytes : range.size - range.start
    this.#blockBytes = Math.max(1, Math.min(blockBytes, left))
  }

  /** Bytes that are read and not yet handed out. */
  get aheadBytes(): number {
    return this.#ready.reduce((sum, block) => sum + block.length, 0)
  }

  next(): Buffer | 'waiting' | 'end' {
    if (this.#lent !== null) {
      this.#free.push(this.#lent)
      this.#lent = null
    }
    const block = this.#ready.shift() ?? null
    if (!this.#reading) void this.#fill()
    if (block !== null) {
      // The slice may be shorter; the whole block is lent.
      this.#lent = Buffer.from(block.buffer, 0, this.#blockBytes)
      return block
    }
    if (this.#failure !== null) throw this.#failure
    return this.#ended ? 'end' : 'waiting'
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#release()
  }

  async #release(): Promise<void> {
    const handle = this.#handle
    this.#handle = null
    // A read in flight keeps the handle until it is done.
    await handle?.close()
  }

  /** Reads until both blocks are full. */
  async #fill(): Promise<void> {
    this.#reading = true
    try {
      while (!this.#closed && !this.#ended && this.#failure === null) {
        const block = this.#takeFree()
        if (block === null) break
        await this.#readInto(block)
      }
    } catch (cause) {
      this.#failure = fileError(cause, 'read', this.#range.path)
      if (!this.#closed) this.#wake()
    } finally {
      this.#reading = false
    }
    if (this.#ended || this.#failure !== null) await this.#release().catch(() => {})
  }

  #takeFree(): Buffer | null {
    const block = this.#free.pop()
    if (block !== undefined) return block
    if (this.#blocks === READ_AHEAD_BLOCKS) return null
    this.#blocks++
    return Buffer.allocUnsafeSlow(this.#blockBytes)
  }

  async #readInto(block: Buffer): Promise<void> {
    const { path, start, size } = this.#range
    if (size !== null && this.#offset >= size) return this.#end()
    const handle = this.#handle ?? (await this.#open())
    if (handle === null) return
    const wanted = size === null ? block.length : Math.min(block.length, size - this.#offset)
    // What is no regular file has no positions; it is read from its beginning only.
    const at = size === null && start === 0 ? null : this.#offset
    const { bytesRead } = await handle.read(block, 0, wanted, at)
    if (this.#closed) return
    if (bytesRead === 0 && size !== null) throw shrunk(path, size, this.#offset)
    if (bytesRead === 0) return this.#end()
    this.#offset += bytesRead
    this.#ready.push(block.subarray(0, bytesRead))
    if (size !== null && this.#offset >= size) this.#ended = true
    this.#wake()
  }

  async #open(): Promise<FileHandle | null> {
    const handle = await open(this.#range.path, 'r')
    if (this.#closed) {
      await handle.close()
      return null
    }
    this.#handle = handle
    return handle
  }

  #end(): void {
    this.#ended = true
    this.#wake()
  }
}

function shrunk(file: string, size: number, offset: number): MillraceError {
  return new MillraceError(
    'E_FILE_SHRANK',
    `${file} had ${size} bytes when it was listed, and now ends at byte ${offset}; ` +
      'do not truncate a file while it is read, or read it with follow: true',
    { retryable: true, details: { file, size, offset } },
  )
}
