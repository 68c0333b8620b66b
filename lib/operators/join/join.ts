import { callSite } from '../../base/call-site.js'
import { type Duration, durationMs } from '../../base/duration.js'
import { MillraceError } from '../../base/errors.js'
import { keyGroupOf } from '../../base/key.js'
import type { MapState } from '../../state/state.js'
import { commonOptions } from '../arguments.js'
import {
  type Joined,
  type JoinKind,
  type Kept,
  type KeyedJoin,
  keptBy,
} from '../batch/join-kind.js'
import { attachAll, combinedTraits, requireStream } from '../combine/attach-all.js'
import type { KeyOf, RecordOf } from '../combine/inputs.js'
import { NO_TIME, type Results } from '../combine/results.js'
import type { OperatorContext, OperatorDefinition, OperatorOptions } from '../operator.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { type Joiner, Made, openJoin } from './joiner.js'

/** Options of `join`. */
export interface JoinOptions<Kind extends JoinKind> extends OperatorOptions {
  /**
   * How long a record waits for partners, in processing time; `'unbounded'`: for as long as the job
   * runs, so that state grows with the streams. It must be said.
   */
  readonly retention: Duration | 'unbounded'
  /** Default `inner`. */
  readonly kind?: Kind
}

/**
 * Joins two keyed streams as they come: `[left, right]` for each pair of records with the same key, told
 * when its second record comes. With `kind` `left`, `right` or `full` a record that has found no partner is told,
 * once, when its retention is over or both streams have ended: never to be taken back, where Flink's
 * tables first say "no partner" and then retract it. Pairs keep the key and have no event time. Bounded
 * streams are joined faster by `hashJoin` and `sortMergeJoin`; where records are near in event time use
 * `intervalJoin`.
 *
 * State: all records of both sides for the time of their `retention`.
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
  const definition: OperatorDefinition = {
    kind: 'join',
    traits: { ...combinedTraits(2), key: 'required', timeAfter: 'ended' },
    options: commonOptions('join', options, ['retention', 'kind']),
    settings: { kind, retention: String(retention) },
    functions: [],
    open: (context) => openJoin(context, () => new RegularJoiner(context, kept, retentionMs)),
  }
  return (stream) => attachAll([stream, right], definition, site) as never
}

interface Row {
  readonly record: unknown
  readonly isMatched: boolean
}

const SIDES = ['left', 'right'] as const

class RegularJoiner implements Joiner {
  readonly #context: OperatorContext
  readonly #rows: readonly MapState<number, Row>[]
  /** Number of the next row, by key. */
  readonly #numbers
  readonly #timers
  readonly #kept: readonly [boolean, boolean]
  readonly #retentionMs: number
  /** Records whose retention is over, or that the end has left without a partner. */
  readonly #single = new Made()
  #partners: Iterator<readonly [number, Row]> | null = null
  #input = 0
  #record: unknown = undefined
  #key: unknown = undefined
  #group = 0
  #unmatched: Iterator<unknown> | null = null

  constructor(context: OperatorContext, kept: Kept, retentionMs: number) {
    this.#context = context
    this.#rows = SIDES.map((side) => context.state.map<number, Row>(side))
    this.#numbers = context.state.value<number>('number')
    this.#timers = context.state.timers('processing')
    this.#kept = [kept.left, kept.right]
    this.#retentionMs = retentionMs
  }

  get alarmMs(): number {
    return this.#timers.nextMs
  }

  take(input: number, record: unknown, key: unknown, group: number): void {
    const own = this.#rows[input]!
    const others = this.#rows[1 - input]!
    const number = this.#numbers.get(group, key) ?? 0
    this.#numbers.set(group, key, number + 1)
    own.set(group, key, number, { record, isMatched: others.count(group, key) > 0 })
    if (this.#retentionMs !== Number.POSITIVE_INFINITY) {
      const dueMs = this.#context.clock.wallTime() + this.#retentionMs
      this.#timers.register(group, key, dueMs, `${SIDES[input]} ${number}`)
    }
    this.#input = input
    this.#record = record
    this.#key = key
    this.#group = group
    this.#partners = others.entries(group, key)
  }

  give(results: Results): boolean {
    if (!this.#givePairs(results)) return false
    for (;;) {
      if (!this.#single.give(results)) return false
      if (this.#unmatched === null) return true
      if (this.#unmatched.next().done) this.#unmatched = null
    }
  }

  #givePairs(results: Results): boolean {
    const others = this.#rows[1 - this.#input]!
    while (this.#partners !== null) {
      if (results.room === 0) return false
      const next = this.#partners.next()
      if (next.done) {
        this.#partners = null
        break
      }
      const [number, row] = next.value
      if (!row.isMatched && this.#kept[1 - this.#input]) {
        others.set(this.#group, this.#key, number, { ...row, isMatched: true })
      }
      const pair = this.#input === 0 ? [this.#record, row.record] : [row.record, this.#record]
      results.push(pair, this.#key, this.#group, NO_TIME)
    }
    return true
  }

  onClock(nowMs: number): void {
    this.#unmatched = this.#expired(nowMs)
  }

  onEnd(): void {
    this.#unmatched = this.#leftOver()
  }

  /** Drops rows whose retention is over, one at a step. */
  *#expired(nowMs: number): Iterator<undefined> {
    for (let timer = this.#timers.takeDue(nowMs); timer; timer = this.#timers.takeDue(nowMs)) {
      const { key, group, name } = timer
      const [side, number] = name.split(' ')
      this.#drop(side === 'left' ? 0 : 1, key, group, Number(number))
      yield undefined
    }
  }

  /** At the end: one row at a step. */
  *#leftOver(): Iterator<undefined> {
    for (const side of [0, 1] as const) {
      const rows = this.#rows[side]!
      for (const key of rows.keys()) {
        const group = this.#groupOf(key)
        for (const [number] of rows.entries(group, key)) {
          this.#drop(side, key, group, number)
          yield undefined
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
    if (row.isMatched || !this.#kept[side]) return
    const single = side === 0 ? [row.record, undefined] : [undefined, row.record]
    this.#single.add(single, key, group, NO_TIME)
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
