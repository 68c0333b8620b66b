/**
 * `csvFile`: rows of CSV, to a file, after RFC 4180 with `\n` line ends.
 *
 * Guarantee, parallelism and errors are those of `linesFile`. Records are objects, written by column
 * name, or arrays, written in order. Null and undefined become empty fields, dates ISO 8601, other
 * objects JSON. With a header, `append` writes it only into an empty file.
 */

import { MillraceError } from '../base/errors.js'
import { refuseUnknownOptions } from '../base/unknown-option.js'
import { toCsvField } from '../formats/csv.js'
import type { ByteTarget } from './block-writer.js'
import { fileError } from './file-error.js'
import {
  assertPath,
  type FileMode,
  type FileSinkOptions,
  fileGuarantee,
  modeOf,
  openFileTarget,
  pathOf,
} from './file-target.js'
import type { Sink, SinkContext, SinkWriter } from './sink.js'
import { textWriter } from './text-writer.js'

/** Options of `csvFile`. */
export interface CsvFileOptions extends FileSinkOptions {
  /** Columns in order. Default: the fields of the first record; arrays have none. */
  readonly columns?: readonly string[]
  /** Write the column names first? Default true where there are columns. */
  readonly header?: boolean
  /** One character. Default `,`. */
  readonly delimiter?: string
}

/**
 * Writes one row per record; the columns are those of the first record unless given.
 *
 * @example
 * trips.to(csvFile('out/trips.csv', { columns: ['zone', 'fare'] }))
 */
export function csvFile(path: string, options: CsvFileOptions = {}): Sink<object> {
  assertPath('csvFile', path)
  refuseUnknownOptions('csvFile', options, ['append', 'columns', 'header', 'delimiter'])
  const { columns, delimiter = ',' } = options
  if (delimiter.length !== 1 || delimiter === '"') {
    throw new MillraceError(
      'E_BAD_OPTION',
      `csvFile: expected a delimiter of one character, saw ${JSON.stringify(delimiter)}`,
    )
  }
  return {
    kind: 'csvFile',
    label: `csvFile(${path})`,
    guarantee: fileGuarantee(options),
    parallelism: 1,
    settings: {
      path,
      append: options.append ?? false,
      columns: columns ?? null,
      header: options.header ?? true,
      delimiter,
    },
    functions: [],
    open: (context) => openCsv(path, options, delimiter, context),
  }
}

function openCsv(
  path: string,
  options: CsvFileOptions,
  delimiter: string,
  context: SinkContext,
): SinkWriter<object> {
  const file = pathOf(path, context)
  const line = (values: readonly unknown[]): string =>
    `${values.map((value) => toCsvField(value, delimiter)).join(delimiter)}\n`
  let columns: readonly string[] | null = options.columns ?? null
  const toLine = (record: object): string => {
    if (Array.isArray(record)) return line(record)
    if (typeof record !== 'object' || record === null) {
      throw new TypeError(`expected an object or array, saw ${String(record)}`)
    }
    columns ??= Object.keys(record)
    return line(columns.map((name) => (record as Record<string, unknown>)[name]))
  }
  // The file is opened when there is something to write, so the columns are known by then.
  const header = () => (columns === null || options.header === false ? '' : line(columns))
  const explain = (cause: unknown) => fileError(cause, 'write', file)
  const mode = modeOf(options, context, file)
  return textWriter(context, toLine, () => openWithHeader(file, mode, header), explain, file)
}

async function openWithHeader(
  file: string,
  mode: FileMode,
  header: () => string,
): Promise<ByteTarget> {
  let isEmpty = true
  const target = await openFileTarget(file, mode, (empty) => {
    isEmpty = empty
  })
  let rest = isEmpty ? Buffer.from(header()) : Buffer.alloc(0)
  while (rest.length > 0) rest = rest.subarray(await target.write(rest))
  return target
}
