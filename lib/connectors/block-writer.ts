/**
 * Text to a byte target in blocks: one write in flight, the rest waits, and how much may wait is
 * bounded by `full`.
 *
 * Text is collected until a block is together or `flush` asks. While a write is in flight two blocks
 * may wait; then `full` is true, and `onRoom` is called when it no longer is. What a caller adds in
 * one go is always taken, so the bound is two blocks and that.
 */
import { MillraceError } from '../base/errors.js'

/** Where the bytes go. Every method may be slow; at most one is in flight. */
export interface ByteTarget {
  /** Writes some or all of `bytes`; returns how many. */
  write(bytes: Uint8Array): Promise<number>
  /** Makes what was written durable, where that means something. */
  sync(): Promise<void>
  /** Bytes from the beginning of the target to where the next write goes; null where it has none. */
  readonly position: number | null
  close(): Promise<void>
}

export interface BlockWriterOptions {
  /** Opens the target before the first write, or before `finish`. */
  readonly open: () => Promise<ByteTarget>
  readonly onRoom: () => void
  /** Called once; nothing is written after it. */
  readonly onFailure: (failure: MillraceError) => void
  readonly explain: (cause: unknown) => MillraceError
}

/** A place between two texts, and who waits for it. */
class Mark {
  readonly reached: Promise<number | null>
  resolve!: (position: number | null) => void
  reject!: (error: Error) => void

  constructor() {
    this.reached = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    this.reached.catch(() => {})
  }
}

/** In characters; for ASCII, bytes. */
export const BLOCK_CHARS = 256 * 1024
const WAITING_BLOCKS_MAX = 2

export class BlockWriter {
  readonly #options: BlockWriterOptions
  #text = ''
  #blocks: (string | Mark)[] = []
  /** Of the blocks, those that are text. */
  #waiting = 0
  #target: ByteTarget | null = null
  #isRunning = false
  #done: Promise<void> = Promise.resolve()
  #flushing = false
  #wasFull = false
  #aborted = false
  #failure: MillraceError | null = null

  constructor(options: BlockWriterOptions) {
    this.#options = options
  }

  get full(): boolean {
    return this.#waiting >= WAITING_BLOCKS_MAX
  }

  write(text: string): void {
    this.#text += text
    if (this.#text.length < BLOCK_CHARS) return
    this.#cut()
    this.#run()
  }

  /**
   * Resolves when everything written so far is durable, with the target's position behind it; null
   * where there is no target yet, or none with positions. What is written meanwhile lies behind it.
   */
  mark(): Promise<number | null> {
    if (
      this.#target === null &&
      !this.#isRunning &&
      this.#blocks.length === 0 &&
      this.#text === ''
    ) {
      return Promise.resolve(null)
    }
    if (this.#failure !== null) return Promise.reject(this.#failure)
    const mark = new Mark()
    if (this.#text !== '') this.#cut()
    this.#blocks.push(mark)
    this.#run()
    return mark.reached
  }

  /** Opens the target, though there is nothing to write yet. */
  async begin(): Promise<void> {
    this.#run(true)
    await this.#done
    if (this.#failure !== null) throw this.#failure
  }

  /** Starts writing what is there, even if it is no whole block. True: more can be taken. */
  settle(flush: boolean): boolean {
    if (flush) this.#flushing = true
    if (flush) this.#run()
    // Never reset here: whoever was told to wait still waits, though a block has been taken since.
    if (this.full) this.#wasFull = true
    return !this.full
  }

  /** Resolves when everything is written, synced and closed. */
  async finish(): Promise<void> {
    do {
      this.#flushing = true
      this.#run(true)
      await this.#done
    } while (this.#isRunning)
    if (this.#failure !== null) throw this.#failure
    if (this.#aborted) return
    const target = this.#target
    this.#target = null
    try {
      await target?.sync()
    } catch (cause) {
      throw this.#options.explain(cause)
    } finally {
      await target?.close()
    }
  }

  /** Drops what waits; resolves when a write in flight has completed and the target is closed. */
  async abort(): Promise<void> {
    this.#aborted = true
    this.#drop()
    await this.#done
    const target = this.#target
    this.#target = null
    // What is given up has nobody left to hear that it could not be closed.
    await target?.close().catch(() => {})
  }

  #drop(): void {
    const failure = this.#failure ?? new MillraceError('E_ABORTED', 'the writer has ended')
    for (const block of this.#blocks) if (block instanceof Mark) block.reject(failure)
    this.#blocks = []
    this.#waiting = 0
    this.#text = ''
  }

  #cut(): void {
    this.#blocks.push(this.#text)
    this.#waiting++
    this.#text = ''
  }

  #run(always = false): void {
    if (this.#isRunning || this.#aborted || this.#failure !== null) return
    if (!always && this.#blocks.length === 0 && this.#text === '') return
    this.#isRunning = true
    this.#done = this.#writeAll()
  }

  async #writeAll(): Promise<void> {
    try {
      this.#target ??= await this.#options.open()
      for (let block = this.#take(); block !== null; block = this.#take()) {
        if (block instanceof Mark) await this.#reach(this.#target, block)
        else await this.#writeOne(this.#target, Buffer.from(block))
        this.#tellRoom()
      }
    } catch (cause) {
      this.#failure = this.#options.explain(cause)
      this.#drop()
      if (!this.#aborted) this.#options.onFailure(this.#failure)
    } finally {
      this.#isRunning = false
    }
  }

  async #reach(target: ByteTarget, mark: Mark): Promise<void> {
    try {
      await target.sync()
      mark.resolve(target.position)
    } catch (cause) {
      mark.reject(this.#options.explain(cause))
      throw cause
    }
  }

  #take(): string | Mark | null {
    const block = this.#blocks.shift()
    if (typeof block === 'string') this.#waiting--
    if (block !== undefined) return block
    if (!this.#flushing || this.#text === '') {
      this.#flushing = false
      return null
    }
    const text = this.#text
    this.#text = ''
    return text
  }

  async #writeOne(target: ByteTarget, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#aborted; ) {
      const written = await target.write(at === 0 ? bytes : bytes.subarray(at))
      if (written <= 0) throw new MillraceError('E_FILE', 'a write took no bytes')
      at += written
    }
  }

  #tellRoom(): void {
    if (!this.#wasFull || this.full || this.#aborted) return
    this.#wasFull = false
    this.#options.onRoom()
  }
}
