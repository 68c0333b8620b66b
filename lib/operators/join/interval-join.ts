import { callSite } from '../../base/call-site.js'
import { type Duration, durationMs } from '../../base/duration.js'
import { MillraceError } from '../../base/errors.js'
import { commonOptions, requireBoolean } from '../arguments.js'
import type { JoinKind, KeyedJoin } from '../batch/join-kind.js'
import { attachBeside, combinedTraits, requireStream } from '../combine/attach-all.js'
import { type BufferOptions, bufferMaxOf } from '../combine/held.js'
import type { KeyOf, RecordOf, TimeOf } from '../combine/inputs.js'
import type { OperatorDefinition } from '../operator.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { type Bounds, IntervalJoiner } from './interval-joiner.js'
import { createPair, type LeftOf, pairingOf, type RightOf } from './pairing.js'
import { openTimedJoin, type TimedJoin } from './timed-joiner.js'

/** Options of `intervalJoin`. */
export interface IntervalJoinOptions<L, R, Kind extends JoinKind, Out> extends BufferOptions {
  /** How much later than the left record the right one is, at least; negative: it may be earlier. */
  readonly lower: Duration
  /** How much later it is, at most. */
  readonly upper: Duration
  /** True: it is later than by `lower`. Default false: that much is enough. */
  readonly lowerExclusive?: boolean
  /** True: it is later by less than `upper`. Default false. */
  readonly upperExclusive?: boolean
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
 * State: each record, until the watermark says that no partner can come any more; at most `bufferMax`
 * (1,000,000) of both sides per subtask, then E_BUFFER_FULL. A record finds its partners by their times,
 * so a key may have many.
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
  const bufferMax = bufferMaxOf('intervalJoin', options)
  const definition: OperatorDefinition = {
    kind: 'intervalJoin',
    traits: { ...combinedTraits(2), key: 'required', time: 'required' },
    options: commonOptions('intervalJoin', options, OWN_OPTIONS),
    settings: { ...bounds, kind, bufferMax },
    functions: select === undefined ? [] : [select],
    open: (context) =>
      openTimedJoin(
        context,
        (results) =>
          new IntervalJoiner(
            context,
            results,
            createPair(context, select),
            bounds,
            kept,
            bufferMax,
          ),
      ),
  }
  return attachBeside([right], definition) as never
}

const OWN_OPTIONS = [
  'lower',
  'upper',
  'lowerExclusive',
  'upperExclusive',
  'kind',
  'select',
  'bufferMax',
]

type BoundOptions = Pick<
  IntervalJoinOptions<never, never, never, never>,
  'lower' | 'upper' | 'lowerExclusive' | 'upperExclusive'
>

function boundsOf(options: BoundOptions): Bounds {
  const { lower, upper, lowerExclusive = false, upperExclusive = false } = options
  const lowerMs = durationMs(lower, 'intervalJoin: lower', Number.NEGATIVE_INFINITY)
  const upperMs = durationMs(upper, 'intervalJoin: upper', Number.NEGATIVE_INFINITY)
  requireBoolean('intervalJoin', 'lowerExclusive', lowerExclusive)
  requireBoolean('intervalJoin', 'upperExclusive', upperExclusive)
  const isOpen = lowerExclusive || upperExclusive
  if (isOpen ? lowerMs < upperMs : lowerMs <= upperMs) {
    return { lowerMs, upperMs, lowerExclusive, upperExclusive }
  }
  const at = callSite()()
  const must = isOpen
    ? 'must be below upper, where one of them is excluded'
    : 'must not be above upper'
  throw new MillraceError(
    'E_BAD_ARGUMENT',
    `intervalJoin (${at}): lower ${must}, or nothing would match; seen: ${lowerMs} and ${upperMs} ms`,
    { details: { operator: 'intervalJoin', at } },
  )
}
