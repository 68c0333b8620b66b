import { type Duration, durationMs } from '../../base/duration.js'
import { refuseUnknownOptions } from '../../base/unknown-option.js'
import {
  commonOptions,
  requireCount,
  requireFunction,
  requireOneOf,
  requireSyncFunction,
} from '../arguments.js'
import { type AsyncMapSettings, asyncMap } from '../async-map.js'
import type { Joined } from '../batch/join-kind.js'
import { NO_RESULT } from '../flight.js'
import { type AsyncOptions, asyncSettings } from '../merge-map.js'
import { operate } from '../operate.js'
import type { OperatorContext, OperatorDefinition } from '../operator.js'
import { recordWiseTraits } from '../record-wise.js'
import type { NeedsKey, NoKey, Op, Stream, Time } from '../stream.js'
import { type CacheLimits, SharedCalls } from './shared-calls.js'

/** What `lookupJoin` remembers of earlier answers. */
export interface LookupCache {
  /** Keys that a subtask remembers; beyond, the one asked for longest ago is forgotten. */
  readonly max: number
  /** How long an answer holds, by the clock. Default: as long as there is room. */
  readonly ttl?: Duration
}

/** Options of `lookupJoin`, beside those of `mergeMap`. */
export interface LookupJoinOptions<Kind extends 'inner' | 'left'>
  extends Omit<AsyncOptions, 'timeoutMs'> {
  /** `left`: records for which nothing is found come out, too. Default `inner`. */
  readonly kind?: Kind
  /** Default: no answer is remembered. */
  readonly cache?: LookupCache
  /** For one answer. Default: no limit. */
  readonly timeout?: Duration
}

/** Options of a `lookupJoin` that chooses what to look up by. */
export interface LookupJoinByOptions<T, K, Kind extends 'inner' | 'left'>
  extends LookupJoinOptions<Kind> {
  /** What to look up for a record. Without it: the key of the stream. */
  readonly by: (record: T) => K
}

/**
 * Pairs each record with what `lookUp` finds for it elsewhere, in a database or behind an API:
 * `[record, found]`. What is looked up is `by(record)`, or the stream's key behind `keyBy`. `undefined` and
 * `null` mean that there is nothing: the record is dropped, or with `kind: 'left'` paired with undefined. For
 * several matches give an array, and expand it with `mergeMap`.
 *
 * Runs beside the loop as `mergeMap` of promises does, with `concurrency` (16), `ordered`, `retry` and
 * `timeout`. Records that ask for the same key at the same time share one call, and with `cache` answers are
 * remembered, also that there is nothing; errors are not. Each subtask has its own cache; behind `keyBy` no
 * two of them remember the same key.
 *
 * Keeps key and time. No state: after a failure the cache begins empty, and records whose results were
 * not safe yet are looked up again, and may find something else. The gauge `lookups` shows calls made,
 * shared and saved.
 *
 *     lookupJoin(async (id: number) => db.find(id), { by: (bid: Bid) => bid.auction, timeout: '2s' })
 *     keyBy((bid: Bid) => bid.auction), lookupJoin((id) => lookUp(id), { cache: { max: 10_000, ttl: '5m' }, retry: 2 })
 *
 * @example
 * const names = new Map([[1, 'ann'], [2, 'bob']])
 * const named = collect<readonly [number, string | undefined]>()
 * await runTest(
 *   pipeline('named', (flow) =>
 *     flow
 *       .from([1, 2, 3])
 *       .pipe(lookupJoin(async (id: number) => names.get(id), { by: (id) => id, kind: 'left', ordered: true }))
 *       .to(named),
 *   ),
 * )
 * named.records // [[1, 'ann'], [2, 'bob'], [3, undefined]]
 */
export function lookupJoin<T, E extends Time, Key, K, R, Kind extends 'inner' | 'left' = 'inner'>(
  lookUp: (key: K, signal: AbortSignal) => Promise<R> | R,
  options: LookupJoinByOptions<T, K, Kind>,
): Op<Stream<T, E, Key>, Stream<Joined<T, NonNullable<R>, Kind>, E, Key>>
export function lookupJoin<T, E extends Time, Key, R, Kind extends 'inner' | 'left' = 'inner'>(
  lookUp: (key: Key, signal: AbortSignal) => Promise<R> | R,
  options?: LookupJoinOptions<Kind>,
): Op<
  Stream<T, E, Key> & ([Key] extends [NoKey] ? NeedsKey : unknown),
  Stream<Joined<T, NonNullable<R>, Kind>, E, Key>
>
export function lookupJoin(
  lookUp: LookUp,
  options: LookupJoinOptions<'inner' | 'left'> & { readonly by?: By } = {},
): never {
  requireFunction('lookupJoin', 'lookUp', lookUp)
  const { by = null, kind = 'inner' } = options
  if (by !== null) requireSyncFunction('lookupJoin', 'by', by)
  requireOneOf('lookupJoin', 'kind', kind, ['inner', 'left'])
  const limits = limitsOf(options.cache)
  const settings = settingsOf(options)
  const { concurrency, ordered, timeoutMs, retries } = settings
  const definition: OperatorDefinition = {
    kind: 'lookupJoin',
    traits: { ...recordWiseTraits, key: by === null ? 'required' : 'optional' },
    options: commonOptions('lookupJoin', options, OWN_OPTIONS),
    settings: { kind, cache: shown(limits), concurrency, ordered, timeoutMs, retries },
    functions: by === null ? [lookUp] : [lookUp, by],
    open: (context) =>
      asyncMap(context, { ...settings, call: callOf(context, lookUp, by, kind, limits) }),
  }
  return operate(definition) as never
}

type LookUp = (key: never, signal: AbortSignal) => unknown
type By = (record: never) => unknown

const OWN_OPTIONS = ['by', 'kind', 'cache', 'timeout', 'concurrency', 'ordered', 'retry']

/** No result, of a record whose answer is known at once. */
const NONE: readonly never[] = Object.freeze([])

/** Gives the result at once, in an array, where the cache has the answer; else a promise. */
function callOf(
  { clock, metrics }: OperatorContext,
  lookUp: LookUp,
  by: By | null,
  kind: 'inner' | 'left',
  limits: CacheLimits,
): AsyncMapSettings['call'] {
  const calls = new SharedCalls(lookUp, limits, () => clock.now())
  metrics.gauge('lookups', () => ({ ...calls.counts, cached: calls.size }))
  const pairOf = (record: unknown, found: unknown) => {
    if (found !== undefined && found !== null) return [record, found]
    return kind === 'left' ? [record, undefined] : NO_RESULT
  }
  return (record, signal, streamKey) => {
    const key = by === null ? streamKey : by(record)
    const known = calls.known(key)
    if (known === null) return calls.ask(key, signal).then((found) => pairOf(record, found))
    const pair = pairOf(record, known.found)
    return pair === NO_RESULT ? NONE : [pair]
  }
}

/** A Map ends at 2^24 entries. */
const CACHED_MAX = 2 ** 24 - 1

function limitsOf(cache: LookupCache | undefined): CacheLimits {
  if (cache === undefined) return { keysMax: 0, ttlMs: Number.POSITIVE_INFINITY }
  refuseUnknownOptions('lookupJoin: cache', cache, ['max', 'ttl'])
  const { max, ttl } = cache
  requireCount('lookupJoin', 'cache.max', max, 1, CACHED_MAX)
  const ttlMs =
    ttl === undefined ? Number.POSITIVE_INFINITY : durationMs(ttl, 'lookupJoin: cache.ttl')
  return { keysMax: max, ttlMs }
}

/** As plain data, for the plan. */
const shown = ({ keysMax, ttlMs }: CacheLimits) =>
  keysMax === 0 ? null : { keysMax, ttlMs: Number.isFinite(ttlMs) ? ttlMs : null }

function settingsOf(options: LookupJoinOptions<'inner' | 'left'>): Omit<AsyncMapSettings, 'call'> {
  const { timeout, ...others } = options
  if (timeout === undefined) return asyncSettings('lookupJoin', others)
  const timeoutMs = durationMs(timeout, 'lookupJoin: timeout')
  return asyncSettings('lookupJoin', { ...others, timeoutMs })
}
