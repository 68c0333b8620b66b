import { MillraceError } from '../base/errors.js'
import { commonOptions } from './arguments.js'
import { cellsOf } from './cells.js'
import { NO_TIME } from './combine/results.js'
import { operate } from './operate.js'
import type { OperatorContext, OperatorOptions } from './operator.js'
import {
  openSequence,
  releaseEach,
  type Sequence,
  type Sequencing,
  sequenceTraits,
} from './sequence/sequence.js'
import type { Op, Stream, Time } from './stream.js'

/** What happens in a stream, as a record; as RxJS has it. */
export type Notification<T> =
  | { readonly kind: 'N'; readonly value: T }
  | { readonly kind: 'E'; readonly error: unknown }
  | { readonly kind: 'C' }

/**
 * Each record as `{ kind: 'N', value }`, and at the end `{ kind: 'C' }`; behind `keyBy` once for each
 * key. As RxJS `materialize`, but for errors: they are no signals here, so that there is no `'E'`. The
 * last one belongs to no instant: event time ends here. State: one mark per key.
 *
 *     materialize()
 */
export function materialize<T, E extends Time, Key>(
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<Notification<T>, 'untimed', Key>> {
  return operate({
    kind: 'materialize',
    traits: { ...sequenceTraits, timeAfter: 'ended' },
    options: commonOptions('materialize', options),
    settings: {},
    functions: [],
    open: (context) => openSequence(context, materialized),
  })
}

/**
 * The opposite of `materialize`: passes the values; `{ kind: 'C' }` ends the stream, behind `keyBy` the
 * key, and `{ kind: 'E' }` is a failure of the job, E_DEMATERIALIZED, with the error as its cause.
 * As RxJS `dematerialize`. Keeps key and event time. State: one mark per finished key, kept for ever.
 *
 *     materialize(), dematerialize()
 */
export function dematerialize<T, E extends Time, Key>(
  options: OperatorOptions = {},
): Op<Stream<Notification<T>, E, Key>, Stream<T, E, Key>> {
  return operate({
    kind: 'dematerialize',
    traits: { ...sequenceTraits, endsStream: true },
    options: commonOptions('dematerialize', options),
    settings: {},
    functions: [],
    open: (context) => openSequence(context, dematerialized),
  })
}

function materialized({ context, results }: Sequencing): Sequence {
  const groups = cellsOf<number>(context, 'group')
  return {
    onRecord(value, key, group) {
      if (context.keyed && !groups.has(group, key)) groups.set(group, key, group)
      results.push({ kind: 'N', value }, key, group, NO_TIME)
    },
    onEnd() {
      if (!context.keyed) groups.set(0, undefined, 0)
      return releaseEach(results, groups.entries(), (key, group) =>
        results.push({ kind: 'C' }, key, group, NO_TIME),
      )
    },
  }
}

function dematerialized({ context, results }: Sequencing): Sequence {
  const finished = cellsOf<true>(context, 'finished')
  return {
    onRecord(record, key, group, timeMs) {
      if (finished.has(group, key)) return
      const notification = record as Notification<unknown>
      switch (notification?.kind) {
        case 'N':
          results.push(notification.value, key, group, timeMs)
          break
        case 'C':
          finished.set(group, key, true)
          break
        case 'E':
          throw new MillraceError('E_DEMATERIALIZED', saysError(context), {
            cause: notification.error,
          })
        default:
          context.errors.fail(new TypeError(noNotification(context, record)), record, key)
      }
    },
    isDone: () => !context.keyed && finished.size > 0,
  }
}

const saysError = ({ operator }: OperatorContext): string =>
  `operator "${operator}": a record of kind 'E' has ended the stream; its error is the cause`

const noNotification = ({ operator }: OperatorContext, record: unknown): string =>
  `operator "${operator}" expects records of kind 'N', 'C' or 'E', as materialize makes them; seen: ${typeof record}`
