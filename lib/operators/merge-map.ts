import {
  commonOptions,
  isAsyncFunction,
  requireCount,
  requireFunction,
  requireMs,
} from './arguments.js'
import { type AsyncMapSettings, asyncMap } from './async-map.js'
import { operate } from './operate.js'
import type { FusedStep, OperatorDefinition, OperatorOptions } from './operator.js'
import { recordWise, recordWiseTraits } from './record-wise.js'
import type { Op, Stream, Time } from './stream.js'

/** Options of the form that runs beside the loop. Giving one of them chooses that form. */
export interface AsyncOptions extends OperatorOptions {
  /** Records in flight per subtask, at most. Default 16. */
  readonly concurrency?: number
  /** True: results in the order of the records. Default false: as they come. */
  readonly ordered?: boolean
  /** For a promise, or for each element of an async iterable. Default: no limit. */
  readonly timeoutMs?: number
  /**
   * More calls for a record whose call failed, before `onRecordError` is asked; a number, or with the
   * pause before each one, doubling from `firstMs` (100) to `maxMs` (10,000). Default 0.
   */
  readonly retry?: number | AsyncRetry
}

/** How often to call again, and the pauses before: `firstMs`, doubled each time, at most `maxMs`. */
export interface AsyncRetry {
  readonly attempts: number
  readonly firstMs?: number
  readonly maxMs?: number
}

/** What the factories know of the user's function. */
export type Project = (value: never, signal: AbortSignal) => unknown

/** RxJS has no bound; an unbounded source would then start unbounded work. */
export const CONCURRENCY_DEFAULT = 16

/**
 * Replaces each record by the results of `project(record)`; keeps the key. As RxJS `mergeMap`,
 * without the index and with a bound. What the function returns decides:
 *
 * - An array or another iterable (a string: its characters): each element is a result. Runs inside
 *   the fused loop; iterables are pulled lazily, and wait in the middle where output waits.
 * - An async function, a function that takes the AbortSignal, or any with one of the options
 *   `concurrency`, `ordered`, `timeoutMs`, `retry` runs beside the loop: the value of its promise is
 *   one result; each element of an async iterable is one, asked for one at a time. At most
 *   `concurrency` (16) records are in flight per subtask. The signal is aborted on time-out and
 *   cancellation.
 *
 * A plain function that returns a promise without any of these options fails with E_ASYNC_RESULT,
 * which says so: the form is chosen when composing. After a failure the function runs again for
 * records whose results were not safe yet. No state.
 *
 * Checkpoints wait neither for promises nor, once they are unaligned, for iterables: records in flight, and one
 * that is given in the middle, are stored with the number of results that were sent, beside what is left of
 * their batch. After a restore the function is called again and as many results are dropped, so it must give
 * the same results for the same record, as long as there are any. An aligned checkpoint waits until iterables
 * have given all they have, at most for its alignment timeout.
 *
 *     mergeMap((line: string) => line.split(' '))
 *     mergeMap(async (url: string, signal) => (await fetch(url, { signal })).status)
 *     mergeMap((id: number) => lookUp(id), { concurrency: 4, ordered: true, timeoutMs: 500, retry: 2 })
 */
export function mergeMap<T, R, E extends Time, Key>(
  project: (value: T, signal: AbortSignal) => Promise<R> | AsyncIterable<R> | Iterable<R>,
  options: AsyncOptions = {},
): Op<Stream<T, E, Key>, Stream<R, E, Key>> {
  return operate(expansion('mergeMap', project as Project, options))
}

/** Chooses the form; shared with `concatMap`, which fixes some options of the one beside the loop. */
export function expansion(
  kind: string,
  project: Project,
  options: AsyncOptions,
  fixed: AsyncOptions & Pick<AsyncMapSettings, 'overlap'> = {},
): OperatorDefinition {
  requireFunction(kind, 'project', project)
  const isPlain = !isAsyncFunction(project) && project.length < 2 && !hasAsyncOptions(options)
  if (isPlain && fixed.overlap === undefined) {
    const call = project as FusedStep['call'] as (value: never) => Iterable<unknown>
    return recordWise(kind, { kind: 'expand', call }, options)
  }
  const settings = settingsOf(kind, project, { ...options, ...fixed })
  const { concurrency, ordered, timeoutMs, retries } = settings
  return {
    kind,
    traits: recordWiseTraits,
    options: commonOptions(kind, options, OWN_OPTIONS),
    settings: { concurrency, ordered, timeoutMs, retries },
    functions: [project],
    open: (context) => asyncMap(context, { ...settings, overlap: fixed.overlap ?? 'all' }),
  }
}

/** Declared async, or an async generator: known without calling it. */
const OWN_OPTIONS = ['concurrency', 'ordered', 'timeoutMs', 'retry']

function hasAsyncOptions(options: AsyncOptions): boolean {
  const { concurrency, ordered, timeoutMs, retry } = options
  return [concurrency, ordered, timeoutMs, retry].some((option) => option !== undefined)
}

function settingsOf(kind: string, project: Project, options: AsyncOptions): AsyncMapSettings {
  // The function is called with what its type says, and nothing more.
  const call = (value: never, signal: AbortSignal) => project(value, signal)
  return { call, ...asyncSettings(kind, options) }
}

/** The checked options, without the call itself. */
export function asyncSettings(kind: string, options: AsyncOptions): Omit<AsyncMapSettings, 'call'> {
  const { concurrency = CONCURRENCY_DEFAULT, ordered = false, timeoutMs = null } = options
  const retry = typeof options.retry === 'number' ? { attempts: options.retry } : options.retry
  const {
    attempts: retries = 0,
    firstMs: pauseFirstMs = 100,
    maxMs: pauseMaxMs = 10_000,
  } = retry ?? {}
  requireCount(kind, 'concurrency', concurrency, 1)
  requireCount(kind, 'retry', retries, 0)
  if (timeoutMs !== null) requireMs(kind, 'timeoutMs', timeoutMs)
  requireMs(kind, 'retry.firstMs', pauseFirstMs)
  requireMs(kind, 'retry.maxMs', pauseMaxMs)
  return { concurrency, ordered, timeoutMs, retries, pauseFirstMs, pauseMaxMs }
}
