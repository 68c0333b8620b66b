import { commonOptions } from './arguments.js'
import { cellsOf } from './cells.js'
import { NO_TIME } from './combine/results.js'
import { deepFreeze } from './freeze.js'
import { operate } from './operate.js'
import type { OperatorContext } from './operator.js'
import {
  openSequence,
  releaseEach,
  type Sequence,
  type Sequencing,
  sequenceTraits,
} from './sequence/sequence.js'
import type { Op, Stream, Time } from './stream.js'

/** A record that is put in is looked at by no rule of batches: few are meant. */
const VALUES_MAX = 512

/**
 * Gives `values` before the first record. Without a key at once, as RxJS `startWith`, at parallelism 1;
 * behind `keyBy` before the first record of each key. The values belong to no instant: event time ends
 * here. At most 512 values. State: one mark per key, kept for ever.
 *
 *     startWith(0)
 */
export function startWith<const V, T = never, E extends Time = Time, Key = unknown>(
  ...values: readonly V[]
): Op<Stream<T, E, Key>, Stream<T | V, 'untimed', Key>> {
  return atAnEnd('startWith', values, (context, values) =>
    openSequence(context, (sequencing) =>
      context.keyed ? startPerKey(sequencing, values) : startOfAll(sequencing, values),
    ),
  )
}

/**
 * Gives `values` behind the last record, when the stream ends; behind `keyBy`, for each key that was
 * seen. As RxJS `endWith`. The values belong to no instant: event time ends here. State: one mark per
 * key.
 *
 *     endWith('the end')
 */
export function endWith<const V, T = never, E extends Time = Time, Key = unknown>(
  ...values: readonly V[]
): Op<Stream<T, E, Key>, Stream<T | V, 'untimed', Key>> {
  return atAnEnd('endWith', values, (context, values) =>
    openSequence(context, (sequencing) => endOfEach(sequencing, values)),
  )
}

type Open = (
  context: OperatorContext,
  values: readonly unknown[],
) => ReturnType<typeof openSequence>

function atAnEnd<In, Out>(kind: string, values: readonly unknown[], open: Open): Op<In, Out> {
  if (values.length > VALUES_MAX) throw new RangeError(`${kind} takes at most ${VALUES_MAX} values`)
  deepFreeze(values)
  return operate({
    kind,
    traits: { ...sequenceTraits, timeAfter: 'ended' },
    options: commonOptions(kind, {}),
    settings: { values: values.length },
    functions: [],
    open: (context) => open(context, values),
  }) as unknown as Op<In, Out>
}

function startOfAll({ results }: Sequencing, values: readonly unknown[]): Sequence {
  return {
    onBegin: () => () => {
      for (const value of values) results.push(value, undefined, 0, NO_TIME)
      return true
    },
    onRecord: (record) => results.push(record, undefined, 0, NO_TIME),
  }
}

function startPerKey({ context, results }: Sequencing, values: readonly unknown[]): Sequence {
  const started = cellsOf<true>(context, 'started')
  return {
    resultsMax: values.length + 1,
    onRecord(record, key, group) {
      if (!started.has(group, key)) {
        started.set(group, key, true)
        for (const value of values) results.push(value, key, group, NO_TIME)
      }
      results.push(record, key, group, NO_TIME)
    },
  }
}

function endOfEach({ context, results }: Sequencing, values: readonly unknown[]): Sequence {
  const groups = cellsOf<number>(context, 'group')
  return {
    onRecord(record, key, group) {
      if (context.keyed && !groups.has(group, key)) groups.set(group, key, group)
      results.push(record, key, group, NO_TIME)
    },
    onEnd() {
      if (!context.keyed) groups.set(0, undefined, 0)
      const give = (key: unknown, group: number) => {
        for (const value of values) results.push(value, key, group, NO_TIME)
      }
      return releaseEach(results, groups.entries(), give, values.length)
    },
  }
}
