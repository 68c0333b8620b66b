/**
 * The writer of part files.
 *
 * One part per bucket is being written; of more buckets than may be open, the one used longest ago is
 * closed. Closing takes its time (all is synced), so few are closed at once, and while more wait the
 * writer says that it is full.
 */

import type { Cancel } from '../base/clock.js'
import { MillraceError } from '../base/errors.js'
import { failpoint } from '../base/failpoint.js'
import type { Json } from '../base/json.js'
import type { FileText } from './file-writer.js'
import { assertBucket } from './part-bucket.js'
import {
  commitParts,
  discardParts,
  type PendingPart,
  removeFormerParts,
  syncDirectories,
} from './part-commit.js'
import { PartFile } from './part-file.js'
import { finalName, inProgressName } from './part-name.js'
import type { SinkContext, TransactionalWriter } from './sink.js'

export interface PartFilesPlan<T> {
  readonly directory: string
  readonly prefix: string
  readonly extension: string
  readonly openFilesMax: number
  readonly roll: { readonly bytes: number; readonly records: number; readonly ms: number }
  /** The text of one file. */
  readonly text: () => FileText<T>
  /** Null: all in one. */
  readonly bucketOf: ((record: T) => string) | null
}

/** Synced at a time; each takes a thread of the pool. */
const CLOSING_MAX = 4
/** Waiting to be closed before no more is taken. */
const CLOSE_QUEUE_MAX = 16
/** Each is named in the snapshot. */
const PARTS_PER_ROUND_MAX = 20_000

export class PartFilesWriter<T> implements TransactionalWriter<T> {
  readonly #context: SinkContext
  readonly #plan: PartFilesPlan<T>
  /** Being written, by bucket; the one used longest ago first. */
  readonly #live = new Map<string, PartFile<T>>()
  #last: PartFile<T> | null = null
  readonly #toClose: (() => void)[] = []
  #closing = 0
  /** Closed, or being closed, since the last `prepare`. */
  #closed: { readonly part: PartFile<T>; readonly done: Promise<void> }[] = []
  #preparing: Promise<unknown> = Promise.resolve()
  #parts = 0
  #wasFull = false
  #aborted = false
  #cancelTimer: Cancel = () => {}
  #timed = false

  constructor(context: SinkContext, plan: PartFilesPlan<T>) {
    this.#context = context
    this.#plan = plan
  }

  write(records: readonly T[]): boolean {
    const { bucketOf, roll } = this.#plan
    for (const record of records) {
      const part = this.#partOf(bucketOf === null ? '' : bucketOf(record))
      part.write(record)
      if (part.size >= roll.bytes || part.records >= roll.records) this.#close(part)
    }
    if (!this.#hasRoom()) this.#wasFull = true
    return !this.#wasFull
  }

  /** What is not committed is not visible, written or not. */
  flush(): void {}

  async finish(): Promise<void> {
    this.#closeAll()
    await Promise.all(this.#closed.map(({ done }) => done))
  }

  async abort(): Promise<void> {
    this.#aborted = true
    this.#cancelTimer()
    this.#toClose.length = 0
    const parts = [...this.#live.values(), ...this.#closed.map(({ part }) => part)]
    // What has been prepared may be in a snapshot by now; only a later attempt knows.
    await Promise.all(parts.map((part) => part.abort()))
    await this.#preparing
  }

  prepare(round: number): Promise<readonly Json[]> {
    this.#closeAll()
    const closed = this.#closed
    this.#closed = []
    const prepared = this.#makePending(round, closed)
    this.#preparing = prepared.catch((cause: unknown) => {
      if (!this.#aborted) this.#context.fail(cause as Error)
    })
    return prepared as unknown as Promise<readonly Json[]>
  }

  commit(transactions: readonly Json[]): Promise<void> {
    return commitParts(transactions)
  }

  discard(transactions: readonly Json[]): Promise<void> {
    return discardParts(transactions)
  }

  recover(keep: readonly Json[]): Promise<void> {
    const { directory, prefix } = this.#plan
    return removeFormerParts(directory, prefix, keep, this.#context)
  }

  async #makePending(
    round: number,
    closed: readonly { readonly part: PartFile<T>; readonly done: Promise<void> }[],
  ): Promise<readonly PendingPart[]> {
    const { prefix, extension } = this.#plan
    const pending: PendingPart[] = []
    failpoint('part-prepare.before')
    for (const { part, done } of closed) {
      await done
      const name = finalName(prefix, round, part.number, extension, this.#context)
      pending.push(await part.makePending(name))
    }
    await syncDirectories(pending)
    failpoint('part-prepare.after')
    return pending
  }

  #partOf(bucket: string): PartFile<T> {
    const last = this.#last
    if (last !== null && last.bucket === bucket) return last
    let part = this.#live.get(bucket)
    if (part === undefined) part = this.#begin(bucket)
    else this.#live.delete(bucket)
    this.#live.set(bucket, part)
    this.#last = part
    return part
  }

  #begin(bucket: string): PartFile<T> {
    const { directory, prefix, openFilesMax, text } = this.#plan
    const { operator, clock } = this.#context
    assertBucket(bucket, operator)
    if (this.#live.size >= openFilesMax) this.#close(this.#live.values().next().value!)
    if (this.#closed.length >= PARTS_PER_ROUND_MAX) throw tooMany(operator)
    const number = this.#parts++
    this.#startTimer()
    return new PartFile<T>({
      operator,
      root: directory,
      bucket,
      number,
      name: inProgressName(prefix, number, this.#context),
      text: text(),
      nowMs: clock.now(),
      onRoom: () => this.#tellRoom(),
      onFailure: (failure) => {
        if (!this.#aborted) this.#context.fail(failure)
      },
    })
  }

  // ---- closing --------------------------------------------------------------------------------

  #closeAll(): void {
    for (const part of this.#live.values()) this.#close(part)
    this.#cancelTimer()
    this.#timed = false
  }

  #close(part: PartFile<T>): void {
    this.#live.delete(part.bucket)
    if (this.#last === part) this.#last = null
    const done = this.#turn().then(() => part.finish())
    const over = () => {
      this.#closing--
      this.#toClose.shift()?.()
      this.#tellRoom()
    }
    // Whoever prepares hears of a failure too.
    done.then(over, (cause: unknown) => {
      over()
      if (!this.#aborted) this.#context.fail(cause as Error)
    })
    this.#closed.push({ part, done })
  }

  /** Resolves when there is room for one more to be closed. */
  #turn(): Promise<void> {
    if (this.#closing < CLOSING_MAX) {
      this.#closing++
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      this.#toClose.push(() => {
        this.#closing++
        resolve()
      })
    })
  }

  #startTimer(): void {
    const { ms } = this.#plan.roll
    if (this.#timed || !Number.isFinite(ms)) return
    this.#timed = true
    this.#cancelTimer = this.#context.clock.after(ms, () => this.#closeOld())
  }

  #closeOld(): void {
    const { ms } = this.#plan.roll
    const { clock } = this.#context
    this.#timed = false
    let nextMs = Number.POSITIVE_INFINITY
    for (const part of this.#live.values()) {
      const leftMs = part.openedMs + ms - clock.now()
      if (leftMs <= 0) this.#close(part)
      else nextMs = Math.min(nextMs, leftMs)
    }
    if (!Number.isFinite(nextMs)) return
    this.#timed = true
    this.#cancelTimer = clock.after(nextMs, () => this.#closeOld())
  }

  // ---- room -----------------------------------------------------------------------------------

  #hasRoom(): boolean {
    let hasRoom = this.#toClose.length <= CLOSE_QUEUE_MAX
    // Each is asked, so that each tells when it has room again.
    for (const part of this.#live.values()) if (!part.settle()) hasRoom = false
    return hasRoom
  }

  #tellRoom(): void {
    if (!this.#wasFull || this.#aborted || !this.#hasRoom()) return
    this.#wasFull = false
    this.#context.wake()
  }
}

const tooMany = (operator: string): MillraceError =>
  new MillraceError(
    'E_TOO_MANY_PARTS',
    `${operator}: over ${PARTS_PER_ROUND_MAX} part files since the last checkpoint: take checkpoints more ` +
      'often, let parts become larger (roll), or use fewer buckets',
    { details: { operator } },
  )
