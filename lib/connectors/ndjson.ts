/**
 * `ndjson`: one JSON value per line, from files, standard input, or a growing file.
 *
 * Guarantee, splits, positions and errors are those of `lines`. A line that is not JSON is a bad
 * record (`E_BAD_RECORD`, with file, line or byte, and reason): fail, skip or dead letter as the job
 * says. Lines of white space are skipped.
 */
import { refuseUnknownOptions } from '../base/unknown-option.js'
import { NdjsonDecoder } from '../formats/ndjson.js'
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

/** Options of `ndjson`. */
export type NdjsonOptions = FileOptions & FollowOptions

/**
 * JSON values, taken to be of type `T`: nothing checks them.
 *
 * @example
 * flow.from(ndjson<Bid>('bids.ndjson')).pipe(keyBy((bid) => bid.auction), count())
 */
export function ndjson<T = unknown>(paths: FilePaths, options: NdjsonOptions = {}): Source<T> {
  refuseUnknownOptions('ndjson', options, [...FILE_OPTIONS, ...FOLLOW_OPTIONS])
  const format: TextFormat<T> = {
    kind: 'ndjson',
    settings: {},
    functions: [],
    splitBytes: options.splitBytes ?? SPLIT_BYTES,
    decoder: (_split, bad) => new NdjsonDecoder<T>(bad),
  }
  return options.follow === true
    ? followSource(paths, options, format)
    : textSource(paths, options, format)
}
