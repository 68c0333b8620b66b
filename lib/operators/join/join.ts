import { inspect } from 'node:util'
import { callSite } from '../../base/call-site.js'
import { type Duration, durationMs } from '../../base/duration.js'
import { MillraceError } from '../../base/errors.js'
import { keyGroupOf } from '../../base/key.js'
import type { MapState } from '../../state/state.js'
import { commonOptions, requireOneOf } from '../arguments.js'
import {
  type Joined,
  type JoinKind,
  type Kept,
  type KeyedJoin,
  keptBy,
} from '../batch/join-kind.js'
import { attachBeside, combinedTraits, requireStream } from '../combine/attach-all.js'
import { type BufferOptions, bufferMaxOf, HoldLimit } from '../combine/held.js'
import type { KeyOf, RecordOf } from '../combine/inputs.js'
import { NO_TIME, type Results } from '../combine/results.js'
import type { OperatorContext, OperatorDefinition } from '../operator.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { type Joiner, openJoin, type Steps } from './joiner.js'

/** Options of `join`. */
export interface JoinOptions<Kind extends JoinKind> extends BufferOptions {
  /**
   * How long a record waits for partners, in processing time; `'unbounded'`: for as long as the job
   * runs, so that state grows with the streams. It must be said.
   */
  readonly retention: Duration | 'unbounded'
  /** Default `inner`. */
  readonly kind?: Kind
  /**
   * The side of which a key has one record at most, as by a primary key: records of the other side wait
   * only until it has come. A second one is a failure, E_NOT_UNIQUE. Default: neither.
   */
  readonly unique?: 'left' | 'right'
}

/**
 * Joins two keyed streams as they come: `[left, right]` for each pair of records with the same key, told
 * when its second record comes. With `kind` `left`, `right` or `full` a record that has found no partner is told,
 * once, when its retention is over or both streams have ended: never to be taken back, where Flink's
 * tables first say "no partner" and then retract it. Pairs keep the key and have no event time. Bounded
 * streams are joined faster by `hashJoin` and `sortMergeJoin`; where records are near in event time use
 * `intervalJoin`.
 *
 * State: all records of both sides for the time of their `retention`, at most `bufferMax` (1,000,000) per
 * subtask, then E_BUFFER_FULL: also with `retention: 'unbounded'`. Where one side is `unique`, of the other only
 * what has met no partner.
 *
 * @example
 * const pairs = collect<readonly [string, number]>()
 * const job = pipeline('pairs', (flow) => {
 *   const prices = flow.from([7, 8]).pipe(keyBy(() => 'all'))
 *   flow.from(['a']).pipe(keyBy(() => 'all'), join(prices, { retention: '1h' })).to(pairs)
 * })
 * await runTest(job)
 * pairs.records.toSorted() // [['a', 7], ['a', 8]]
 *
 * @throws MillraceError `E_BAD_ARGUMENT` without a `retention`.
 */
export function join<L, E extends Time, Key, O extends AnyStream, Kind extends JoinKind = 'inner'>(
  right: O,
  options: JoinOptions<Kind>,
): Op<
  Stream<L, E, Key> & KeyedJoin<Key, KeyOf<O>>,
  Stream<Joined<L, RecordOf<O>, Kind>, 'untimed', Key>
> {
  requireStream('join', right)
  const site = callSite()
  const { retention, kind = 'inner' } = options ?? {}
  if (retention === undefined) throw noRetention(site())
  const kept = keptBy('join', kind)
  const retentionMs =
    retention === 'unbounded' ? Number.POSITIVE_INFINITY : durationMs(retention, 'join: retention')
  const bufferMax = bufferMaxOf('join', options)
  const { unique } = options
  requireOneOf('join', 'unique', unique, ['left', 'right', undefined])
  const settings = { kept, retentionMs, bufferMax, unique: SIDES.indexOf(unique as 'left') }
  const definition: OperatorDefinition = {
    kind: 'join',
    traits: { ...combinedTraits(2), key: 'required', timeAfter: 'ended' },
    options: commonOptions('join', options, ['retention', 'kind', 'unique', 'bufferMax']),
    settings: { kind, retention: String(retention), bufferMax, ...(unique && { unique }) },
    functions: [],
    open: (context) =>
      openJoin(context, (results) => new RegularJoiner(context, results, settings)),
  }
  return attachBeside([right], definition) as never
}

interface Settings {
  readonly kept: Kept
  readonly retentionMs: number
  readonly bufferMax: number
  /** Index of the side with one record per key; -1: neither. */
  readonly unique: number
}

interface Row {
  readonly record: unknown
  readonly isMatched: boolean
}

const SIDES = ['left', 'right'] as const

class RegularJoiner implements Joiner {
  readonly #context: OperatorContext
  readonly #results: Results
  readonly #rows: readonly MapState<number, Row>[]
  /** Number of the next row, by key. */
  readonly #numbers
  readonly #timers
  readonly #limit: HoldLimit
  readonly #kept: readonly [boolean, boolean]
  readonly #retentionMs: number
  readonly #unique: number

  constructor(
    context: OperatorContext,
    results: Results,
    { kept, retentionMs, bufferMax, unique }: Settings,
  ) {
    this.#context = context
    this.#results = results
    this.#rows = SIDES.map((side) => context.state.map<number, Row>(side))
    this.#numbers = context.state.value<number>('number')
    this.#timers = context.state.timers('processing')
    this.#limit = new HoldLimit(context, bufferMax)
    this.#kept = [kept.left, kept.right]
    this.#retentionMs = retentionMs
    this.#unique = unique
    for (const rows of this.#rows) {
      for (const key of rows.keys()) this.#limit.found(rows.count(this.#groupOf(key), key))
    }
  }

  get alarmMs(): number {
    return this.#timers.nextMs
  }

  onRecord(input: number, record: unknown, key: unknown, group: number): Steps | null {
    if (this.#unique === 1 - input && this.#meets(input, record, key, group)) return null
    if (this.#unique === input && this.#rows[input]!.count(group, key) > 0)
      throw this.#notUnique(key)
    const hasPartners = this.#rows[1 - input]!.count(group, key) > 0
    this.#limit.claim(key)
    const number = this.#numbers.get(group, key) ?? 0
    this.#numbers.set(group, key, number + 1)
    this.#rows[input]!.set(group, key, number, { record, isMatched: hasPartners })
    if (this.#retentionMs !== Number.POSITIVE_INFINITY) {
      const dueMs = this.#context.clock.wallTime() + this.#retentionMs
      this.#timers.register(group, key, dueMs, `${SIDES[input]} ${number}`)
    }
    return hasPartners ? this.#pairs(input, record, key, group) : null
  }

  /** Joins a record with the only partner it can have; false where that has not come. */
  #meets(input: number, record: unknown, key: unknown, group: number): boolean {
    const others = this.#rows[1 - input]!
    const only = others.entries(group, key).next()
    if (only.done === true) return false
    const [number, row] = only.value
    if (this.#kept[1 - input] && !row.isMatched) {
      others.set(group, key, number, { ...row, isMatched: true })
    }
    this.#push(input, record, row.record, key, group)
    return true
  }

  #push(input: number, record: unknown, other: unknown, key: unknown, group: number): void {
    this.#results.push(input === 0 ? [record, other] : [other, record], key, group, NO_TIME)
  }

  onClock(nowMs: number): Steps | null {
    return this.#timers.nextMs <= nowMs ? this.#expired(nowMs) : null
  }

  onEnd(): Steps {
    return this.#leftOver()
  }

  *#pairs(input: number, record: unknown, key: unknown, group: number): Steps {
    const others = this.#rows[1 - input]!
    const keeps = this.#kept[1 - input]
    for (const [number, row] of others.entries(group, key)) {
      if (keeps && !row.isMatched) others.set(group, key, number, { ...row, isMatched: true })
      this.#push(input, record, row.record, key, group)
      if (this.#results.room === 0) yield
    }
    if (this.#unique !== input) return
    // They have met all that they ever will.
    this.#limit.release(others.count(group, key))
    others.deleteAll(group, key)
  }

  /** Drops rows whose retention is over. */
  *#expired(nowMs: number): Steps {
    for (let timer = this.#timers.takeDue(nowMs); timer; timer = this.#timers.takeDue(nowMs)) {
      const { key, group, name } = timer
      const [side, number] = name.split(' ')
      this.#drop(side === 'left' ? 0 : 1, key, group, Number(number))
      if (this.#results.room === 0) yield
    }
  }

  *#leftOver(): Steps {
    for (const side of [0, 1] as const) {
      const rows = this.#rows[side]!
      for (const key of rows.keys()) {
        const group = this.#groupOf(key)
        for (const [number] of rows.entries(group, key)) {
          this.#drop(side, key, group, number)
          if (this.#results.room === 0) yield
        }
      }
    }
    this.#timers.clear()
  }

  #drop(side: 0 | 1, key: unknown, group: number, number: number): void {
    const rows = this.#rows[side]!
    const row = rows.get(group, key, number)
    if (row === undefined) return
    rows.delete(group, key, number)
    this.#limit.release(1)
    if (row.isMatched || !this.#kept[side]) return
    const single = side === 0 ? [row.record, undefined] : [undefined, row.record]
    this.#results.push(single, key, group, NO_TIME)
  }

  #notUnique(key: unknown): MillraceError {
    const { operator } = this.#context
    const side = SIDES[this.#unique]
    return new MillraceError(
      'E_NOT_UNIQUE',
      `'${operator}': the ${side} side was said to have one record per key, and a second one has come, of key ` +
        `${inspect(key)}. Leave out unique: '${side}', or see to it with firstPerKey() or distinct().`,
      { details: { operator, side: side!, key: inspect(key) } },
    )
  }

  #groupOf(key: unknown): number {
    return keyGroupOf(key, this.#context.maxParallelism)
  }
}

const noRetention = (at: string): MillraceError =>
  new MillraceError(
    'E_BAD_ARGUMENT',
    `join (${at}) keeps the records of both streams and must be told for how long: retention: '1h', or ` +
      "'unbounded' for as long as the job runs",
    { details: { operator: 'join', at } },
  )
