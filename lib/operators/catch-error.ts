import { commonOptions, requireCount, requireSyncFunction } from './arguments.js'
import { operate } from './operate.js'
import type { ErrorGuard, OperatorDefinition, OperatorOptions } from './operator.js'
import { recordWise } from './record-wise.js'
import type { Op, Stream, Time } from './stream.js'

/**
 * Where a function of the record-wise operators directly before it (`map`, `filter`, `tap`, `mergeMap`
 * over what is iterable; back to `keyBy` at most) throws on a record, gives what `replace` returns, in
 * the place of that record's results, with its key and time. RxJS ends the stream at an error and goes on
 * with another; here an error is that of one record, and the stream goes on. An `onRecordError` of the
 * failing operator itself comes first: only what it lets fail is caught. Where part of a record's
 * expansion was sent already, the error is a failure. Keeps no state.
 *
 *     map((text: string) => JSON.parse(text)), catchError((error, text) => [{ text, reason: String(error) }])
 *
 * @throws MillraceError `E_NOTHING_GUARDED` when the pipeline is built, where nothing stands before it that
 * it could guard.
 */
export function catchError<T, R, E extends Time, Key>(
  replace: (error: unknown, record: unknown) => Iterable<R>,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T | R, E, Key>> {
  requireSyncFunction('catchError', 'replace', replace)
  return operate(guarding('catchError', { kind: 'catch', replace }, options, [replace]))
}

/**
 * Calls a function of the record-wise operators directly before it again, for the same record, up to
 * `count` times, at once; what remains is up to `catchError` behind it, or to `onRecordError`. RxJS
 * subscribes to the whole source again; here one record is tried again. For pauses between calls use
 * the `retry` option of `mergeMap`. Keeps no state.
 *
 *     map((text: string) => JSON.parse(text)), retry(2), catchError(() => [])
 *
 * @throws MillraceError `E_NOTHING_GUARDED` when the pipeline is built, where nothing stands before it that
 * it could guard.
 */
export function retry<T, E extends Time, Key>(
  count: number,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, E, Key>> {
  requireCount('retry', 'count', count, 1)
  return operate(guarding('retry', { kind: 'retry', count }, options, []))
}

const pass = (value: never): unknown => value

function guarding(
  kind: string,
  guard: ErrorGuard,
  options: OperatorOptions,
  functions: OperatorDefinition['functions'],
): OperatorDefinition {
  const definition = recordWise(kind, { kind: 'guard', call: pass }, options)
  return {
    ...definition,
    traits: { ...definition.traits, guards: true },
    options: commonOptions(kind, options),
    settings: guard.kind === 'retry' ? { count: guard.count } : {},
    functions,
    guard,
  }
}
