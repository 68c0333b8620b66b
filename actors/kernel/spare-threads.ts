/**
 * Threads that are started before anybody needs them: to load the runtime takes such a thread longer than all
 * else that a job waits for until it runs.
 *
 * A spare has loaded no code of anybody's job, and is taken once. `keep` starts it when nothing has changed for a
 * moment, so that it takes no time from what begins or ends; `start` at once, for what is sure to be needed. It does
 * not keep its process alive. One that ends by itself, or cannot be started, is missing until the next call of these:
 * whoever takes none starts a thread.
 */
import type { Worker } from 'node:worker_threads'
import type { Cancel, Clock } from '../../lib/base/clock.js'

/** *Contract*: until it is taken, its thread sends no message but the one that it dies. */
export interface SpareThread {
  readonly worker: Worker
  terminate(): Promise<unknown>
}

/** Nothing has changed for so long, and no other has been started. */
const IDLE_MS = 1000

export class SpareThreads<T extends SpareThread> {
  readonly #clock: Clock
  readonly #start: () => T
  /** The oldest first. */
  readonly #spares = new Set<T>()
  #stopTimer: Cancel = () => {}
  #isClosed = false

  constructor(clock: Clock, start: () => T) {
    this.#clock = clock
    this.#start = start
  }

  get count(): number {
    return this.#spares.size
  }

  /** So many are to be there, but none sooner than a moment after the last call. */
  keep(count: number): void {
    this.#stopTimer()
    if (this.#isClosed) return
    this.#stopTimer = this.#clock.after(IDLE_MS, () => {
      while (this.#spares.size > count) void this.take()!.terminate()
      this.#startMore(count - this.#spares.size)
    })
  }

  /** At once; what is there counts. */
  start(count: number): void {
    this.#stopTimer()
    while (!this.#isClosed && this.#spares.size < count && this.#add());
  }

  /** It is the caller's from now on. Null: none is there. */
  take(): T | null {
    const [spare = null] = this.#spares
    if (spare === null) return null
    this.#spares.delete(spare)
    spare.worker.ref()
    return spare
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#stopTimer()
    const ending = [...this.#spares].map((spare) => spare.terminate())
    this.#spares.clear()
    await Promise.all(ending)
  }

  /** One at a time. Those that end meanwhile are not replaced. */
  #startMore(missing: number): void {
    if (missing <= 0 || !this.#add()) return
    this.#stopTimer = this.#clock.after(IDLE_MS, () => this.#startMore(missing - 1))
  }

  /** False: no more can be started now. Nobody waits for one; who does is told. */
  #add(): boolean {
    let spare: T
    try {
      spare = this.#start()
    } catch {
      return false
    }
    this.#spares.add(spare)
    // Why it ended concerns nobody: it had nothing of anybody's. Without work it says nothing but that it dies.
    for (const sign of ['message', 'error', 'exit']) {
      spare.worker.once(sign, () => this.#spares.delete(spare))
    }
    // Behind them: who listens to a worker keeps the process alive.
    spare.worker.unref()
    return true
  }
}
