/**
 * `partFiles`: records as lines, into part files of a directory; each file is shown whole, once.
 *
 * - Guarantee: `exactly-once` with checkpoints: a part is shown when the checkpoint behind its last
 *   record is complete, so a reader never sees a record that could be taken back. Without checkpoints
 *   all parts are shown at the end of the job. A reader takes every file whose name does not begin with
 *   a dot.
 * - Parts roll at every barrier, and by size, number of records and age.
 * - Parallelism: as its input; each subtask writes its own parts.
 * - Errors: those of `linesFile`; `E_BAD_BUCKET`; `E_PART_LOST` where files were changed from outside.
 */
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type Duration, durationMs } from '../base/duration.js'
import { MillraceError } from '../base/errors.js'
import type { Json } from '../base/json.js'
import { refuseUnknownOptions } from '../base/unknown-option.js'
import { toNdjson } from '../formats/ndjson.js'
import { fileError } from './file-error.js'
import { assertPath } from './file-target.js'
import {
  commitPart,
  discardPart,
  PartFile,
  type PendingPart,
  partOf,
  removePart,
} from './part-file.js'
import type { Sink, SinkContext, TransactionalWriter } from './sink.js'
import { lineOf } from './text-writer.js'

/** Options of `partFiles`. */
export interface PartFilesOptions<T> {
  /** The line of a record, without newline. Default: the record as JSON. */
  readonly format?: (record: T) => string
  /** First line of every part. Default: none. */
  readonly header?: string
  /** Directory of a record below that of the sink: `'2024-06-01/oslo'`. Default: none. */
  readonly bucket?: (record: T) => string
  /** Names begin so. Default `part`. */
  readonly prefix?: string
  /** Names end so. Default `.ndjson`, with `format` `.txt`. */
  readonly extension?: string
  /** A part is closed when it is as large as one of these. Default: 128 MiB, any number, any age. */
  readonly roll?: {
    readonly bytes?: number
    readonly records?: number
    readonly every?: Duration
  }
}

const OPTIONS = ['format', 'header', 'bucket', 'prefix', 'extension', 'roll']
const ROLL_BYTES = 128 * 1024 * 1024
/** Files open at a time, per subtask: beyond it the oldest is closed. */
const OPEN_MAX = 64

/**
 * Writes records into part files of a directory, each record exactly once.
 *
 * @example
 * orders.to(partFiles('out/orders'))
 * orders.to(partFiles('out/by-city', { bucket: ({ city }) => city, roll: { every: '10m' } }))
 */
export function partFiles<T>(directory: string, options: PartFilesOptions<T> = {}): Sink<T> {
  assertPath('partFiles', directory)
  refuseUnknownOptions('partFiles', options, OPTIONS)
  refuseUnknownOptions('partFiles: roll', options.roll ?? {}, ['bytes', 'records', 'every'])
  const { format, bucket, prefix = 'part', header, roll = {} } = options
  const extension = options.extension ?? (format === undefined ? '.ndjson' : '.txt')
  if (!/^[\w-]+$/.test(prefix)) throw badName('prefix', 'letters, digits, _ and -', prefix)
  if (!/^(\.[\w-]+)*$/.test(extension)) throw badName('extension', 'like .txt', extension)
  const settings = {
    directory,
    prefix,
    extension,
    header: header ?? null,
    rollBytes: roll.bytes ?? ROLL_BYTES,
    rollRecords: roll.records ?? null,
    rollMs: roll.every === undefined ? null : durationMs(roll.every, 'partFiles: roll.every', 1),
  }
  const functions = [format, bucket].filter((each) => each !== undefined)
  return {
    kind: 'partFiles',
    label: `partFiles(${directory})`,
    guarantee: 'exactly-once',
    parallelism: null,
    settings,
    functions,
    open: (context) =>
      new PartFilesWriter<T>(context, settings, {
        toLine: (record) => `${format === undefined ? toNdjson(record) : format(record)}\n`,
        bucketOf:
          bucket === undefined ? () => '' : (record) => checkBucket(bucket(record), context),
      }),
  }
}

interface Settings {
  readonly directory: string
  readonly prefix: string
  readonly extension: string
  readonly header: string | null
  readonly rollBytes: number
  readonly rollRecords: number | null
  readonly rollMs: number | null
}

interface Functions<T> {
  readonly toLine: (record: T) => string
  readonly bucketOf: (record: T) => string
}

class PartFilesWriter<T> implements TransactionalWriter<T> {
  readonly #context: SinkContext
  readonly #settings: Settings
  readonly #functions: Functions<T>
  /** By bucket, the one used longest ago first. */
  readonly #open = new Map<string, PartFile>()
  /** Closed since the last `prepare`. */
  #closing: Promise<PendingPart>[] = []
  #round = 0
  #parts = 0
  #wasFull = false
  #aborted = false

  constructor(context: SinkContext, settings: Settings, functions: Functions<T>) {
    this.#context = context
    this.#settings = settings
    this.#functions = functions
  }

  write(records: readonly T[]): boolean {
    const { toLine, bucketOf } = this.#functions
    for (const record of records) {
      const line = lineOf(record, toLine, this.#context.operator)
      const part = this.#partOf(bucketOf(record))
      part.write(line)
      if (this.#isLarge(part)) this.#close(part)
    }
    for (const part of this.#open.values()) part.settle(false)
    return this.#hasRoom()
  }

  flush(): void {
    this.#closeOld()
    for (const part of this.#open.values()) part.settle(true)
  }

  /** Nothing is shown before it is committed: there is nothing to finish but what `prepare` does. */
  async finish(): Promise<void> {}

  async abort(): Promise<void> {
    this.#aborted = true
    await Promise.all([...this.#open.values()].map((part) => part.abort()))
    const pending = await Promise.allSettled(this.#closing)
    for (const closed of pending) {
      if (closed.status === 'fulfilled') await discardPart(this.#settings.directory, closed.value)
    }
  }

  async prepare(round: number): Promise<readonly Json[]> {
    for (const part of this.#open.values()) this.#close(part)
    this.#round = round
    const closing = this.#closing
    this.#closing = []
    return (await Promise.all(closing)) as unknown as readonly Json[]
  }

  async commit(transactions: readonly Json[]): Promise<void> {
    const { directory } = this.#settings
    for (const part of transactions) await commitPart(directory, part as unknown as PendingPart)
  }

  async discard(transactions: readonly Json[]): Promise<void> {
    const { directory } = this.#settings
    for (const part of transactions) await discardPart(directory, part as unknown as PendingPart)
  }

  async recover(keep: readonly Json[]): Promise<void> {
    const { directory } = this.#settings
    const kept = new Set((keep as unknown as readonly PendingPart[]).map(({ name }) => name))
    for (const { bucket, file, name } of await this.#hidden()) {
      if (!kept.has(name) && this.#isFormer(name)) await removePart(directory, bucket, file)
    }
  }

  /** Files in progress or pending, of whatever attempt. */
  async #hidden() {
    const { directory } = this.#settings
    try {
      const entries = await readdir(directory, { recursive: true, withFileTypes: true })
      return entries.flatMap((entry) => {
        const name = partOf(entry.name)
        const bucket = relative(directory, entry.parentPath ?? entry.path)
        return name !== null && entry.isFile() ? [{ bucket, file: entry.name, name }] : []
      })
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw fileError(cause, 'read', directory)
    }
  }

  /** One of ours, and not of this attempt: other subtasks of it may be writing already. */
  #isFormer(name: string): boolean {
    const { run, attempt } = this.#context
    const named = /^([\w-]+)-(\d+)-(\w+)-(\d+)-(\d+)-(\d+)(?:\.[\w-]+)*$/.exec(name)
    if (named === null || named[1] !== this.#settings.prefix) return false
    return named[3] !== run || Number(named[4]) < attempt
  }

  #partOf(bucket: string): PartFile {
    const found = this.#open.get(bucket)
    if (found !== undefined) return found
    if (this.#open.size >= OPEN_MAX) this.#close(this.#open.values().next().value!)
    const { run, subtask, attempt, clock } = this.#context
    const { directory, prefix, extension, header } = this.#settings
    const number = this.#parts++
    const part = new PartFile({
      root: directory,
      bucket,
      name: `${prefix}-${subtask}-${run}-${attempt}-${this.#round}-${number}${extension}`,
      head: () => (header === null ? '' : `${header}\n`),
      nowMs: clock.now(),
      onRoom: () => this.#tellRoom(),
      onFailure: (failure) => this.#context.fail(failure),
    })
    this.#open.set(bucket, part)
    return part
  }

  #isLarge({ size, records }: PartFile): boolean {
    const { rollBytes, rollRecords } = this.#settings
    return size >= rollBytes || (rollRecords !== null && records >= rollRecords)
  }

  #closeOld(): void {
    const { rollMs } = this.#settings
    if (rollMs === null) return
    const nowMs = this.#context.clock.now()
    for (const part of this.#open.values()) if (nowMs - part.openedMs >= rollMs) this.#close(part)
  }

  #close(part: PartFile): void {
    this.#open.delete(part.bucket)
    const closed = part.close()
    // Who prepares hears of it, and so does the subtask at once.
    closed.catch(() => {})
    this.#closing.push(closed)
  }

  #hasRoom(): boolean {
    for (const part of this.#open.values()) if (part.full) this.#wasFull = true
    return !this.#wasFull
  }

  #tellRoom(): void {
    if (!this.#wasFull || this.#aborted) return
    for (const part of this.#open.values()) if (part.full) return
    this.#wasFull = false
    this.#context.wake()
  }
}

/** A bucket is a path below the directory, and nothing else. */
function checkBucket(bucket: string, { operator }: SinkContext): string {
  const parts = typeof bucket === 'string' ? bucket.split('/') : ['']
  const isSafe = (part: string) => part !== '' && !part.startsWith('.') && !/[\0\\]/.test(part)
  if (bucket === '' || (parts.every(isSafe) && join(bucket) === bucket)) return bucket
  throw new MillraceError(
    'E_BAD_BUCKET',
    `${operator}: a bucket must be a path like 2024-06-01/oslo, below the directory, whose parts do not ` +
      `begin with a dot; seen: ${JSON.stringify(bucket)}`,
    { details: { operator } },
  )
}

const badName = (option: string, expected: string, seen: string): MillraceError =>
  new MillraceError(
    'E_BAD_OPTION',
    `partFiles: ${option} must be ${expected}; it is ${JSON.stringify(seen)}`,
  )
