/** The sink writer of everything that is text: a function makes lines of records, blocks are written. */
import { MillraceError } from '../base/errors.js'
import { BlockWriter, type ByteTarget } from './block-writer.js'
import type { SinkContext, SinkWriter } from './sink.js'

/** Returns the line with its newline. */
export type ToLine<T> = (record: T) => string

export function textWriter<T>(
  context: SinkContext,
  toLine: ToLine<T>,
  open: () => Promise<ByteTarget>,
  explain: (cause: unknown) => MillraceError,
): SinkWriter<T> {
  const blocks = new BlockWriter({
    open,
    onRoom: () => context.wake(),
    onFailure: (failure) => context.fail(failure),
    explain,
  })
  return {
    write(records) {
      for (const record of records) blocks.write(lineOf(record, toLine, context.operator))
      return blocks.settle(false)
    },
    flush: () => {
      blocks.settle(true)
    },
    finish: () => blocks.finish(),
    abort: () => blocks.abort(),
  }
}

/** Throws `E_FORMAT` where `toLine` throws. */
export function lineOf<T>(record: T, toLine: ToLine<T>, operator: string): string {
  try {
    return toLine(record)
  } catch (cause) {
    throw new MillraceError(
      'E_FORMAT',
      `${operator}: cannot write a record as text: ${cause instanceof Error ? cause.message : cause}; ` +
        'map it to something that can be written',
      { cause, details: { operator } },
    )
  }
}
