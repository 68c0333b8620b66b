/**
 * The writer of one text file.
 *
 * With snapshots it prepares at every barrier: everything written so far is synced, and the snapshot
 * says how long the file is then. A restart cuts the file off there and goes on behind it. Records are
 * readable as soon as they are written, so there is nothing to commit, and nothing to withdraw: who
 * reads meanwhile may see records that a restart cuts off and writes again.
 */
import { MillraceError } from '../base/errors.js'
import type { Json, JsonObject } from '../base/json.js'
import { BlockWriter } from './block-writer.js'
import { fileError } from './file-error.js'
import {
  cutOffFile,
  type FileSinkOptions,
  type FileStart,
  type FileTarget,
  openFileTarget,
  pathOf,
} from './file-target.js'
import type { SinkContext, SinkWriter, TransactionalWriter } from './sink.js'
import { lineOf, type ToLine } from './text-writer.js'

export interface FileText<T> {
  readonly toLine: ToLine<T>
  /** What an empty file begins with. Asked for when the first line is known. */
  header?(): string
  /** What later lines must know of earlier ones: it is stored in the snapshot … */
  note?(): Json
  /** … and comes back before the first line after a restart. */
  recall?(note: Json): void
}

/** The state of a file at a barrier, as the snapshot holds it. The path as the user gave it. */
interface FileMark extends JsonObject {
  readonly path: string
  readonly bytes: number
  readonly note: Json
}

/** `template`: the path, with `{subtask}` where there are several. */
export function fileWriter<T>(
  context: SinkContext,
  template: string,
  options: FileSinkOptions,
  text: FileText<T>,
): SinkWriter<T> {
  const file = new TextFile(context, template, options, text)
  const writer: SinkWriter<T> = {
    write: (records) => file.write(records),
    flush: () => file.flush(),
    finish: () => file.finish(),
    abort: () => file.abort(),
  }
  if (!context.snapshots) return writer
  const transactional: TransactionalWriter<T> = {
    ...writer,
    prepare: () => file.prepare(),
    commit: async () => {},
    discard: async () => {},
    recover: (keep) => file.recover(keep),
  }
  return transactional
}

class TextFile<T> {
  readonly #context: SinkContext
  readonly #template: string
  readonly #path: string
  readonly #adds: boolean
  readonly #text: FileText<T>
  readonly #mark: FileMark | null
  readonly #blocks: BlockWriter
  /** Of files that nobody adds to any more, where this subtask speaks for all: another life may go on with them. */
  #others: readonly FileMark[] = []
  #target: FileTarget | null = null
  #hasWritten = false

  constructor(context: SinkContext, template: string, options: FileSinkOptions, text: FileText<T>) {
    this.#context = context
    this.#template = template
    this.#path = pathOf(template, context)
    // A writer that takes the place of a failed one adds to what that one has written.
    this.#adds = options.append === true || context.continues === true
    this.#text = text
    this.#mark = lastMarks(context.restored ?? []).get(this.#path) ?? null
    this.#blocks = new BlockWriter({
      open: () => this.#open(),
      onRoom: () => context.wake(),
      onFailure: (failure) => context.fail(failure),
      explain: (cause) => fileError(cause, 'write', this.#path),
    })
    if (this.#mark === null) return
    text.recall?.(this.#mark.note)
    // At once: what will be written again should not be seen for longer than needed.
    this.#blocks.open()
  }

  write(records: readonly T[]): boolean {
    this.#hasWritten = true
    const { toLine } = this.#text
    const { operator } = this.#context
    for (const record of records) this.#blocks.write(lineOf(record, toLine, operator))
    return this.#blocks.settle(false)
  }

  flush(): void {
    this.#blocks.settle(true)
  }

  finish(): Promise<void> {
    return this.#blocks.finish()
  }

  abort(): Promise<void> {
    return this.#blocks.abort()
  }

  async prepare(): Promise<readonly Json[]> {
    if (!this.#isUnknown) this.#blocks.open()
    const note = this.#text.note?.() ?? null
    return this.#blocks.behind(async () => {
      await this.#target?.sync()
      const bytes = this.#target?.bytes ?? null
      const own = bytes === null ? [] : [{ path: this.#path, bytes, note }]
      return [...own, ...this.#others]
    })
  }

  /** Files of subtasks that there are no more, or of a path that has changed, get no more lines. */
  async recover(keep: readonly Json[]): Promise<void> {
    const { parallelism } = this.#context
    const current = new Set(
      Array.from({ length: parallelism }, (_, subtask) =>
        pathOf(this.#template, { ...this.#context, subtask }),
      ),
    )
    this.#others = [...lastMarks(keep).values()].filter(({ path }) => !current.has(path))
    for (const { path, bytes } of this.#others) await cutOffFile(path, bytes)
  }

  /**
   * The snapshot says nothing of this file: the subtask had finished without a word, or there was none.
   * The first write tells which.
   */
  get #isUnknown(): boolean {
    return this.#context.restored !== null && this.#mark === null && !this.#hasWritten
  }

  get #start(): FileStart {
    if (this.#mark !== null) return this.#mark.bytes
    return this.#adds || this.#isUnknown ? 'kept' : 'emptied'
  }

  async #open(): Promise<FileTarget> {
    this.#target = await openFileTarget(this.#path, this.#start, () => this.#text.header?.() ?? '')
    return this.#target
  }
}

/** By path. A file that was prepared several times has grown in between. */
function lastMarks(transactions: readonly Json[]): ReadonlyMap<string, FileMark> {
  const marks = new Map<string, FileMark>()
  for (const transaction of transactions) {
    const mark = readMark(transaction)
    if (mark.bytes >= (marks.get(mark.path)?.bytes ?? 0)) marks.set(mark.path, mark)
  }
  return marks
}

function readMark(transaction: Json): FileMark {
  const { path, bytes, note } = (transaction ?? {}) as Partial<FileMark>
  if (typeof path === 'string' && Number.isSafeInteger(bytes) && bytes! >= 0) {
    return { path, bytes: bytes!, note: note ?? null }
  }
  throw new MillraceError(
    'E_SINK_CHANGED',
    'expected the length of a file in the snapshot, saw ' +
      `${JSON.stringify(transaction).slice(0, 100)}: it is of another kind of sink. ` +
      'Give the sink that replaces it another name',
  )
}
