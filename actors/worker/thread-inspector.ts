/**
 * A worker thread that can be looked into, and how it is ended.
 *
 * The rule, held here and nowhere else: one look at a time, no end during a look, no look once the end
 * has begun. For a look pauses the thread, and a thread that is ended while it is paused waits for an
 * inspector that may never come back; two looks would resume and disable each other's pause. A look
 * is short (`LOOK_MS_MAX`), so the end is never put off for longer.
 *
 * The thread may still end by itself in the middle of a look; then the look is over, too.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { type Debuggee, heapBytesOf, stackOf } from './debuggee.js'
import { workerSessions } from './worker-sessions.js'

/** An answer may be the last sign of a thread that ends; after this time its end is known. */
const BETWEEN_LOOKS_MS = 20

export class ThreadInspector {
  readonly worker: Worker
  readonly #threadId: number
  /** Settles after the last look that was asked for; never rejects. */
  #looks: Promise<unknown> = Promise.resolve()
  #isEnding = false

  /** Caller must: leave `terminate` of the worker to this object. */
  constructor(start: () => Worker) {
    workerSessions()
    this.worker = start()
    this.#threadId = this.worker.threadId
    this.worker.once('exit', () => {
      this.#isEnding = true
    })
  }

  /** What the thread is doing; null where that cannot be seen. It is paused for an instant. */
  stack(): Promise<string | null> {
    return this.#look(stackOf)
  }

  /** Heap in use, in bytes, garbage included, Buffers not; null where that cannot be seen. */
  heapBytes(): Promise<number | null> {
    return this.#look(heapBytesOf)
  }

  /** Ends the thread, as soon as no look is in progress. */
  async terminate(): Promise<void> {
    this.#isEnding = true
    await this.#looks
    await this.worker.terminate()
  }

  #look<T>(look: (debuggee: Debuggee) => Promise<T | null>): Promise<T | null> {
    const seen = this.#looks.then(() => {
      const debuggee = this.#isEnding ? null : workerSessions().find(this.#threadId)
      return debuggee && look(debuggee)
    })
    this.#looks = seen.catch(() => {}).then(() => delay(BETWEEN_LOOKS_MS))
    return seen
  }
}
