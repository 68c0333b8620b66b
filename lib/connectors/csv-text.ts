/** Records as rows of CSV, after RFC 4180 with `\n` line ends. */
import { MillraceError } from '../base/errors.js'
import type { Json } from '../base/json.js'
import { toCsvField } from '../formats/csv.js'
import type { FileText } from './file-writer.js'

/** How sinks that write CSV write it. */
export interface CsvTextOptions {
  /** Columns in order. Default: the fields of the first record; arrays have none. */
  readonly columns?: readonly string[]
  /** Write the column names first? Default true where there are columns. */
  readonly header?: boolean
  /** One character. Default `,`. */
  readonly delimiter?: string
}

/** For one file: the columns are those of its first record unless given. */
export function csvText(options: CsvTextOptions): FileText<object> {
  const { delimiter = ',', header = true } = options
  const line = (values: readonly unknown[]): string =>
    `${values.map((value) => toCsvField(value, delimiter)).join(delimiter)}\n`
  let columns: readonly string[] | null = options.columns ?? null
  return {
    toLine(record) {
      if (Array.isArray(record)) return line(record)
      if (typeof record !== 'object' || record === null) {
        throw new TypeError(`expected an object or array, saw ${String(record)}`)
      }
      columns ??= Object.keys(record)
      return line(columns.map((name) => (record as Record<string, unknown>)[name]))
    },
    header: () => (columns === null || !header ? '' : line(columns)),
    note: () => columns as Json,
    recall(note) {
      if (Array.isArray(note)) columns ??= note as readonly string[]
    },
  }
}

export function assertDelimiter(kind: string, delimiter: string): void {
  if (delimiter.length === 1 && delimiter !== '"') return
  throw new MillraceError(
    'E_BAD_OPTION',
    `${kind}: expected a delimiter of one character, saw ${JSON.stringify(delimiter)}`,
  )
}
