/**
 * `linesFile`: one line of text per record, to a file.
 *
 * - Guarantee: `idempotent`: the file is emptied at every start, so a replay from the beginning
 *   replaces it. With snapshots a restart cuts it off where it ended at the snapshot, and goes on from
 *   there: in the end every record is in it once; who reads meanwhile may see records that are cut off
 *   and written again. Written in blocks, synced at every snapshot and at the end.
 * - `append`: what was there before the start is kept. `at-least-once`: where there is no snapshot to
 *   go on from, a restart adds everything again.
 * - Pipes, terminals and devices cannot be cut off: `at-least-once`.
 * - A path that was changed since the snapshot: the file of the former path is cut off as said, what
 *   follows goes to the new one.
 * - Parallelism 1; more needs `{subtask}` in the path, and makes one file per subtask.
 * - Errors: `E_FILE_ACCESS`, `E_IS_DIRECTORY`, `E_DISK_FULL` (retryable), `E_DEVICE`, `E_FORMAT`;
 *   `E_FILE_CHANGED` where the file is shorter than the snapshot says, or gone.
 */
import { refuseUnknownOptions } from '../base/unknown-option.js'
import { assertPath, type FileSinkOptions, fileGuarantee } from './file-target.js'
import { fileWriter } from './file-writer.js'
import type { Sink } from './sink.js'

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
    guarantee: fileGuarantee(path, options),
    marks: true,
    parallelism: 1,
    settings: { path, append },
    functions: options.format === undefined ? [] : [options.format],
    open: (context) =>
      fileWriter<T>(context, path, options, { toLine: (record) => `${format(record)}\n` }),
  }
}
