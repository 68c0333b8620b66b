/**
 * A generated data set as a directory of files, one per partition: a header that describes it, as one
 * line of JSON in 4 KiB; blocks of a thousand events; an index of the blocks. A block holds the kinds of
 * its events in order, and a section for each kind. Written once; read in order, or from a block on.
 */
import { createHash } from 'node:crypto'
import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { MillraceError } from '../../lib/base/errors.js'
import type { Dataset } from './dataset.js'

export const FORMAT = 'nexmark-events 1'
export const HEADER_BYTES = 4096
/** Columns of the index: offset, kinds, then bytes of each section in the order of the kinds. */
export const INDEX_COLUMNS = 5

export interface DataHeader {
  readonly format: typeof FORMAT
  readonly dataset: Dataset
  readonly partition: number
  readonly partitions: number
  /** Of this partition. */
  readonly events: number
  readonly blocks: number
  readonly indexOffset: number
  /** Of all that follows the header, in hexadecimal. */
  readonly md5: string
}

/** `events-0-of-2.bin` */
export const dataFileName = (partition: number, partitions: number): string =>
  `events-${partition}-of-${partitions}.bin`

/** The header of a data file. Throws `E_NO_DATA`. */
export function readHeader(file: string): DataHeader {
  const handle = open(file)
  try {
    const bytes = Buffer.alloc(HEADER_BYTES)
    readSync(handle, bytes, 0, HEADER_BYTES, 0)
    const header = JSON.parse(bytes.toString('latin1')) as DataHeader
    if (header.format !== FORMAT) throw new Error(`format ${header.format}, expected ${FORMAT}`)
    return header
  } catch (cause) {
    throw new MillraceError('E_NO_DATA', `${file} is no data file: ${String(cause)}`, { cause })
  } finally {
    closeSync(handle)
  }
}

/** Headers of a data set's files, in the order of its partitions. Throws `E_NO_DATA`. */
export function readDirectory(directory: string): readonly DataHeader[] {
  const names = list(directory).filter((name) => /^events-\d+-of-\d+\.bin$/.test(name))
  const headers = names
    .map((name) => readHeader(join(directory, name)))
    .sort((a, b) => a.partition - b.partition)
  const partitions = headers[0]?.partitions ?? 0
  const complete = headers.every((header, at) => header.partition === at)
  if (headers.length > 0 && complete && headers.length === partitions) return headers
  throw new MillraceError(
    'E_NO_DATA',
    `${directory} does not hold one data set: ${names.length === 0 ? 'no file events-*-of-*.bin is there' : names.join(', ')}; ` +
      'make it with: npm run nexmark -- generate --format bin --out DIR',
  )
}

/** True where the file's content has the sum of its header. */
export function isIntact(file: string): boolean {
  const { md5 } = readHeader(file)
  const hash = createHash('md5')
  const handle = open(file)
  const bytes = Buffer.alloc(1 << 20)
  try {
    for (let at = HEADER_BYTES, read = 0; ; at += read) {
      read = readSync(handle, bytes, 0, bytes.length, at)
      if (read === 0) return hash.digest('hex') === md5
      hash.update(bytes.subarray(0, read))
    }
  } finally {
    closeSync(handle)
  }
}

function open(file: string): number {
  try {
    return openSync(file, 'r')
  } catch (cause) {
    throw new MillraceError('E_NO_DATA', `${file} cannot be read: ${String(cause)}`, { cause })
  }
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch (cause) {
    throw new MillraceError('E_NO_DATA', `${directory} cannot be read: ${String(cause)}`, { cause })
  }
}
