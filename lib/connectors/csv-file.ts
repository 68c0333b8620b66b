/**
 * `csvFile`: rows of CSV, to a file, after RFC 4180 with `\n` line ends.
 *
 * Guarantee, parallelism and errors are those of `linesFile`. Records are objects, written by column
 * name, or arrays, written in order. Null and undefined become empty fields, dates ISO 8601, other
 * objects JSON. With a header, `append` writes it only into an empty file. The columns are part of
 * the snapshot, so that they stay the same after a restart.
 */

import { refuseUnknownOptions } from '../base/unknown-option.js'
import { assertDelimiter, type CsvTextOptions, csvText } from './csv-text.js'
import { assertPath, type FileSinkOptions, fileGuarantee } from './file-target.js'
import { fileWriter } from './file-writer.js'
import type { Sink } from './sink.js'

/** Options of `csvFile`. */
export interface CsvFileOptions extends FileSinkOptions, CsvTextOptions {}

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
  assertDelimiter('csvFile', delimiter)
  return {
    kind: 'csvFile',
    label: `csvFile(${path})`,
    guarantee: fileGuarantee(path, options),
    marks: true,
    parallelism: 1,
    settings: {
      path,
      append: options.append ?? false,
      columns: columns ?? null,
      header: options.header ?? true,
      delimiter,
    },
    functions: [],
    open: (context) => fileWriter(context, path, options, csvText(options)),
  }
}
