/**
 * Sources and sinks that are only composed, never run, and an operator that cannot do without a key:
 * for tests of types, graphs and plans.
 */
import { fileURLToPath } from 'node:url'
import { callSite } from '../../lib/base/call-site.js'
import type { Sink } from '../../lib/connectors/sink.js'
import type { Source } from '../../lib/connectors/source.js'
import { plainTraits } from '../../lib/graph/draft.js'
import type { OperatorOptions, OperatorTraits } from '../../lib/operators/operator.js'
import {
  type AnyStream,
  attach,
  type NeedsKey,
  type NoKey,
  type Op,
  type Stream,
  type Time,
} from '../../lib/operators/stream.js'

/** As compiled, and as source maps show it. */
const HERE = ['./', '../../../test/support/'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
)

type AnyFunction = (...args: never[]) => unknown

/** An operator of this kind and traits which cannot be opened. */
function fake(
  kind: string,
  traits: Partial<OperatorTraits>,
  functions: readonly AnyFunction[],
  options: OperatorOptions = {},
  others: readonly AnyStream[] = [],
): never {
  const site = callSite(HERE)
  const operator: (stream: Stream<unknown>) => unknown = (stream) =>
    stream[attach](
      {
        kind,
        traits: { ...plainTraits, ...traits },
        options,
        settings: {},
        functions,
        open: () => {
          throw new Error('a fake operator is never opened')
        },
      },
      others,
      site,
    )
  return operator as never
}

/** Reads several streams, each in its own way: `inputs` says how. */
export function together(
  inputs: NonNullable<OperatorTraits['inputs']>,
  others: readonly AnyStream[],
  traits: Partial<OperatorTraits> = { stateful: true },
  options: OperatorOptions = {},
): Op<AnyStream, Stream<string>> {
  return fake('together', { ...traits, inputs }, [], options, others)
}

/** Cannot do without a key. */
export function remember<T, E extends Time, Key>(
  options?: OperatorOptions,
): Op<
  Stream<T, E, Key> & ([Key] extends [NoKey] ? NeedsKey : unknown),
  Stream<readonly [Key, T], E>
> {
  return fake('remember', { key: 'required', keyAfter: 'ended', stateful: true }, [], options)
}

export function source<T>(label: string, traits: Partial<Source<T>> = {}): Source<T> {
  return {
    kind: label.replace(/\(.*/, ''),
    label,
    bounded: true,
    replays: true,
    pauses: true,
    parallelism: null,
    concurrentSplits: false,
    settings: {},
    functions: [],
    splits: () => Promise.resolve([]),
    open: () => {
      throw new Error('a fake source is never opened')
    },
    ...traits,
  }
}

export const lines = (file: string, traits: Partial<Source<string>> = {}): Source<string> =>
  source<string>(`lines(${file})`, traits)

/** A source that never ends. */
export const ticks = (): Source<number> => source<number>('ticks', { bounded: false })

export function sink<T = unknown>(label = 'print', traits: Partial<Sink<T>> = {}): Sink<T> {
  return {
    kind: label.replace(/\(.*/, ''),
    label,
    guarantee: 'at-least-once',
    parallelism: null,
    settings: {},
    functions: [],
    open: () => {
      throw new Error('a fake sink is never opened')
    },
    ...traits,
  }
}
