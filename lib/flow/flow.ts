/** The flow: where a pipeline's streams begin. */

import type { Observable } from 'rxjs'
import { callSite } from '../base/call-site.js'
import { refuseUnknownOptions } from '../base/unknown-option.js'
import type { CollectionOptions } from '../connectors/collection.js'
import type { AsyncIterableOptions } from '../connectors/from-async-iterable.js'
import type { ObservableOptions } from '../connectors/from-observable.js'
import type { Source } from '../connectors/source.js'
import { DEAD_LETTERS } from '../graph/graph.js'
import { requirePolicy } from '../operators/arguments.js'
import type { DeadLetter, RecordErrorPolicy } from '../operators/record-error.js'
import type { Stream } from '../operators/stream.js'
import { asSource, type SourceLike, type SourceLikeOptions } from './as-source.js'
import type { Recorder } from './recorder.js'
import { StreamHandle } from './stream-handle.js'

/** Options of `flow.from`, whatever the source. */
export interface FromOptions {
  /** Stable name, unique in the pipeline. Default: the source's label, `lines(hamlet.txt)`. */
  readonly name?: string
  /** Number of reading subtasks. Default: what the source asks for, else that of the job. */
  readonly parallelism?: number
  /** What to do with input that is no record, like a broken line. Default: that of the pipeline. */
  readonly onRecordError?: RecordErrorPolicy
}

const FROM_OPTIONS = ['name', 'parallelism', 'onRecordError']

/** Of `fromObservable`, `fromAsyncIterable` and `collection`. */
const WRAPPER_OPTIONS = [
  'capacity',
  'overflow',
  'onRestart',
  'bounded',
  'ahead',
  'replays',
  'splits',
]

/** Where the streams of one pipeline begin: what its build function is given. */
export interface Flow {
  /**
   * Begins a stream at a source of `millrace/connectors`, or at what can be wrapped as one: an
   * Observable, which must name `capacity` and `overflow`; an async iterable; an array or another
   * iterable.
   */
  from<T>(observable: Observable<T>, options: FromOptions & ObservableOptions): Stream<T>
  from<T>(records: AsyncIterable<T>, options?: FromOptions & AsyncIterableOptions): Stream<T>
  from<T>(records: object & Iterable<T>, options?: FromOptions & CollectionOptions): Stream<T>
  from<T>(source: Source<T>, options?: FromOptions): Stream<T>
  /**
   * The records that could not be processed: of every operator and source whose policy may be
   * `'deadLetter'`, except what stands behind this stream itself. The same stream at each call.
   */
  deadLetters(): Stream<DeadLetter>
}

export function createFlow(recorder: Recorder): Flow {
  let letters: Stream<DeadLetter> | null = null
  return {
    from<T>(given: SourceLike<T>, options: FromOptions & SourceLikeOptions = {}): Stream<T> {
      refuseUnknownOptions('flow.from', options, [...FROM_OPTIONS, ...WRAPPER_OPTIONS])
      requirePolicy('flow.from', options.onRecordError)
      return from(recorder, asSource(given, options), options)
    },
    deadLetters() {
      letters ??= deadLetters(recorder)
      return letters
    },
  }
}

function from<T>(recorder: Recorder, source: Source<T>, options: FromOptions): Stream<T> {
  const parts = {
    role: 'source',
    kind: source.kind,
    label: source.label,
    givenName: options.name ?? null,
    parallelism: options.parallelism ?? source.parallelism,
    bounded: source.bounded,
    replays: source.replays,
    restarts: source.replays || source.resubscribes === true,
    pauses: source.pauses,
    settings: source.settings,
    functions: source.functions,
    policy: options.onRecordError,
    inputs: [],
  } as const
  const id = recorder.add(parts, { role: 'source', source }, callSite())
  return new StreamHandle(recorder, id) as Stream<T>
}

function deadLetters(recorder: Recorder): Stream<DeadLetter> {
  const parts = { role: 'union', kind: DEAD_LETTERS, inputs: [] } as const
  const id = recorder.add(parts, { role: 'union' }, callSite())
  return new StreamHandle(recorder, id) as Stream<DeadLetter>
}
