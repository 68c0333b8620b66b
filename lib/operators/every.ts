import { commonOptions, requireSyncFunction } from './arguments.js'
import { cellsOf } from './cells.js'
import { NO_TIME } from './combine/results.js'
import { operate } from './operate.js'
import type { OperatorContext, OperatorOptions } from './operator.js'
import { SKIP } from './record-error.js'
import { guarded } from './sequence/guarded.js'
import {
  openSequence,
  releaseEach,
  resultTraits,
  type Sequence,
  type Sequencing,
} from './sequence/sequence.js'
import type { Op, PerKey, Stream, Time } from './stream.js'

/**
 * True where `predicate` is true for all records, told when the stream ends; false as soon as it is
 * not. As RxJS `every`: without a key it then ends its stream and asks upstream to stop; behind `keyBy`
 * `[key, answer]`, once per key, and the key's scope ends. State: one mark per key, kept for ever.
 *
 *     every((bid: Bid) => bid.price > 0)
 */
export function every<T, E extends Time, Key>(
  predicate: (record: T) => boolean,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<PerKey<Key, boolean>>> {
  requireSyncFunction('every', 'predicate', predicate)
  return answer('every', options, [predicate], ({ context }) => {
    const holds = guarded(context, predicate as (record: unknown) => boolean)
    return { look: (record, key) => (holds(record, key) === false ? false : SKIP), atEnd: true }
  })
}

/**
 * False at the first record, true where the stream ends without one. As RxJS `isEmpty`; without a key
 * it then ends its stream. Behind `keyBy` `[key, false]` for every key, for a key begins with a record.
 * State: one mark per key, kept for ever.
 *
 *     isEmpty()
 */
export function isEmpty<T, E extends Time, Key>(
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<PerKey<Key, boolean>>> {
  return answer('isEmpty', options, [], () => ({ look: () => false, atEnd: true }))
}

interface Question {
  /** The answer at this record, or SKIP while it is open. */
  readonly look: (record: unknown, key: unknown) => boolean | typeof SKIP
  /** The answer where it is still open at the end. */
  readonly atEnd: boolean
}

function answer<In, Out>(
  kind: string,
  options: OperatorOptions,
  functions: readonly ((record: never) => unknown)[],
  ask: (sequencing: Sequencing) => Question,
): Op<In, Out> {
  const definition = {
    kind,
    traits: { ...resultTraits, endsStream: true },
    options: commonOptions(kind, options),
    settings: {},
    functions,
    open: (context: OperatorContext) =>
      openSequence(context, (sequencing) => answered(sequencing, ask(sequencing)), {
        keepsKeys: false,
      }),
  }
  return operate(definition) as unknown as Op<In, Out>
}

/** True: answered. False: seen, and open. */
function answered({ context, results }: Sequencing, { look, atEnd }: Question): Sequence {
  const answers = cellsOf<boolean>(context, 'answered')
  const say = (key: unknown, value: boolean) =>
    results.push(context.keyed ? [key, value] : value, undefined, 0, NO_TIME)
  return {
    onRecord(record, key, group) {
      const known = answers.get(group, key)
      if (known === true) return
      const found = look(record, key)
      if (found !== SKIP) say(key, found)
      if (found !== SKIP || known === undefined) answers.set(group, key, found !== SKIP)
    },
    isDone: () => !context.keyed && answers.get(0, undefined) === true,
    onEnd() {
      if (!context.keyed) answers.set(0, undefined, false)
      return releaseEach(results, answers.entries(), (key, isAnswered) => {
        if (!isAnswered) say(key, atEnd)
      })
    },
  }
}
