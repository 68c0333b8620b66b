/** What may be given to `flow.from` besides a source: observables and iterables are wrapped. */
import type { Observable } from 'rxjs'
import { callSite } from '../base/call-site.js'
import { MillraceError } from '../base/errors.js'
import { type CollectionOptions, collection } from '../connectors/collection.js'
import { type AsyncIterableOptions, fromAsyncIterable } from '../connectors/from-async-iterable.js'
import { fromObservable, type ObservableOptions } from '../connectors/from-observable.js'
import type { Source } from '../connectors/source.js'

/** Anything a stream can begin with. Strings are iterable, but nobody means their characters. */
export type SourceLike<T> = Source<T> | Observable<T> | AsyncIterable<T> | Iterable<T>

/** Options of all the wrappers; each takes its own. */
export type SourceLikeOptions = Partial<
  ObservableOptions & AsyncIterableOptions & CollectionOptions
>

/** A source as it is; an observable, an async iterable or an iterable wrapped as one. */
export function asSource<T>(given: SourceLike<T>, options: SourceLikeOptions): Source<T> {
  if (has(given, 'splits') && has(given, 'open')) return given as Source<T>
  if (has(given, 'subscribe')) {
    return fromObservable(given as Observable<T>, options as ObservableOptions)
  }
  if (has(given, Symbol.asyncIterator)) {
    return fromAsyncIterable(given as AsyncIterable<T>, options)
  }
  if (has(given, Symbol.iterator)) return collection(given as Iterable<T>, options)
  throw noSource(given)
}

/** True where `value` is an object with a method of this name. */
function has(value: unknown, method: string | symbol): boolean {
  if (typeof value !== 'object' || value === null) return false
  return typeof (value as Record<string | symbol, unknown>)[method] === 'function'
}

function noSource(given: unknown): MillraceError {
  const at = callSite()()
  const what = typeof given === 'string' ? `the text '${given}'` : `a ${typeof given}`
  const advice = typeof given === 'string' ? ` For a file: flow.from(lines('${given}')).` : ''
  return new MillraceError(
    'E_NO_SOURCE',
    `flow.from (${at}) needs a source of millrace/connectors, an Observable, an async iterable or an array, but was given ${what}.${advice}`,
    { details: { at } },
  )
}
