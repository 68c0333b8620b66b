/**
 * `levelSink`: the last value of each key, in a LevelDB.
 *
 * - Guarantee: `idempotent`. With checkpoints, what came between two barriers appears at once: one
 *   atomic, synced batch, with a mark of the barrier. A restart goes on behind the last checkpoint and
 *   writes the same keys again, so that in the end each has the value it would have had without the
 *   failure. It takes nothing back: until it has caught up, keys may have values from behind the
 *   checkpoint, and a key that only the failed attempt wrote (because time or chance decided it) stays.
 * - Without checkpoints everything is written again from the beginning, in batches.
 * - Held in memory: the keys that changed since the last barrier; above `keysMax` (or 16 M characters)
 *   they are written ahead, and then appear before their barrier.
 * - Values are JSON; read them with `new Level(directory, { valueEncoding: 'json' })` once the job has
 *   let go of it: a LevelDB has one user at a time. The key `\0millrace` is the mark.
 * - Parallelism 1; more needs `{subtask}` in the directory, and makes one LevelDB per subtask. With
 *   another parallelism keys move to other ones, and their old values stay where they were.
 * - LevelDB notices neither a flipped bit nor a truncated log: what is in it is as safe as the disk.
 * - Errors: `E_LEVEL_LOCKED` (retryable), `E_LEVEL`, `E_LEVEL_KEY`, `E_FORMAT`, those of files;
 *   `E_LEVEL_BEHIND` where the directory is older than the checkpoint, or another one.
 */
import { MillraceError } from '../base/errors.js'
import { refuseUnknownOptions } from '../base/unknown-option.js'
import { assertPath, pathOf } from './file-target.js'
import { levelWriter } from './level-writer.js'
import type { Sink } from './sink.js'

/** Options of `levelSink`. */
export interface LevelSinkOptions<T> {
  /** Not empty, and not beginning with a NUL. */
  readonly key: (record: T) => string
  /** Something with a JSON form; undefined deletes the key. Default: the record. */
  readonly value?: (record: T) => unknown
  /** Keys held until the next barrier. Default 100,000. */
  readonly keysMax?: number
}

const KEYS_MAX = 100_000

/**
 * Writes the last value of each key into a LevelDB.
 *
 * @example
 * counts.to(levelSink('out/counts', { key: ([word]) => word, value: ([, n]) => n }))
 */
export function levelSink<T>(directory: string, options: LevelSinkOptions<T>): Sink<T> {
  assertPath('levelSink', directory)
  refuseUnknownOptions('levelSink', options, ['key', 'value', 'keysMax'])
  const { key, value, keysMax = KEYS_MAX } = options
  if (typeof key !== 'function') {
    throw new MillraceError('E_BAD_OPTION', `levelSink: expected a function key, saw ${typeof key}`)
  }
  if (!(keysMax >= 1)) {
    throw new MillraceError('E_BAD_OPTION', `levelSink: expected keysMax ≥ 1, saw ${keysMax}`)
  }
  const plan = { key, value: value ?? ((record: T) => record), keysMax }
  return {
    kind: 'levelSink',
    label: `levelSink(${directory})`,
    guarantee: 'idempotent',
    parallelism: 1,
    settings: { directory, keysMax },
    functions: value === undefined ? [key] : [key, value],
    open: (context) => levelWriter<T>(context, pathOf(directory, context), plan),
  }
}
