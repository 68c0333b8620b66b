/**
 * `partFiles`: records as text, into part files of a directory; each file is shown whole, once.
 *
 * - Guarantee: `exactly-once` with checkpoints: a part is shown when the checkpoint behind its last
 *   record is complete, so a reader never sees a record that could be taken back. Without checkpoints
 *   all parts are shown at the end of the job. A reader takes every file whose name does not begin with
 *   a dot, and never sees it change.
 * - Parts roll at every barrier, and by size, number of records and age. No part is ever added to by
 *   another attempt. Sorted by name, those of one subtask hold its records in order.
 * - Durability: parts and their directories are synced before the checkpoint counts them in.
 * - A directory and prefix belong to one job: what was left unfinished below it by former attempts is
 *   deleted in a restart, and when the job has finished; and what no snapshot can name also when it has failed
 *   or was cancelled. Other files are never touched.
 * - The parts of the last checkpoint are looked for again in a restart: consumers move or delete older
 *   ones only.
 * - Parallelism: as its input; each subtask writes its own parts.
 * - Memory: up to three blocks of 256 KiB per open file.
 * - Errors: those of `linesFile`; `E_BAD_BUCKET`, `E_TOO_MANY_PARTS`; `E_PART_LOST` where files were
 *   changed from outside; `E_NO_HARD_LINKS` where the file system has none. An error of the disk in a
 *   sync (`E_DEVICE`) is never tried again as if the data were there.
 */
import { type Duration, durationMs } from '../base/duration.js'
import { MillraceError } from '../base/errors.js'
import type { JsonObject } from '../base/json.js'
import { refuseUnknownOptions } from '../base/unknown-option.js'
import { toNdjson } from '../formats/ndjson.js'
import { assertDelimiter, csvText } from './csv-text.js'
import { assertPath } from './file-target.js'
import type { FileText } from './file-writer.js'
import { removePartsOfRun } from './part-commit.js'
import { PartFilesWriter } from './part-files-writer.js'
import type { Sink } from './sink.js'

/** Options of `partFiles`. */
export interface PartFilesOptions<T> {
  /**
   * The text of a record: as JSON per line (default), as CSV, as the line that it is, or what a
   * function returns, without newline.
   */
  readonly format?: 'ndjson' | 'csv' | 'lines' | ((record: T) => string)
  /** First line of every part. Default: for CSV the names of its columns, else none. */
  readonly header?: string | false
  /** CSV: columns in order. Default: the fields of the part's first record; arrays have none. */
  readonly columns?: readonly string[]
  /** CSV: one character. Default `,`. */
  readonly delimiter?: string
  /** Directory of a record below that of the sink: `'2024-06-01/oslo'`. Default: none. */
  readonly bucket?: (record: T) => string
  /** Names begin so. Default `part`. */
  readonly prefix?: string
  /** Names end so. Default `.ndjson`, `.csv`, or `.txt`. */
  readonly extension?: string
  /** A part is closed when it is as large as one of these. Default: 128 MiB, any number, any age. */
  readonly roll?: {
    readonly bytes?: number
    readonly records?: number
    readonly every?: Duration
  }
  /** Parts being written at a time, per subtask; the one used longest ago is closed. Default 64. */
  readonly openFilesMax?: number
}

const OPTIONS = [
  'format',
  'header',
  'columns',
  'delimiter',
  'bucket',
  'prefix',
  'extension',
  'roll',
  'openFilesMax',
]
const ROLL_BYTES = 128 * 1024 * 1024
const OPEN_FILES = 64
const EXTENSIONS = { ndjson: '.ndjson', csv: '.csv', lines: '.txt' } as const

/**
 * Writes records into part files of a directory, each record exactly once.
 *
 * @example
 * orders.to(partFiles('out/orders'))
 * orders.to(partFiles('out/by-warehouse', { bucket: ({ warehouse }) => `warehouse=${warehouse}` }))
 * trips.to(partFiles('out/trips', { format: 'csv', columns: ['zone', 'fare'], roll: { every: '10m' } }))
 */
export function partFiles<T>(directory: string, options: PartFilesOptions<T> = {}): Sink<T> {
  assertPath('partFiles', directory)
  refuseUnknownOptions('partFiles', options, OPTIONS)
  refuseUnknownOptions('partFiles: roll', options.roll ?? {}, ['bytes', 'records', 'every'])
  const { format = 'ndjson', bucket, prefix = 'part', roll = {} } = options
  const extension = options.extension ?? EXTENSIONS[typeof format === 'string' ? format : 'lines']
  if (extension === undefined) throw bad('format', 'ndjson, csv, lines or a function', format)
  if (!/^[\w-]+$/.test(prefix)) throw bad('prefix', 'letters, digits, _ and -', prefix)
  if (!/^(\.[\w-]+)*$/.test(extension)) throw bad('extension', 'like .txt', extension)
  const plan = {
    directory,
    prefix,
    extension,
    openFilesMax: atLeastOne('openFilesMax', options.openFilesMax ?? OPEN_FILES),
    roll: {
      bytes: atLeastOne('roll.bytes', roll.bytes ?? ROLL_BYTES),
      records: atLeastOne('roll.records', roll.records ?? Number.POSITIVE_INFINITY),
      ms:
        roll.every === undefined
          ? Number.POSITIVE_INFINITY
          : durationMs(roll.every, 'partFiles: roll.every', 1),
    },
    text: textOf(options),
    bucketOf: bucket ?? null,
  }
  return {
    kind: 'partFiles',
    label: `partFiles(${directory})`,
    guarantee: 'exactly-once',
    parallelism: null,
    settings: settingsOf(plan, options),
    functions: [format, bucket].filter((each) => typeof each === 'function'),
    open: (context) => new PartFilesWriter<T>(context, plan),
    clearRun: (place) => removePartsOfRun(directory, prefix, place),
  }
}

function textOf<T>(options: PartFilesOptions<T>): () => FileText<T> {
  const { format = 'ndjson', header, delimiter = ',' } = options
  const first = typeof header === 'string' ? { header: () => `${header}\n` } : {}
  if (format === 'csv') {
    assertDelimiter('partFiles', delimiter)
    const { columns } = options
    const csv = { delimiter, header: header !== false, ...(columns !== undefined && { columns }) }
    return () => ({ ...(csvText(csv) as FileText<T>), ...first })
  }
  for (const option of ['columns', 'delimiter'] as const) {
    if (options[option] !== undefined) throw bad(option, "given with format: 'csv' only", 'given')
  }
  const toLine =
    typeof format === 'function'
      ? (record: T) => `${format(record)}\n`
      : format === 'lines'
        ? (record: T) => `${record}\n`
        : (record: T) => `${toNdjson(record)}\n`
  return () => ({ toLine, ...first })
}

function settingsOf<T>(
  {
    directory,
    prefix,
    extension,
    openFilesMax,
    roll,
  }: {
    readonly directory: string
    readonly prefix: string
    readonly extension: string
    readonly openFilesMax: number
    readonly roll: { readonly bytes: number; readonly records: number; readonly ms: number }
  },
  { format, header, columns, delimiter }: PartFilesOptions<T>,
): JsonObject {
  return {
    directory,
    prefix,
    extension,
    openFilesMax,
    format: typeof format === 'string' ? format : null,
    header: header ?? null,
    columns: columns ?? null,
    delimiter: delimiter ?? null,
    rollBytes: roll.bytes,
    rollRecords: finite(roll.records),
    rollMs: finite(roll.ms),
  }
}

const finite = (n: number): number | null => (Number.isFinite(n) ? n : null)

function atLeastOne(option: string, seen: number): number {
  if (seen >= 1) return seen
  throw bad(option, 'at least 1', seen)
}

const bad = (option: string, expected: string, seen: unknown): MillraceError =>
  new MillraceError(
    'E_BAD_OPTION',
    `partFiles: ${option} must be ${expected}; it is ${JSON.stringify(seen) ?? typeof seen}`,
  )
