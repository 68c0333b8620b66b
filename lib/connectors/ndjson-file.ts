/**
 * `ndjsonFile`: one JSON value per line, to a file.
 *
 * Guarantee, parallelism and errors are those of `linesFile`. A value without a JSON form (bigint, a
 * function, undefined, a cycle) is the failure `E_FORMAT`. As JSON does, it writes NaN as null and
 * leaves out undefined fields.
 */
import { refuseUnknownOptions } from '../base/unknown-option.js'
import { toNdjson } from '../formats/ndjson.js'
import { fileError } from './file-error.js'
import {
  assertPath,
  type FileSinkOptions,
  fileGuarantee,
  modeOf,
  openFileTarget,
  pathOf,
} from './file-target.js'
import type { Sink } from './sink.js'
import { textWriter } from './text-writer.js'

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
    guarantee: fileGuarantee(options),
    parallelism: 1,
    settings: { path, append: options.append ?? false },
    functions: [],
    open(context) {
      const file = pathOf(path, context)
      const explain = (cause: unknown) => fileError(cause, 'write', file)
      const open = () => openFileTarget(file, modeOf(options, context, file))
      return textWriter(context, (record) => `${toNdjson(record)}\n`, open, explain, file)
    },
  }
}
