/**
 * Writes to a LevelDB, one at a time, each synced: what comes while one is under way goes together in
 * the next (group commit), so that many small chunks share a sync.
 *
 * LevelDB would group concurrent writes itself. But where one of them fails half-way, its log goes on
 * behind the torn record, and a later one is acknowledged that a reader of the log cannot find again:
 * so nothing may be under way beside it, and the owner opens the database anew before the next.
 */

export type WriteOp =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string }

interface Waiting {
  readonly ops: readonly WriteOp[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Of values in one write; a larger one goes alone. */
const GROUP_BYTES_MAX = 8 * 1024 * 1024

export class WriteQueue {
  readonly #write: (ops: WriteOp[]) => Promise<void>
  #waiting: Waiting[] = []
  #isWriting = false
  #whenIdle: (() => void)[] = []

  /** `write` makes all of them durable, or none. */
  constructor(write: (ops: WriteOp[]) => Promise<void>) {
    this.#write = write
  }

  add(ops: readonly WriteOp[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ops, resolve, reject })
      if (!this.#isWriting) void this.#run()
    })
  }

  /** Resolves when nothing waits and nothing is under way. */
  idle(): Promise<void> {
    if (!this.#isWriting) return Promise.resolve()
    return new Promise((resolve) => this.#whenIdle.push(resolve))
  }

  async #run(): Promise<void> {
    this.#isWriting = true
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup()
      try {
        await this.#write(group.flatMap(({ ops }) => ops))
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#isWriting = false
    for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  #takeGroup(): readonly Waiting[] {
    let bytes = 0
    let end = 0
    while (end < this.#waiting.length) {
      bytes += bytesOf(this.#waiting[end]!)
      if (end > 0 && bytes > GROUP_BYTES_MAX) break
      end++
    }
    return this.#waiting.splice(0, end)
  }
}

const bytesOf = ({ ops }: Waiting): number =>
  ops.reduce((sum, op) => sum + (op.type === 'put' ? op.value.length : 0), 0)
