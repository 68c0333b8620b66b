import type { OperatorFunction } from 'rxjs'
import { callSite } from '../../base/call-site.js'
import { type Duration, durationMs } from '../../base/duration.js'
import { MillraceError } from '../../base/errors.js'
import type { MapState } from '../../state/state.js'
import { commonOptions } from '../arguments.js'
import type { JoinKind, Kept, KeyedJoin } from '../batch/join-kind.js'
import { attachAll, combinedTraits, requireStream } from '../combine/attach-all.js'
import type { KeyOf, RecordOf, TimeOf } from '../combine/inputs.js'
import type { OperatorContext, OperatorDefinition, OperatorOptions } from '../operator.js'
import type { Signal } from '../signal.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { JOIN_TIMERS, type JoinResult, openTimedJoin, type TimedJoin } from './join-shell.js'
import {
  createPair,
  isSkipped,
  type LeftOf,
  pairingOf,
  type RightOf,
  type Select,
} from './pairing.js'

/** Options of `intervalJoin`. */
export interface IntervalJoinOptions<L, R, Kind extends JoinKind, Out> extends OperatorOptions {
  /** How much later than the left record the right one is, at least; negative: it may be earlier. */
  readonly lower: Duration
  /** How much later it is, at most. Both bounds are inclusive. */
  readonly upper: Duration
  /** Default `inner`. */
  readonly kind?: Kind
  /** What a result is. Default: `[left, right]`. */
  readonly select?: (left: LeftOf<L, Kind>, right: RightOf<R, Kind>) => Out
}

/**
 * Joins records of the same key whose event times are near each other: a pair for each left and right record
 * with `left + lower ≤ right ≤ left + upper`, as soon as both are there. A pair has the later of the two times.
 *
 * With `kind` `left`, `right` or `full`, a record without a partner comes with `undefined` in the place of the
 * other, once the watermark has passed all that could match it; its time is that instant, or its own if that is
 * later, so that it is never late. Records that come behind the watermark are dropped and counted
 * (`droppedLate`). Results keep the key. As Flink's interval join.
 *
 * State: each record, until the watermark says that no partner can come any more.
 *
 * @example
 * const orders = [{ id: 1, at: 1_000 }, { id: 2, at: 2_000 }]
 * const payments = [{ id: 1, at: 4_000 }, { id: 2, at: 60_000 }]
 * const paid = collect<readonly [{ id: number }, { at: number }]>()
 * await runTest(
 *   pipeline('paid', (flow) => {
 *     const right = flow.from(payments).pipe(
 *       timestamps(({ at }) => at, { outOfOrderMs: 0 }),
 *       keyBy(({ id }) => id),
 *     )
 *     flow
 *       .from(orders)
 *       .pipe(
 *         timestamps(({ at }) => at, { outOfOrderMs: 0 }),
 *         keyBy(({ id }) => id),
 *         intervalJoin(right, { lower: 0, upper: '10s' }),
 *       )
 *       .to(paid)
 *   }),
 * )
 * paid.records // [[{ id: 1, at: 1000 }, { id: 1, at: 4000 }]]
 */
export function intervalJoin<
  T,
  E extends Time,
  Key,
  const O extends AnyStream,
  Kind extends JoinKind = 'inner',
  Out = readonly [left: LeftOf<T, Kind>, right: RightOf<RecordOf<O>, Kind>],
>(
  right: O,
  options: IntervalJoinOptions<T, RecordOf<O>, Kind, Out>,
): Op<
  Stream<T, E, Key> & KeyedJoin<Key, KeyOf<O>> & TimedJoin<E | TimeOf<O>>,
  Stream<Out, 'event', Key>
> {
  requireStream('intervalJoin', right)
  const { kind = 'inner' as Kind, select } = options
  const kept = pairingOf('intervalJoin', kind, select)
  const bounds = boundsOf(options)
  const definition: OperatorDefinition = {
    kind: 'intervalJoin',
    traits: { ...combinedTraits(2), key: 'required', time: 'required' },
    options: commonOptions('intervalJoin', options, ['lower', 'upper', 'kind', 'select']),
    settings: { ...bounds, kind },
    functions: select === undefined ? [] : [select],
    open: (context) => openIntervalJoin(context, bounds, kept, select),
  }
  const site = callSite()
  return (stream) => attachAll([stream, right], definition, site) as never
}

interface Bounds {
  readonly lowerMs: number
  readonly upperMs: number
}

function boundsOf({ lower, upper }: { lower: Duration; upper: Duration }): Bounds {
  const lowerMs = durationMs(lower, 'intervalJoin: lower', Number.NEGATIVE_INFINITY)
  const upperMs = durationMs(upper, 'intervalJoin: upper', Number.NEGATIVE_INFINITY)
  if (lowerMs <= upperMs) return { lowerMs, upperMs }
  const at = callSite()()
  throw new MillraceError(
    'E_BAD_ARGUMENT',
    `intervalJoin (${at}): lower must not be above upper, or nothing would match; seen: ${lowerMs} and ${upperMs} ms`,
    { details: { operator: 'intervalJoin', at } },
  )
}

/** Records of one key, side and time. */
interface Instant {
  readonly records: unknown[]
  /** Parallel to `records`. */
  readonly matched: boolean[]
}

const copyInstant = ({ records, matched }: Instant): Instant => ({
  records: records.slice(),
  matched: matched.slice(),
})

/** One of the two inputs, as what is kept of it. */
interface Side {
  readonly isLeft: boolean
  /** Per key, by time. */
  readonly instants: MapState<number, Instant>
  /** From a record's time to the first and the last time of its partners. */
  readonly fromMs: number
  readonly toMs: number
  /** True where records without a partner are results. */
  readonly keeps: boolean
}

function openIntervalJoin(
  context: OperatorContext,
  { lowerMs, upperMs }: Bounds,
  kept: Kept,
  select: Select | undefined,
): OperatorFunction<Signal, Signal> {
  const { state } = context
  const instantsOf = (name: string) =>
    state.map<number, Instant>(name, { mutable: true, copy: copyInstant })
  const left: Side = {
    isLeft: true,
    instants: instantsOf('left'),
    fromMs: lowerMs,
    toMs: upperMs,
    keeps: kept.left,
  }
  const right: Side = {
    isLeft: false,
    instants: instantsOf('right'),
    fromMs: -upperMs,
    toMs: -lowerMs,
    keeps: kept.right,
  }
  const timers = state.timers(JOIN_TIMERS)
  const pair = createPair(context, select)

  function add(found: JoinResult[], a: unknown, b: unknown, key: unknown, timeMs: number): void {
    const record = pair(a, b, key)
    if (!isSkipped(record)) found.push({ record, timeMs })
  }

  /** Pairs of a record with what is there of the other side. Returns whether there were partners. */
  function match(
    found: JoinResult[],
    own: Side,
    record: unknown,
    key: unknown,
    group: number,
    timeMs: number,
  ): boolean {
    const other = own.isLeft ? right : left
    let isMatched = false
    for (const [atMs, instant] of other.instants.entries(group, key)) {
      if (atMs < timeMs + own.fromMs || atMs > timeMs + own.toMs) continue
      isMatched = true
      const pairMs = Math.max(atMs, timeMs)
      for (const partner of instant.records) {
        if (own.isLeft) add(found, record, partner, key, pairMs)
        else add(found, partner, record, key, pairMs)
      }
      if (!other.keeps) continue
      instant.matched.fill(true)
      other.instants.set(group, key, atMs, instant)
    }
    return isMatched
  }

  function keep(
    own: Side,
    record: unknown,
    isMatched: boolean,
    key: unknown,
    group: number,
    timeMs: number,
  ): void {
    const found = own.instants.get(group, key, timeMs)
    const instant: Instant = found ?? { records: [], matched: [] }
    instant.records.push(record)
    if (own.keeps) instant.matched.push(isMatched)
    own.instants.set(group, key, timeMs, instant)
    if (found === undefined) {
      timers.register(group, key, timeMs + own.toMs, own.isLeft ? 'left' : 'right')
    }
  }

  function addUnmatched(
    found: JoinResult[],
    own: Side,
    record: unknown,
    key: unknown,
    timeMs: number,
  ): void {
    if (own.isLeft) add(found, record, undefined, key, timeMs)
    else add(found, undefined, record, key, timeMs)
  }

  return openTimedJoin(context, {
    onRecord(isLeft, record, key, group, timeMs, watermarkMs) {
      const own = isLeft ? left : right
      const found: JoinResult[] = []
      const isMatched = match(found, own, record, key, group, timeMs)
      if (timeMs + own.toMs > watermarkMs) keep(own, record, isMatched, key, group, timeMs)
      else if (own.keeps && !isMatched) addUnmatched(found, own, record, key, timeMs)
      return found
    },
    onTimer({ name, key, group, timeMs }) {
      const own = name === 'left' ? left : right
      const atMs = timeMs - own.toMs
      const instant = own.instants.get(group, key, atMs)!
      own.instants.delete(group, key, atMs)
      if (!own.keeps) return null
      const found: JoinResult[] = []
      instant.records.forEach((record, i) => {
        if (!instant.matched[i]) addUnmatched(found, own, record, key, Math.max(timeMs, atMs))
      })
      return found
    },
  })
}
