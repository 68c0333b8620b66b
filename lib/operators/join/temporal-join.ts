import type { OperatorFunction } from 'rxjs'
import { callSite } from '../../base/call-site.js'
import { commonOptions } from '../arguments.js'
import type { KeyedJoin } from '../batch/join-kind.js'
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

/** Options of `temporalJoin`. */
export interface TemporalJoinOptions<L, R, Kind extends 'inner' | 'left', Out>
  extends OperatorOptions {
  /** `left`: records for which no version was valid come with undefined. Default `inner`. */
  readonly kind?: Kind
  /** What a result is. Default: `[left, version]`. */
  readonly select?: (left: LeftOf<L, Kind>, version: RightOf<R, Kind>) => Out
}

/**
 * Gives each record the version of the other stream's record of its key that was valid at its time: the latest
 * whose time is not after it; of several of one time, the one that came last. A record waits for the watermark,
 * so the result does not depend on which stream is faster. It keeps the record's time and key. Records that
 * come behind the watermark are dropped and counted (`droppedLate`); a late version serves the records to
 * come, unless a later one is there already.
 *
 * State: records until the watermark; per key the versions that such records may need, and the latest one for
 * ever.
 *
 * @example
 * const sums = collect<number>()
 * await runTest(
 *   pipeline('sums', (flow) => {
 *     const rates = flow.from([{ of: 'EUR', at: 0, rate: 2 }, { of: 'EUR', at: 50, rate: 3 }]).pipe(
 *       timestamps(({ at }) => at, { outOfOrderMs: 0 }),
 *       keyBy((row) => row.of),
 *     )
 *     flow
 *       .from([{ of: 'EUR', at: 10, price: 7 }, { of: 'EUR', at: 60, price: 7 }])
 *       .pipe(
 *         timestamps(({ at }) => at, { outOfOrderMs: 0 }),
 *         keyBy((row) => row.of),
 *         temporalJoin(rates, { select: ({ price }, { rate }) => price * rate }),
 *       )
 *       .to(sums)
 *   }),
 * )
 * sums.records // [14, 21]
 */
export function temporalJoin<
  T,
  E extends Time,
  Key,
  const O extends AnyStream,
  Kind extends 'inner' | 'left' = 'inner',
  Out = readonly [left: LeftOf<T, Kind>, version: RightOf<RecordOf<O>, Kind>],
>(
  versions: O,
  options: TemporalJoinOptions<T, RecordOf<O>, Kind, Out> = {},
): Op<
  Stream<T, E, Key> & KeyedJoin<Key, KeyOf<O>> & TimedJoin<E | TimeOf<O>>,
  Stream<Out, 'event', Key>
> {
  requireStream('temporalJoin', versions)
  const { kind = 'inner' as Kind, select } = options
  const kept = pairingOf('temporalJoin', kind, select, ['inner', 'left'])
  const definition: OperatorDefinition = {
    kind: 'temporalJoin',
    traits: { ...combinedTraits(2), key: 'required', time: 'required' },
    options: commonOptions('temporalJoin', options, ['kind', 'select']),
    settings: { kind },
    functions: select === undefined ? [] : [select],
    open: (context) => openTemporalJoin(context, kept.left, select),
  }
  const site = callSite()
  return (stream) => attachAll([stream, versions], definition, site) as never
}

function openTemporalJoin(
  context: OperatorContext,
  keepsLeft: boolean,
  select: Select | undefined,
): OperatorFunction<Signal, Signal> {
  const { state } = context
  const waiting = state.map<number, unknown[]>('left', {
    mutable: true,
    copy: (records: unknown[]) => records.slice(),
  })
  const versions = state.map<number, unknown>('versions')
  const timers = state.timers(JOIN_TIMERS)
  const pair = createPair(context, select)

  /** The time of the version valid at `timeMs`; undefined: none was. */
  function validAt(key: unknown, group: number, timeMs: number): number | undefined {
    let valid: number | undefined
    for (const [fromMs] of versions.entries(group, key)) {
      if (fromMs <= timeMs && (valid === undefined || fromMs > valid)) valid = fromMs
    }
    return valid
  }

  function dropBefore(timeMs: number, key: unknown, group: number): null {
    for (const [fromMs] of versions.entries(group, key)) {
      if (fromMs < timeMs) versions.delete(group, key, fromMs)
    }
    return null
  }

  return openTimedJoin(context, {
    onRecord(isLeft, record, key, group, timeMs) {
      timers.register(group, key, timeMs, isLeft ? 'left' : 'version')
      if (!isLeft) versions.set(group, key, timeMs, record)
      else {
        const records = waiting.get(group, key, timeMs) ?? []
        records.push(record)
        waiting.set(group, key, timeMs, records)
      }
      return null
    },
    /** A late version serves the records to come, unless a later one is there already. */
    onLate(isLeft, record, key, group, timeMs, watermarkMs) {
      if (isLeft) return false
      const valid = validAt(key, group, watermarkMs)
      if (valid !== undefined && valid > timeMs) return false
      versions.set(group, key, timeMs, record)
      dropBefore(timeMs, key, group)
      return true
    },
    onTimer({ name, key, group, timeMs }) {
      if (name === 'version') return dropBefore(timeMs, key, group)
      const records = waiting.get(group, key, timeMs)!
      waiting.delete(group, key, timeMs)
      const valid = validAt(key, group, timeMs)
      if (valid === undefined && !keepsLeft) return null
      const version = valid === undefined ? undefined : versions.get(group, key, valid)
      const found: JoinResult[] = []
      for (const left of records) {
        const record = pair(left, version, key)
        if (!isSkipped(record)) found.push({ record, timeMs })
      }
      return found
    },
  })
}
