/**
 * `linesFile`: one line of text per record, to a file.
 *
 * - Guarantee: `idempotent`: the file is emptied at every start, so a replay from the beginning
 *   replaces it; with `append`, `at-least-once`. Written in blocks, synced and closed at the end.
 * - Parallelism 1; more needs `{subtask}` in the path, and makes one file per subtask.
 * - Errors: `E_FILE_ACCESS`, `E_IS_DIRECTORY`, `E_DISK_FULL` (retryable), `E_FORMAT`.
 */
import { refuseUnknownOptions } from '../base/unknown-option.js'
import { fileError } from './file-error.js'
import {
  assertPath,
  type FileSinkOptions,
  fileGuarantee,
  modeOf,
  openFileTarget,
  pathOf,
} from './file-target.js'
import type { Sink } from './sink.js'
import { textWriter } from './text-writer.js'

/** Options of `linesFile`. */
export interface LinesFileOptions<T> extends FileSinkOptions {
  /** The line of a record, without newline. Default: the record itself, a string. */
  readonly format?: (record: T) => string
}

/**
 * Writes one line per record.
 *
 * @example
 * words.to(linesFile('out/words.txt'))
 * counts.to(linesFile('out/counts.txt', { format: ([word, n]) => `${word} ${n}` }))
 */
export function linesFile(path: string, options?: FileSinkOptions): Sink<string>
export function linesFile<T>(
  path: string,
  options: LinesFileOptions<T> & { readonly format: (record: T) => string },
): Sink<T>
export function linesFile<T>(path: string, options: LinesFileOptions<T> = {}): Sink<T> {
  assertPath('linesFile', path)
  refuseUnknownOptions('linesFile', options, ['append', 'format'])
  const { format = String, append = false } = options
  return {
    kind: 'linesFile',
    label: `linesFile(${path})`,
    guarantee: fileGuarantee(options),
    parallelism: 1,
    settings: { path, append },
    functions: options.format === undefined ? [] : [options.format],
    open(context) {
      const file = pathOf(path, context)
      const explain = (cause: unknown) => fileError(cause, 'write', file)
      const open = () => openFileTarget(file, modeOf(options, context, file))
      return textWriter<T>(context, (record) => `${format(record)}\n`, open, explain, file)
    },
  }
}
