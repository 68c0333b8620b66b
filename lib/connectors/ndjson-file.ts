/**
 * `ndjsonFile`: one JSON value per line, to a file.
 *
 * Guarantee, parallelism and errors are those of `linesFile`. A value without a JSON form (bigint, a
 * function, undefined, a cycle) is the failure `E_FORMAT`. As JSON does, it writes NaN as null and
 * leaves out undefined fields.
 */
import { refuseUnknownOptions } from '../base/unknown-option.js'
import { toNdjson } from '../formats/ndjson.js'
import { assertPath, type FileSinkOptions, fileGuarantee } from './file-target.js'
import { fileWriter } from './file-writer.js'
import type { Sink } from './sink.js'

/**
 * Writes one JSON value per line.
 *
 * @example
 * orders.to(ndjsonFile('out/orders.ndjson'))
 */
export function ndjsonFile(path: string, options: FileSinkOptions = {}): Sink<unknown> {
  assertPath('ndjsonFile', path)
  refuseUnknownOptions('ndjsonFile', options, ['append'])
  return {
    kind: 'ndjsonFile',
    label: `ndjsonFile(${path})`,
    guarantee: fileGuarantee(path, options),
    marks: true,
    parallelism: 1,
    settings: { path, append: options.append ?? false },
    functions: [],
    open: (context) =>
      fileWriter(context, path, options, { toLine: (record) => `${toNdjson(record)}\n` }),
  }
}
