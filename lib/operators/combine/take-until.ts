import { commonOptions } from '../arguments.js'
import { cellsOf } from '../cells.js'
import type { OperatorContext, OperatorOptions } from '../operator.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { attachBeside, combinedTraits, requireStream } from './attach-all.js'
import { type Combiner, type Combining, combine } from './combiner.js'
import type { CoKeyed, KeyOf } from './inputs.js'

/**
 * Passes records until `notifier` gives one. As RxJS `takeUntil`: a notifier that ends without a record
 * stops nothing.
 *
 * Without keys it runs at parallelism 1, ends its stream at the notifier's first record, and asks
 * upstream to stop. With keys on both streams a record of the notifier finishes its key, which stops
 * nothing else. Keeps keys and times. State: one mark per finished key, kept for ever.
 *
 *     takeUntil(alerts)
 *
 * @example
 * const taken = collect<number>()
 * await runTest(
 *   pipeline('taken', (flow) => flow.from([1, 2]).pipe(takeUntil(flow.from([]))).to(taken)),
 * )
 * taken.records // [1, 2]
 */
export function takeUntil<T, E extends Time, Key, N extends AnyStream>(
  notifier: N,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key> & CoKeyed<Key | KeyOf<N>>, Stream<T, E, Key>> {
  requireStream('takeUntil', notifier)
  const definition = {
    kind: 'takeUntil',
    traits: { ...combinedTraits(2, 'first'), endsStream: true, timeOf: 'first' as const },
    options: commonOptions('takeUntil', options),
    settings: {},
    functions: [],
    open: (context: OperatorContext) => combine(context, 2, untilNotified),
  }
  return attachBeside([notifier], definition) as never
}

function untilNotified({ context, results, ended }: Combining): Combiner {
  const finished = cellsOf<true>(context, 'finished')
  return {
    onRecord(input, record, key, group, time) {
      if (input === 1) finished.set(group, key, true)
      else if (!finished.has(group, key)) results.push(record, key, group, time)
    },
    isDone: () => ended[0]! || (!context.keyed && finished.size > 0),
  }
}
