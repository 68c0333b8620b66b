import { commonOptions } from '../arguments.js'
import type { OperatorContext } from '../operator.js'
import type { Batch } from '../signal.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { attachBeside, combinedTraits, requireStream } from './attach-all.js'
import { type Combiner, type Combining, combine } from './combiner.js'
import { type BufferOptions, bufferMaxOf, HeldRecords, HoldLimit } from './held.js'
import type { CoKeyed, KeyOf } from './inputs.js'
import { NO_TIME, Results } from './results.js'

/**
 * Collects records, and gives them as an array at each record of `notifier`, and at the end of the
 * stream. As RxJS `buffer`: an array may be empty; a notifier that ends closes nothing.
 *
 * Without keys it runs at parallelism 1. With keys on both streams a record of the notifier closes the
 * array of its key; at the end, unlike RxJS, keys for which nothing is held give nothing. An array
 * belongs to no instant: the event time ends here. State: the records held, at most `bufferMax`
 * (1,000,000) per subtask, then E_BUFFER_FULL: unlike RxJS, which holds without limit.
 *
 *     buffer(alerts)
 *
 * @example
 * const arrays = collect<number[]>()
 * await runTest(
 *   pipeline('arrays', (flow) => flow.from([1, 2]).pipe(buffer(flow.from<string>([]))).to(arrays)),
 * )
 * arrays.records // [[1, 2]]
 */
export function buffer<T, E extends Time, Key, N extends AnyStream>(
  notifier: N,
  options: BufferOptions = {},
): Op<Stream<T, E, Key> & CoKeyed<Key | KeyOf<N>>, Stream<T[], 'untimed', Key>> {
  requireStream('buffer', notifier)
  const bufferMax = bufferMaxOf('buffer', options)
  const definition = {
    kind: 'buffer',
    traits: { ...combinedTraits(2, 'first'), timeAfter: 'ended' as const },
    options: commonOptions('buffer', options, ['bufferMax']),
    settings: { bufferMax },
    functions: [],
    open: (context: OperatorContext) =>
      combine(context, 2, (combining) => new UntilNotified(combining, bufferMax)),
  }
  return attachBeside([notifier], definition) as never
}

class UntilNotified implements Combiner {
  readonly #combining: Combining
  readonly #held: HeldRecords

  constructor(combining: Combining, bufferMax: number) {
    const { context } = combining
    this.#combining = combining
    this.#held = new HeldRecords(context, 'held', new HoldLimit(context, bufferMax))
  }

  onRecord(input: number, record: unknown, key: unknown, group: number): void {
    if (input === 0) this.#held.push(record, key, group, NO_TIME)
    else this.#combining.results.push(this.#held.takeAll(key, group), key, group, NO_TIME)
  }

  onEnded(input: number): (() => Batch | null) | null {
    if (input !== 0) return null
    const { context } = this.#combining
    const results = new Results(context.keyed)
    // The last array of a stream comes out even if it is empty.
    let owed = !context.keyed
    return () => {
      if (owed) results.push(this.#held.takeAll(undefined, 0), undefined, 0, NO_TIME)
      else if (context.keyed) this.#held.moveArraysTo(results)
      owed = false
      return results.take()
    }
  }

  isDone(): boolean {
    return this.#combining.ended[0]!
  }
}
