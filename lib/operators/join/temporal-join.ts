import { keyGroupOf } from '../../base/key.js'
import type { MapState } from '../../state/state.js'
import type { Timer } from '../../time/timer.js'
import { commonOptions } from '../arguments.js'
import type { KeyedJoin } from '../batch/join-kind.js'
import { attachBeside, combinedTraits, requireStream } from '../combine/attach-all.js'
import { type BufferOptions, bufferMaxOf, HoldLimit } from '../combine/held.js'
import type { KeyOf, RecordOf, TimeOf } from '../combine/inputs.js'
import type { Results } from '../combine/results.js'
import type { OperatorContext, OperatorDefinition } from '../operator.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import type { Steps } from './joiner.js'
import {
  createPair,
  isSkipped,
  type LeftOf,
  type Pair,
  pairingOf,
  type RightOf,
} from './pairing.js'
import { RowsByTime } from './rows-by-time.js'
import { JOIN_TIMERS, openTimedJoin, type TimedJoin, type TimedJoinRun } from './timed-joiner.js'

/** Options of `temporalJoin`. */
export interface TemporalJoinOptions<L, R, Kind extends 'inner' | 'left', Out>
  extends BufferOptions {
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
 * ever. Records and versions that are ahead of the watermark: at most `bufferMax` (1,000,000) together per
 * subtask, then E_BUFFER_FULL. Versions are found by their time, so a key may have many.
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
  const bufferMax = bufferMaxOf('temporalJoin', options)
  const definition: OperatorDefinition = {
    kind: 'temporalJoin',
    traits: { ...combinedTraits(2), key: 'required', time: 'required' },
    options: commonOptions('temporalJoin', options, ['kind', 'select', 'bufferMax']),
    settings: { kind, bufferMax },
    functions: select === undefined ? [] : [select],
    open: (context) =>
      openTimedJoin(
        context,
        (results) =>
          new TemporalJoiner(context, results, createPair(context, select), kept.left, bufferMax),
      ),
  }
  return attachBeside([versions], definition) as never
}

class TemporalJoiner implements TimedJoinRun {
  readonly #results: Results
  readonly #pair: Pair
  readonly #keepsLeft: boolean
  /** Records by their time. */
  readonly #waiting: MapState<number, unknown[]>
  readonly #versions: RowsByTime<unknown>
  readonly #timers
  readonly #limit: HoldLimit

  constructor(
    context: OperatorContext,
    results: Results,
    pair: Pair,
    keepsLeft: boolean,
    bufferMax: number,
  ) {
    const { state } = context
    this.#results = results
    this.#pair = pair
    this.#keepsLeft = keepsLeft
    this.#waiting = state.map<number, unknown[]>('left', { mutable: true })
    this.#versions = new RowsByTime(state.map<number, unknown>('versions'))
    this.#timers = state.timers(JOIN_TIMERS)
    this.#limit = new HoldLimit(context, bufferMax)
    this.#countHeld(context)
  }

  onRecord(input: number, record: unknown, key: unknown, group: number, timeMs: number): null {
    if (input === 0) this.#wait(record, key, group, timeMs)
    else {
      if (this.#timers.register(group, key, timeMs, 'version')) this.#limit.claim(key)
      this.#versions.set(group, key, timeMs, record)
    }
    return null
  }

  /** A late version serves the records to come, unless a later one is there already. */
  onLate(
    input: number,
    record: unknown,
    key: unknown,
    group: number,
    timeMs: number,
    watermarkMs: number,
  ): boolean {
    if (input === 0) return false
    const valid = this.#versions.latestUntil(group, key, watermarkMs)
    if (valid !== undefined && valid > timeMs) return false
    this.#versions.set(group, key, timeMs, record)
    this.#dropBefore(timeMs, key, group)
    return true
  }

  onTimer({ name, key, group, timeMs }: Timer): Steps | null {
    if (name === 'version') {
      this.#limit.release(1)
      this.#dropBefore(timeMs, key, group)
      return null
    }
    const records = this.#waiting.get(group, key, timeMs)!
    this.#waiting.delete(group, key, timeMs)
    this.#limit.release(records.length)
    const valid = this.#versions.latestUntil(group, key, timeMs)
    if (valid === undefined && !this.#keepsLeft) return null
    const version = valid === undefined ? undefined : this.#versions.get(group, key, valid)
    return this.#pairs(records, version, key, group, timeMs)
  }

  #wait(record: unknown, key: unknown, group: number, timeMs: number): void {
    this.#limit.claim(key)
    const records = this.#waiting.get(group, key, timeMs)
    if (records === undefined) this.#timers.register(group, key, timeMs, 'left')
    else records.push(record)
    this.#waiting.set(group, key, timeMs, records ?? [record])
  }

  *#pairs(
    records: readonly unknown[],
    version: unknown,
    key: unknown,
    group: number,
    timeMs: number,
  ): Steps {
    for (const record of records) {
      const result = this.#pair(record, version, key)
      if (!isSkipped(result)) this.#results.push(result, key, group, timeMs)
      if (this.#results.room === 0) yield
    }
  }

  #dropBefore(timeMs: number, key: unknown, group: number): void {
    for (const fromMs of this.#versions.between(group, key, Number.NEGATIVE_INFINITY, timeMs)) {
      if (fromMs < timeMs) this.#versions.delete(group, key, fromMs)
    }
  }

  /** Those that were there when it was opened. */
  #countHeld({ maxParallelism }: OperatorContext): void {
    for (const key of this.#waiting.keys()) {
      const group = keyGroupOf(key, maxParallelism)
      for (const [, records] of this.#waiting.entries(group, key)) this.#limit.found(records.length)
    }
    for (const { name } of this.#timers.entries()) if (name === 'version') this.#limit.found(1)
  }
}
