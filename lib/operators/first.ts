import { MillraceError } from '../base/errors.js'
import { commonOptions, requireCount, requireSyncFunction } from './arguments.js'
import { cellsOf } from './cells.js'
import { NO_TIME } from './combine/results.js'
import { operate } from './operate.js'
import type { OperatorContext, OperatorOptions, OperatorTraits } from './operator.js'
import type { SKIP } from './record-error.js'
import { guarded } from './sequence/guarded.js'
import {
  endingTraits,
  openSequence,
  releaseEach,
  type Sequence,
  type Sequencing,
  sequenceTraits,
} from './sequence/sequence.js'
import type { Op, Stream, Time } from './stream.js'

/** Options of operators that pick one record. */
export interface PickOptions<D> extends OperatorOptions {
  /** Given where there is none to pick. Default: that is a failure of the job. */
  readonly orElse?: D
}

/**
 * The first record (for which `predicate` is true). As RxJS `first`: without a key it then ends its
 * stream and asks upstream to stop; a stream without one is a failure, E_EMPTY, unless `orElse` is
 * given. Behind `keyBy` the first of each key; a key without one gives nothing. Keeps key and time.
 * State: one mark per key, kept for ever.
 *
 *     first((bid: Bid) => bid.price > 100)
 */
export function first<T, E extends Time, Key, D = never>(
  predicate: (record: T) => boolean = always,
  options: PickOptions<D> = {},
): Op<Stream<T, E, Key>, Stream<T | D, E, Key>> {
  return pick('first', predicate, options, { endsStream: true }, takeFirst)
}

/**
 * The last record (for which `predicate` is true), when the stream ends; behind `keyBy`, of each key
 * that has one. As RxJS `last`: without a key and without a record a failure, E_EMPTY, unless `orElse`
 * is given. Keeps the key. Event time ends here,
 * for the watermark has gone on meanwhile: give it anew with `timestamps`. State: one record
 * per key.
 *
 *     last((bid: Bid) => bid.price > 100)
 */
export function last<T, E extends Time, Key, D = never>(
  predicate: (record: T) => boolean = always,
  options: PickOptions<D> = {},
): Op<Stream<T, E, Key>, Stream<T | D, 'untimed', Key>> {
  return pick('last', predicate, options, endingTraits, takeLatest)
}

/**
 * The one record (for which `predicate` is true), when the stream ends; a second one is a failure,
 * E_NOT_SINGLE, and without a key none is one, E_EMPTY. As RxJS `single`. Behind `keyBy`, of each key
 * that has one. Keeps the key. Event time ends here,
 * for the watermark has gone on meanwhile: give it anew with `timestamps`. State: one record
 * per key.
 *
 *     single((bid: Bid) => bid.auction === 7)
 */
export function single<T, E extends Time, Key>(
  predicate: (record: T) => boolean = always,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, 'untimed', Key>> {
  return pick('single', predicate, options, endingTraits, takeOnly)
}

/**
 * The first record for which `predicate` is true, else `undefined` at the end of the stream. As RxJS
 * `find`: without a key it ends its stream at the record; behind `keyBy`, one answer per key.
 * Keeps key; event time ends here, for `undefined` has none. State: one mark per key, kept for ever.
 *
 *     find((bid: Bid) => bid.price > 100)
 */
export function find<T, E extends Time, Key>(
  predicate: (record: T) => boolean,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T | undefined, 'untimed', Key>> {
  const more = { endsStream: true, timeAfter: 'ended' } as const
  return pick('find', predicate, options, more, takeFound)
}

/**
 * The record at `index`, which counts from 0; behind `keyBy`, of each key that has so many. As RxJS
 * `elementAt`: without a key it then ends its stream; a stream that is too short is a failure,
 * E_OUT_OF_RANGE, unless `orElse` is given. Keeps key and time. State: one number per key, kept for
 * ever.
 *
 *     elementAt(2)
 */
export function elementAt<T, E extends Time, Key, D = never>(
  index: number,
  options: PickOptions<D> = {},
): Op<Stream<T, E, Key>, Stream<T | D, E, Key>> {
  requireCount('elementAt', 'index', index, 0)
  const { orElse } = options
  return operate({
    kind: 'elementAt',
    traits: { ...sequenceTraits, endsStream: true },
    options: commonOptions('elementAt', options, ['orElse']),
    settings: { index, hasDefault: 'orElse' in options },
    functions: [],
    open: (context) =>
      openSequence(context, ({ results }) => {
        const seen = cellsOf<number>(context, 'seen')
        return {
          onRecord(record, key, group, timeMs) {
            const at = seen.get(group, key) ?? 0
            if (at > index) return
            seen.set(group, key, at + 1)
            if (at === index) results.push(record, key, group, timeMs)
          },
          isDone: () => !context.keyed && (seen.get(0, undefined) ?? 0) > index,
          onEnd() {
            if (context.keyed) return null
            const count = seen.get(0, undefined) ?? 0
            if (!('orElse' in options)) throw outOfRange(context, index, count)
            return () => {
              results.push(orElse, undefined, 0, NO_TIME)
              return true
            }
          },
        }
      }),
  })
}

type Predicate = (record: unknown) => boolean
const always: Predicate = () => true

interface Picking extends Sequencing {
  readonly holds: (record: unknown, key: unknown) => boolean | typeof SKIP
  /** Given without a key where there is none to pick; throws without a default. */
  readonly none: () => void
}

function pick<In, Out>(
  kind: string,
  predicate: (record: never) => boolean,
  options: PickOptions<unknown>,
  traits: Partial<OperatorTraits>,
  create: (picking: Picking) => Sequence,
): Op<In, Out> {
  requireSyncFunction(kind, 'predicate', predicate)
  const definition = {
    kind,
    traits: { ...sequenceTraits, ...traits },
    options: commonOptions(kind, options, ['orElse']),
    settings: { hasDefault: 'orElse' in options },
    functions: [predicate],
    open: (context: OperatorContext) =>
      openSequence(context, (sequencing) =>
        create({
          ...sequencing,
          holds: guarded(context, predicate as Predicate),
          none() {
            if (!('orElse' in options)) throw empty(context)
            sequencing.results.push(options.orElse, undefined, 0, NO_TIME)
          },
        }),
      ),
  }
  return operate(definition) as unknown as Op<In, Out>
}

function takeFirst({ context, results, holds, none }: Picking): Sequence {
  const found = cellsOf<true>(context, 'found')
  return {
    onRecord(record, key, group, timeMs) {
      if (found.has(group, key) || holds(record, key) !== true) return
      found.set(group, key, true)
      results.push(record, key, group, timeMs)
    },
    isDone: () => !context.keyed && found.size > 0,
    onEnd: () => (context.keyed ? null : once(none)),
  }
}

/** False: seen, and not found. */
function takeFound({ context, results, holds }: Picking): Sequence {
  const groups = cellsOf<number | null>(context, 'open')
  return {
    onRecord(record, key, group) {
      const open = groups.get(group, key)
      if (open === null) return
      const held = holds(record, key)
      if (held === true) {
        groups.set(group, key, null)
        results.push(record, key, group, NO_TIME)
      } else if (open === undefined) groups.set(group, key, group)
    },
    isDone: () => !context.keyed && groups.get(0, undefined) === null,
    onEnd() {
      if (!context.keyed) return once(() => results.push(undefined, undefined, 0, NO_TIME))
      return releaseEach(results, groups.entries(), (key, group) => {
        if (group !== null) results.push(undefined, key, group, NO_TIME)
      })
    },
  }
}

/** A record with what it must not lose until the end. */
type Kept = readonly [record: unknown, group: number]

function takeLatest({ context, results, holds, none }: Picking): Sequence {
  const latest = cellsOf<Kept>(context, 'latest')
  return {
    onRecord(record, key, group) {
      if (holds(record, key) === true) latest.set(group, key, [record, group])
    },
    onEnd: () => releaseKept(context, results, latest.entries(), none),
  }
}

function takeOnly({ context, results, holds, none }: Picking): Sequence {
  const only = cellsOf<Kept>(context, 'only')
  return {
    onRecord(record, key, group) {
      if (holds(record, key) !== true) return
      if (only.has(group, key)) throw notSingle(context, key)
      only.set(group, key, [record, group])
    },
    onEnd: () => releaseKept(context, results, only.entries(), none),
  }
}

function releaseKept(
  context: OperatorContext,
  results: Sequencing['results'],
  entries: Iterator<readonly [key: unknown, kept: Kept]>,
  none: () => void,
) {
  let given = 0
  return () => {
    while (results.room > 0) {
      const next = entries.next()
      if (next.done) {
        if (given === 0 && !context.keyed) none()
        return true
      }
      const [key, [record, group]] = next.value
      given += 1
      results.push(record, key, group, NO_TIME)
    }
    return false
  }
}

const once = (give: () => void) => () => {
  give()
  return true
}

const empty = ({ operator }: OperatorContext): MillraceError =>
  new MillraceError(
    'E_EMPTY',
    `operator "${operator}": the stream has ended without a record to give; pass orElse to give something else`,
    { details: { operator } },
  )

function notSingle({ operator, keyed }: OperatorContext, key: unknown): MillraceError {
  const where = keyed ? ` of key ${String(key)}` : ''
  return new MillraceError(
    'E_NOT_SINGLE',
    `operator "${operator}": exactly one record was expected, and a second${where} has come; use first(…) where more are meant`,
    { details: { operator } },
  )
}

const outOfRange = ({ operator }: OperatorContext, index: number, count: number): MillraceError =>
  new MillraceError(
    'E_OUT_OF_RANGE',
    `operator "${operator}": the record at index ${index} was expected, but the stream has ended after ${count}; pass orElse to give something else`,
    { details: { operator, index, count } },
  )
