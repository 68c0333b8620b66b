import { commonOptions } from '../arguments.js'
import type { OperatorContext } from '../operator.js'
import { recordWiseTraits } from '../record-wise.js'
import { signalOperator } from '../signal-operator.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { attachBeside, requireStream } from './attach-all.js'
import { CrossProduct } from './cross-product.js'
import { type BufferOptions, bufferMaxOf } from './held.js'
import type { CommonTime, RecordOf, TimeOf } from './inputs.js'

/**
 * Every pair of a record of the stream and one of `other`, as soon as both have come. In parallel: each
 * subtask sees its part of the stream and all of `other`, which may be without keys; the stream keeps
 * its key. A pair's time is the later of its records'.
 *
 * State: all records of `other`, in every subtask; those of the stream until `other` has ended. At most
 * `bufferMax` (1,000,000) together per subtask, then E_BUFFER_FULL, so an endless `other` ends in a
 * failure, while an endless stream does not.
 *
 *     cross(words)
 *
 * @example
 * const pairs = collect<[string, number]>()
 * await runTest(
 *   pipeline('pairs', (flow) => flow.from(['a', 'b']).pipe(cross(flow.from([1, 2]))).to(pairs)),
 * )
 * pairs.records.map(String).sort() // ['a,1', 'a,2', 'b,1', 'b,2']
 */
export function cross<T, E extends Time, Key, O extends AnyStream>(
  other: O,
  options: BufferOptions = {},
): Op<Stream<T, E, Key>, Stream<[T, RecordOf<O>], CommonTime<E | TimeOf<O>>, Key>> {
  requireStream('cross', other)
  const bufferMax = bufferMaxOf('cross', options)
  const definition = {
    kind: 'cross',
    traits: {
      ...recordWiseTraits,
      stateful: true,
      inputs: ['main', 'broadcast'] as const,
      timeOf: 'all' as const,
    },
    options: commonOptions('cross', options, ['bufferMax']),
    settings: { bufferMax },
    functions: [],
    open: (context: OperatorContext) =>
      signalOperator((out) => new CrossProduct(context, out, bufferMax)),
  }
  return attachBeside([other], definition) as never
}
