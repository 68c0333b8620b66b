/**
 * The writer of a LevelDB. What comes between two barriers is held, the last value of each key, and
 * written at the barrier as one atomic, synced batch, together with a mark that says which barrier it
 * was. A restart finds the mark at or behind that of its snapshot, and writes what follows again, under
 * the same keys.
 */

import { MillraceError } from '../base/errors.js'
import { failpoint } from '../base/failpoint.js'
import type { Json } from '../base/json.js'
import type { LevelDb } from '../base/level.js'
import { levelError } from './level-error.js'
import type { SinkContext, SinkWriter, TransactionalWriter } from './sink.js'

export interface LevelPlan<T> {
  readonly key: (record: T) => string
  /** Undefined deletes. */
  readonly value: (record: T) => unknown
  /** Held at most, before they are written ahead of the barrier. */
  readonly keysMax: number
}

/** Of the mark: do not change. No key of a record begins so. */
export const RESERVED = '\u0000'
export const MARK_KEY = `${RESERVED}millrace`
/** Held at most, in characters. */
const CHARS_MAX = 16 * 1024 * 1024
const SIZES = { writeBufferBytes: 16 * 1024 * 1024, fileBytesMax: 16 * 1024 * 1024 }

/** As stored under `MARK_KEY`, in JSON: do not change. */
interface Mark {
  readonly run: string
  readonly attempt: number
  readonly round: number
}

/** As the snapshot holds it. */
interface Epoch {
  readonly directory: string
  readonly round: number
}

type Op =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string }

export function levelWriter<T>(
  context: SinkContext,
  directory: string,
  plan: LevelPlan<T>,
): SinkWriter<T> {
  const store = new EpochStore<T>(context, directory, plan)
  const writer: SinkWriter<T> = {
    write: (records) => store.write(records),
    flush: () => store.flush(),
    finish: () => store.finish(),
    abort: () => store.close(),
  }
  if (!context.snapshots) return writer
  const transactional: TransactionalWriter<T> = {
    ...writer,
    prepare: (round) => store.prepare(round),
    commit: async () => {},
    discard: async () => {},
    recover: async () => {},
  }
  return transactional
}

class EpochStore<T> {
  readonly #context: SinkContext
  readonly #directory: string
  readonly #plan: LevelPlan<T>
  /** JSON by key; null deletes. */
  #held = new Map<string, string | null>()
  #chars = 0
  /** One behind the other; rejects for ever once one has failed. */
  #writes: Promise<void> = Promise.resolve()
  #db: LevelDb | null = null
  /** Something has been written since the last mark. */
  #isUnmarked = false
  #isWriting = false
  #hasEnded = false
  #isClosed = false

  constructor(context: SinkContext, directory: string, plan: LevelPlan<T>) {
    this.#context = context
    this.#directory = directory
    this.#plan = plan
    const round = lastRound(context.restored ?? [], directory)
    if (round !== null) this.#then(async () => this.#assertNotBehind(await this.#open(), round))
  }

  write(records: readonly T[]): boolean {
    for (const record of records) this.#hold(record)
    if (this.#isWriting) return false
    if (this.#held.size < this.#plan.keysMax && this.#chars < CHARS_MAX) return true
    this.#writeAhead()
    return false
  }

  /** With snapshots, what belongs together is seen together: at the barrier. */
  flush(): void {
    if (!this.#context.snapshots && !this.#isWriting && this.#held.size > 0) this.#writeAhead()
  }

  async finish(): Promise<void> {
    this.#hasEnded = true
    // What is held is written by `prepare`, if there is one to come.
    if (this.#context.snapshots) return this.#writes
    const ops = this.#take()
    await this.#then(async () => {
      await (await this.#open()).batch(ops, { sync: true })
    })
    await this.close()
  }

  async prepare(round: number): Promise<readonly Json[]> {
    const ops = this.#take()
    // What ends while this is being written has another one to come, with what it holds.
    const isLast = this.#hasEnded
    const isUnmarked = this.#isUnmarked || ops.length > 0
    this.#isUnmarked = false
    const { run, attempt } = this.#context
    if (isUnmarked) {
      const mark: Mark = { run, attempt, round }
      ops.push({ type: 'put', key: MARK_KEY, value: Buffer.from(JSON.stringify(mark)) })
      await this.#then(async () => {
        const db = await this.#open()
        failpoint('level-epoch.before')
        await db.batch(ops, { sync: true })
        failpoint('level-epoch.after')
      })
    } else await this.#writes
    if (isLast) await this.close()
    const epoch: Epoch = { directory: this.#directory, round }
    return isUnmarked ? [{ ...epoch }] : []
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#held.clear()
    await this.#writes.catch(() => {})
    const db = this.#db
    this.#db = null
    // Whoever opens it next would hear of what is wrong.
    await db?.close().catch(() => {})
  }

  #hold(record: T): void {
    const { operator } = this.#context
    const key = checkedKey(record, this.#plan, operator)
    const value = jsonOf(record, this.#plan, operator)
    this.#held.set(key, value)
    this.#chars += key.length + (value?.length ?? 0)
  }

  /** More is held than should be: it is seen before its barrier. */
  #writeAhead(): void {
    const ops = this.#take()
    this.#isWriting = true
    this.#isUnmarked = true
    const over = () => {
      this.#isWriting = false
      if (!this.#isClosed) this.#context.wake()
    }
    this.#then(async () => {
      await (await this.#open()).batch(ops)
    }).then(over, () => {})
  }

  #take(): Op[] {
    const ops: Op[] = []
    for (const [key, value] of this.#held) {
      if (value === null) ops.push({ type: 'del', key })
      else ops.push({ type: 'put', key, value: Buffer.from(value) })
    }
    this.#held = new Map()
    this.#chars = 0
    return ops
  }

  /** Runs behind all that came before it. The first failure is the last. */
  #then(step: () => Promise<void>): Promise<void> {
    let isFirst = false
    this.#writes = this.#writes.then(async () => {
      try {
        if (!this.#isClosed || this.#hasEnded) await step()
      } catch (cause) {
        isFirst = true
        throw levelError(cause, 'write to', this.#directory)
      }
    })
    this.#writes.catch((failure: unknown) => {
      if (isFirst && !this.#isClosed) this.#context.fail(failure as Error)
    })
    return this.#writes
  }

  async #open(): Promise<LevelDb> {
    if (this.#db !== null) return this.#db
    // Loaded by those who use it only: it brings a native library.
    const { openLevel } = await import('../base/level.js')
    this.#db = await openLevel(this.#directory, true, SIZES)
    return this.#db
  }

  async #assertNotBehind(db: LevelDb, round: number): Promise<void> {
    const stored = await db.get(MARK_KEY)
    const mark = stored === undefined ? null : (JSON.parse(Buffer.from(stored).toString()) as Mark)
    if (mark !== null && mark.round >= round) return
    throw new MillraceError(
      'E_LEVEL_BEHIND',
      `the snapshot says that ${this.#directory} holds what came before checkpoint ${round}, but it ` +
        `${mark === null ? 'holds none' : `ends at checkpoint ${mark.round}`}: what is missing would not ` +
        'be written again. Put the directory back, or start without the snapshot',
      { details: { file: this.#directory, round } },
    )
  }
}

function checkedKey<T>(record: T, plan: LevelPlan<T>, operator: string): string {
  const key = plan.key(record)
  if (typeof key === 'string' && key !== '' && !key.startsWith(RESERVED)) return key
  throw new MillraceError(
    'E_LEVEL_KEY',
    `${operator}: a key must be a text that is not empty and does not begin with a NUL; ` +
      `seen: ${JSON.stringify(key)}`,
    { details: { operator } },
  )
}

function jsonOf<T>(record: T, plan: LevelPlan<T>, operator: string): string | null {
  const value = plan.value(record)
  if (value === undefined) return null
  try {
    const text = JSON.stringify(value) as string | undefined
    if (text !== undefined) return text
  } catch (cause) {
    throw noJson(operator, cause)
  }
  throw noJson(operator, new TypeError(`a ${typeof value} has no JSON form`))
}

const noJson = (operator: string, cause: unknown): MillraceError =>
  new MillraceError(
    'E_FORMAT',
    `${operator}: cannot write a value as JSON: ${cause instanceof Error ? cause.message : cause}; ` +
      'map it to something that can be written',
    { cause, details: { operator } },
  )

/** Null where the snapshot says nothing of this directory. */
function lastRound(transactions: readonly Json[], directory: string): number | null {
  const rounds = transactions.map((transaction) => {
    const epoch = (transaction ?? {}) as Partial<Epoch>
    if (typeof epoch.directory === 'string' && typeof epoch.round === 'number')
      return epoch as Epoch
    throw new MillraceError(
      'E_SINK_CHANGED',
      `expected an epoch of a LevelDB in the snapshot, saw ${JSON.stringify(transaction).slice(0, 100)}: ` +
        'it is of another kind of sink. Give the sink that replaces it another name',
    )
  })
  const own = rounds.filter((epoch) => epoch.directory === directory).map(({ round }) => round)
  return own.length === 0 ? null : Math.max(...own)
}
