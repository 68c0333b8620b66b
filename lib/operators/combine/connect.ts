import { commonOptions, requireSyncFunction } from '../arguments.js'
import type { OperatorContext, OperatorOptions } from '../operator.js'
import { SKIP } from '../record-error.js'
import { recordWiseTraits } from '../record-wise.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { attachBeside, requireStream } from './attach-all.js'
import { type Combiner, type Combining, combine } from './combiner.js'
import type { CoKeyed, CommonTime, KeyOf, RecordOf, TimeOf } from './inputs.js'

/** What becomes of a record of either stream. */
export interface Connected<L, R, A, B> {
  readonly left: (record: L) => A
  readonly right: (record: R) => B
}

/**
 * One stream of two of different types: what `left` makes of each record of the stream, and `right` of
 * each of `other`, in the order of their arrival. Both have keys or neither has, and keep them, and
 * event time where both have it. No state: for state that both share there is `processWith`.
 *
 *     connect(words, { left: (given) => ({ given }), right: (word) => ({ word }) })
 *
 * @example
 * const seen = collect<string>()
 * const job = pipeline('seen', (flow) => {
 *   const sizes = flow.from([3])
 *   flow.from(['word']).pipe(connect(sizes, { left: (word) => word, right: String })).to(seen)
 * })
 * await runTest(job)
 * seen.records.toSorted() // ['3', 'word']
 */
export function connect<T, A, B, E extends Time, Key, O extends AnyStream>(
  other: O,
  functions: Connected<T, RecordOf<O>, A, B>,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key> & CoKeyed<Key | KeyOf<O>>, Stream<A | B, CommonTime<E | TimeOf<O>>, Key>> {
  requireStream('connect', other)
  const { left, right } = functions
  requireSyncFunction('connect', 'left', left)
  requireSyncFunction('connect', 'right', right)
  const definition = {
    kind: 'connect',
    traits: { ...recordWiseTraits, inputs: ['main', 'main'] as const },
    options: commonOptions('connect', options),
    settings: {},
    functions: [left, right],
    open: (context: OperatorContext) =>
      combine(context, 2, (combining) => each(combining, [left, right])),
  }
  return attachBeside([other], definition) as never
}

function each(
  { context: { errors }, results }: Combining,
  functions: readonly ((record: never) => unknown)[],
): Combiner {
  function recover(error: unknown, input: number, record: unknown, key: unknown): unknown {
    return errors.recover(error, record, key, () => functions[input]!(record as never))
  }
  return {
    onRecord(input, record, key, group, time) {
      let result: unknown
      try {
        result = functions[input]!(record as never)
      } catch (error) {
        result = recover(error, input, record, key)
      }
      if (result !== SKIP) results.push(result, key, group, time)
    },
    isDone: () => false,
  }
}
