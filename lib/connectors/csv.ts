/**
 * `csv`: rows of CSV files as objects, or as arrays of text.
 *
 * - Guarantee: as `lines`. Splits: one per file, because a quoted field may hold newlines; with
 *   `splitBytes`, byte ranges: every newline ends a row, so one inside quotes makes a bad record of the
 *   row it cuts off.
 * - Position: `{ offset, line }`.
 * - Errors: those of `lines`; `E_CSV_COLUMN` and `E_CSV_HEADER` when it starts. A row with a wrong
 *   number of fields, text behind a closing quote, or a value its column's type refuses is a bad
 *   record (`E_BAD_RECORD`) with file and line.
 */

import { open } from 'node:fs/promises'
import { MillraceError } from '../base/errors.js'
import type { JsonObject } from '../base/json.js'
import { refuseUnknownOptions } from '../base/unknown-option.js'
import { CsvDecoder, type CsvDialect, type CsvShape } from '../formats/csv.js'
import {
  arrayRows,
  type ColumnType,
  type ColumnValue,
  rowBuilder,
  selectColumns,
} from '../formats/csv-row.js'
import { LINE_BYTES_MAX, TextRuns } from '../formats/runs.js'
import { BLOCK_BYTES } from './byte-feed.js'
import { fileError } from './file-error.js'
import type { FilePaths, ListedFile } from './list-files.js'
import type { Source } from './source.js'
import {
  FILE_OPTIONS,
  type FileOptions,
  type Prepared,
  type TextFormat,
  textSource,
} from './text-source.js'

/** Options of `csv`. */
export interface CsvOptions<N extends string, Y extends Readonly<Record<string, ColumnType>>>
  extends FileOptions,
    CsvDialect {
  /** Does the first line name the columns? Default true. */
  readonly header?: boolean
  /** With a header: the columns to take, others cost nothing. Without: the names of all columns. */
  readonly columns?: readonly N[]
  /** Types by column; what is not named is text. */
  readonly types?: Y
}

const CSV_OPTIONS = [...FILE_OPTIONS, 'delimiter', 'quote', 'header', 'columns', 'types']

/** A row: each chosen column, text unless it has a type. */
export type CsvRow<N extends string, Y> = string extends N
  ? keyof Y extends never
    ? Record<string, string>
    : { [K in keyof Y]: ColumnValue<Y[K]> } & Record<string, unknown>
  : { [K in N]: K extends keyof Y ? ColumnValue<Y[K]> : string }

/**
 * Rows of CSV files.
 *
 * @example
 * csv('trips.csv', { columns: ['zone', 'fare'], types: { fare: 'number' } }) // { zone, fare }
 * csv('plain.tsv', { header: false, delimiter: '\t' })                      // string[]
 */
export function csv(
  paths: FilePaths,
  options: FileOptions & CsvDialect & { readonly header: false; readonly columns?: never },
): Source<string[]>
export function csv<
  const N extends string = string,
  // biome-ignore lint/complexity/noBannedTypes: no column has a type
  const Y extends Readonly<Record<string, ColumnType>> = {},
>(paths: FilePaths, options?: CsvOptions<N, Y>): Source<CsvRow<N, Y>>
export function csv(
  paths: FilePaths,
  options: CsvOptions<string, Readonly<Record<string, ColumnType>>> = {},
): Source<unknown> {
  refuseUnknownOptions('csv', options, CSV_OPTIONS)
  assertDialect(options)
  const hasHeader = options.header ?? true
  const types = options.types ?? {}
  const names = options.columns ?? null
  const shapeOf = (where: string, present: readonly string[]): CsvShape => ({
    width: present.length,
    builder: rowBuilder(selectColumns(where, present, names, types)),
  })
  const withoutHeader =
    names === null ? { width: null, builder: arrayRows } : shapeOf('csv columns', names)
  return textSource(paths, options, {
    kind: 'csv',
    settings: { types: typeNames(types) },
    functions: Object.values(types).filter((type) => typeof type === 'function'),
    splitBytes: options.splitBytes ?? Number.POSITIVE_INFINITY,
    decoder: ({ data }, bad) => {
      const path = data.path as string
      const header = data.header as readonly string[] | undefined
      const shape = !hasHeader
        ? withoutHeader
        : header === undefined
          ? (present: readonly string[]) => shapeOf(path, present)
          : shapeOf(path, header)
      return new CsvDecoder(shape, options, options.splitBytes === undefined, bad)
    },
    ...(hasHeader ? { prepare: (file) => readHeader(file, options, shapeOf) } : {}),
  } satisfies TextFormat<unknown>)
}

function typeNames(types: Readonly<Record<string, ColumnType>>): JsonObject {
  const named = Object.entries(types).map(([name, type]) => [
    name,
    typeof type === 'function' ? 'function' : type,
  ])
  return Object.fromEntries(named)
}

function assertDialect({ delimiter = ',', quote = '"' }: CsvDialect): void {
  if (delimiter.length === 1 && quote.length <= 1 && delimiter !== quote) return
  throw new MillraceError(
    'E_BAD_OPTION',
    `csv: expected a delimiter of one character and a quote of one or none, saw ` +
      `${JSON.stringify(delimiter)} and ${JSON.stringify(quote)}`,
  )
}

/** Reads the first record, so that every range of the file knows its columns. */
async function readHeader(
  file: ListedFile,
  options: CsvOptions<string, Readonly<Record<string, ColumnType>>>,
  check: (where: string, names: readonly string[]) => CsvShape,
): Promise<Prepared> {
  const runs = new TextRuns(file.path, { start: 0, skipFirst: false, end: null }, options)
  const refuse = ({ reason }: { readonly reason: string }) => {
    throw new MillraceError('E_CSV_HEADER', `${file.path}:1: ${reason} in the header`)
  }
  const decoder = new CsvDecoder<string[]>(
    { width: null, builder: arrayRows },
    options,
    true,
    refuse,
  )
  const found: string[][] = []
  let at = 0
  const decode = () => {
    at = decoder.decode(runs.text, at, runs.over, found, 1)
    return found.length > 0
  }
  await eachBlock(file.path, options.lineBytesMax ?? LINE_BYTES_MAX, (block) => {
    if (block === null) runs.finish()
    else runs.feed(block)
    while (runs.advance(at)) {
      at = 0
      if (decode()) return true
    }
    return runs.over && decode()
  })
  const header = found[0] ?? []
  check(file.path, header)
  return { start: runs.offsetAt(at), line: decoder.line, data: { header } }
}

/** Calls `take` with block after block, then null; stops when it returns true. */
async function eachBlock(
  path: string,
  bytesMax: number,
  take: (block: Buffer | null) => boolean,
): Promise<void> {
  const handle = await open(path, 'r').catch((cause) => {
    throw fileError(cause, 'read', path)
  })
  try {
    for (let offset = 0; offset <= bytesMax + BLOCK_BYTES; ) {
      const block = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, 16 * 1024 + offset))
      const { bytesRead } = await handle.read(block, 0, block.length, offset)
      offset += bytesRead
      if (take(bytesRead === 0 ? null : block.subarray(0, bytesRead)) || bytesRead === 0) return
    }
  } catch (cause) {
    throw fileError(cause, 'read', path)
  } finally {
    await handle.close()
  }
}
