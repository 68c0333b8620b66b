/**
 * `print`: records to standard output, one line each.
 *
 * - Guarantee: `at-least-once`: what a failed attempt printed stays printed.
 * - Text is printed as it is, `[key, value]` with a tab between, the rest as JSON where it has a form.
 * - It writes to descriptor 1 itself, in any thread, one write in flight: a slow reader of the pipe
 *   slows the pipeline down, and nothing piles up. Parallelism 1, so that lines stay whole.
 * - Errors: `E_PIPE_CLOSED` when the reader has gone (`… | head`): the way to end quietly.
 */

import { write } from 'node:fs'
import type { Clock } from '../base/clock.js'
import { MillraceError } from '../base/errors.js'
import { refuseUnknownOptions } from '../base/unknown-option.js'
import { showRecord } from '../formats/show.js'
import type { ByteTarget } from './block-writer.js'
import type { Sink } from './sink.js'
import { textWriter } from './text-writer.js'

/** Options of `print`. */
export interface PrintOptions<T> {
  /** The line of a record, without newline. */
  readonly format?: (record: T) => string
}

/** A pipe that somebody made non-blocking says EAGAIN when it is full. */
const RETRY_MS = 5

/**
 * Prints one line per record to standard output.
 *
 * @example
 * counts.to(print({ format: ([word, n]) => `${n} × ${word}` }))
 */
export function print<T = unknown>(options: PrintOptions<T> = {}): Sink<T> {
  refuseUnknownOptions('print', options, ['format'])
  return printTo(1, options)
}

/** As `print`, to another descriptor. */
export function printTo<T = unknown>(fd: number, options: PrintOptions<T> = {}): Sink<T> {
  const format = options.format ?? showRecord
  return {
    kind: 'print',
    label: 'print',
    guarantee: 'at-least-once',
    parallelism: 1,
    settings: {},
    functions: options.format === undefined ? [] : [options.format],
    open(context) {
      const target = descriptorTarget(fd, context.clock)
      return textWriter<T>(
        context,
        (record) => `${format(record)}\n`,
        async () => target,
        explain,
      )
    },
  }
}

function descriptorTarget(fd: number, clock: Clock): ByteTarget {
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        const attempt = () =>
          write(fd, bytes, 0, bytes.length, null, (cause, written) => {
            if (cause === null) resolve(written)
            else if (cause.code === 'EAGAIN') clock.after(RETRY_MS, attempt)
            else reject(cause)
          })
        attempt()
      }),
    // Not ours to sync or close.
    sync: async () => {},
    close: async () => {},
  }
}

function explain(cause: unknown): MillraceError {
  if (cause instanceof MillraceError) return cause
  const { code = '', message } = cause as NodeJS.ErrnoException
  return code === 'EPIPE'
    ? new MillraceError('E_PIPE_CLOSED', 'whoever read standard output has closed it', { cause })
    : new MillraceError('E_STDOUT', `cannot write to standard output: ${message}`, { cause })
}
