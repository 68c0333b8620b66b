/**
 * Text to a byte target in blocks: one write in flight, the rest waits, and how much may wait is
 * bounded by `full`.
 *
 * Text is collected until a block is together or `flush` asks. While a write is in flight two blocks
 * may wait; then `full` is true, and `onRoom` is called when it no longer is. What a caller adds in
 * one go is always taken, so the bound is two blocks and that.
 *
 * `behind` runs a step between what was taken before it and what is taken after it.
 */
import { MillraceError } from '../base/errors.js'

/** Where the bytes go. Every method may be slow; at most one is in flight. */
export interface ByteTarget {
  /** Writes some or all of `bytes`; returns how many. */
  write(bytes: Uint8Array): Promise<number>
  /** Makes what was written durable, where that means something. */
  sync(): Promise<void>
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

/** In characters; for ASCII, bytes. */
export const BLOCK_CHARS = 256 * 1024
const WAITING_BLOCKS_MAX = 2

/** A step between two blocks. */
interface Step {
  run(): Promise<void>
  /** Instead of `run`: it will not come to that. */
  drop(reason: MillraceError): void
}

export class BlockWriter {
  readonly #options: BlockWriterOptions
  #text = ''
  #queue: (string | Step)[] = []
  /** Of the queue, those that are text. */
  #waiting = 0
  #target: ByteTarget | null = null
  #isRunning = false
  #done: Promise<void> = Promise.resolve()
  #flushing = false
  #wasFull = false
  #aborted = false
  #finished = false
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
    this.#close()
    this.#run()
  }

  /** Opens the target now, whatever there is to write. */
  open(): void {
    if (this.#isUnopened) this.#run(true)
  }

  /**
   * Runs `step` when everything taken so far is written, and before anything that is taken later. It
   * rejects, and nothing is written any more, where the step does.
   */
  behind<R>(step: () => Promise<R>): Promise<R> {
    const { promise, resolve, reject } = settleable<R>()
    this.#close()
    this.#queue.push({
      run: async () => {
        try {
          resolve(await step())
        } catch (cause) {
          const failure = this.#options.explain(cause)
          reject(failure)
          throw failure
        }
      },
      drop: reject,
    })
    if (this.#failure !== null || this.#aborted) this.#drop()
    else this.#run()
    return promise
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
    } while (this.#isRunning || this.#isUnopened)
    if (this.#failure !== null) throw this.#failure
    if (this.#aborted) return
    const target = this.#target
    this.#target = null
    this.#finished = true
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
    await this.#letGo()
  }

  async #letGo(): Promise<void> {
    const target = this.#target
    this.#target = null
    // What is given up has nobody left to hear that it could not be closed.
    await target?.close().catch(() => {})
  }

  get #isUnopened(): boolean {
    return this.#target === null && !this.#finished && !this.#aborted && this.#failure === null
  }

  /** What is together so far becomes a block. */
  #close(): void {
    if (this.#text === '') return
    this.#queue.push(this.#text)
    this.#waiting++
    this.#text = ''
  }

  #drop(): void {
    const dropped = this.#queue
    this.#queue = []
    this.#waiting = 0
    this.#text = ''
    const reason = this.#failure ?? new MillraceError('E_SINK_ABORTED', 'the sink was aborted')
    for (const entry of dropped) if (typeof entry !== 'string') entry.drop(reason)
  }

  #run(always = false): void {
    if (this.#isRunning || this.#aborted || this.#failure !== null) return
    if (!always && this.#queue.length === 0 && this.#text === '') return
    this.#isRunning = true
    this.#done = this.#writeAll(always)
  }

  async #writeAll(opens: boolean): Promise<void> {
    try {
      if (opens || this.#waiting > 0 || this.#text !== '') await this.#opened()
      for (let entry = this.#take(); entry !== null; entry = this.#take()) {
        if (typeof entry === 'string') {
          await this.#writeOne(await this.#opened(), Buffer.from(entry))
          this.#tellRoom()
        } else await entry.run()
      }
    } catch (cause) {
      this.#failure = this.#options.explain(cause)
      this.#drop()
      await this.#letGo()
      if (!this.#aborted) this.#options.onFailure(this.#failure)
    } finally {
      this.#isRunning = false
    }
  }

  async #opened(): Promise<ByteTarget> {
    this.#target ??= await this.#options.open()
    return this.#target
  }

  #take(): string | Step | null {
    const entry = this.#queue.shift()
    if (entry !== undefined) {
      if (typeof entry === 'string') this.#waiting--
      return entry
    }
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

function settleable<R>() {
  let resolve!: (result: R) => void
  let reject!: (reason: Error) => void
  const promise = new Promise<R>((done, failed) => {
    resolve = done
    reject = failed
  })
  return { promise, resolve, reject }
}
