import { commonOptions } from '../arguments.js'
import { cellsOf } from '../cells.js'
import type { OperatorContext, OperatorOptions } from '../operator.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { attachBeside, combinedTraits, requireStream } from './attach-all.js'
import { type Combiner, type Combining, combine } from './combiner.js'
import type { CoKeyed, KeyOf } from './inputs.js'

/**
 * Drops records until `notifier` has given one. As RxJS `skipUntil`: a notifier that ends without a
 * record lets nothing through. It ends with its stream.
 *
 * Without keys it runs at parallelism 1; with keys on both streams a record of the notifier opens its
 * key. Keeps keys and times. State: one mark per opened key, kept for ever.
 *
 *     skipUntil(alerts)
 *
 * @example
 * const passed = collect<number>()
 * await runTest(
 *   pipeline('passed', (flow) => flow.from([1, 2]).pipe(skipUntil(flow.from([]))).to(passed)),
 * )
 * passed.records // []
 */
export function skipUntil<T, E extends Time, Key, N extends AnyStream>(
  notifier: N,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key> & CoKeyed<Key | KeyOf<N>>, Stream<T, E, Key>> {
  requireStream('skipUntil', notifier)
  const definition = {
    kind: 'skipUntil',
    traits: { ...combinedTraits(2, 'first'), timeOf: 'first' as const },
    options: commonOptions('skipUntil', options),
    settings: {},
    functions: [],
    open: (context: OperatorContext) => combine(context, 2, onceNotified),
  }
  return attachBeside([notifier], definition) as never
}

function onceNotified({ context, results, ended }: Combining): Combiner {
  const opened = cellsOf<true>(context, 'opened')
  return {
    onRecord(input, record, key, group, time) {
      if (input === 1) opened.set(group, key, true)
      else if (opened.has(group, key)) results.push(record, key, group, time)
    },
    isDone: () => ended[0]!,
  }
}
