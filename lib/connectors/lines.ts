/**
 * `lines`: text files, standard input, or a growing log file, line by line.
 *
 * - Guarantee: replays from any position (not standard input or pipes: `replays` is false there, and
 *   a pipe given by path fails with `E_NOT_REPLAYABLE` on resume). Pauses without loss.
 * - Splits: byte ranges of `splitBytes` per regular file, `path:start-end`; one per file with
 *   `follow`; one, `-`, for standard input.
 * - Position: `{ offset, line }`, with `follow` also `inode`.
 * - Errors when it starts: `E_NO_SUCH_FILE`, `E_IS_DIRECTORY`, `E_FILE_ACCESS`, `E_NO_MATCH`; while it
 *   reads: `E_INVALID_UTF8`, `E_LINE_TOO_LONG`, `E_FILE_SHRANK`, each naming file and byte.
 *
 * A line is the text without `\n` or `\r\n`. It is cut from a run of at most 2 KiB, which stays alive
 * as long as the line does.
 */
import { refuseUnknownOptions } from '../base/unknown-option.js'
import { LineDecoder } from '../formats/lines.js'
import { FOLLOW_OPTIONS, type FollowOptions, followSource } from './follow-source.js'
import type { FilePaths } from './list-files.js'
import type { Source } from './source.js'
import {
  FILE_OPTIONS,
  type FileOptions,
  SPLIT_BYTES,
  type TextFormat,
  textSource,
} from './text-source.js'

/** Options of `lines`. */
export type LinesOptions = FileOptions & FollowOptions

/**
 * Lines of one file, of several, of all that match a glob, or of standard input (`'-'`).
 *
 * @example
 * flow.from(lines('logs/*.log', { exclude: '**\/debug.log' }))
 * flow.from(lines('/var/log/syslog', { follow: true }))
 */
export function lines(paths: FilePaths, options: LinesOptions = {}): Source<string> {
  refuseUnknownOptions('lines', options, [...FILE_OPTIONS, ...FOLLOW_OPTIONS])
  const format: TextFormat<string> = {
    kind: 'lines',
    settings: {},
    functions: [],
    splitBytes: options.splitBytes ?? SPLIT_BYTES,
    decoder: () => new LineDecoder(),
  }
  return options.follow === true
    ? followSource(paths, options, format)
    : textSource(paths, options, format)
}
