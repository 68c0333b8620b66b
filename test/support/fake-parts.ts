/**
 * Sources, operators and sinks that are only composed, never run: definitions with the traits of the
 * real ones, for tests of types, graphs and plans.
 */
import { fileURLToPath } from 'node:url'
import { callSite } from '../../lib/base/call-site.js'
import type { Sink } from '../../lib/connectors/sink.js'
import type { Source } from '../../lib/connectors/source.js'
import { plainTraits } from '../../lib/graph/draft.js'
import type { OperatorOptions, OperatorTraits } from '../../lib/operators/operator.js'
import {
  attach,
  type NeedsKey,
  type NoKey,
  type Op,
  type PerKey,
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
      [],
      site,
    )
  return operator as never
}

export function map<T, R, E extends Time, Key>(
  project: (record: T) => R,
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<R, E, Key>> {
  return fake('map', {}, [project], options)
}

export function filter<T, S extends T, E extends Time, Key>(
  test: (record: T) => record is S,
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<S, E, Key>>
export function filter<T, E extends Time, Key>(
  test: (record: T) => boolean,
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<T, E, Key>>
export function filter(test: AnyFunction, options?: OperatorOptions): never {
  return fake('filter', {}, [test], options)
}

export function mergeMap<T, R, E extends Time, Key>(
  project: (record: T) => Iterable<R>,
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<R, E, Key>> {
  return fake('mergeMap', {}, [project], options)
}

export function keyBy<T, Key, E extends Time>(
  select: (record: T) => Key,
  options?: OperatorOptions,
): Op<Stream<T, E, unknown>, Stream<T, E, Key>> {
  return fake('keyBy', { keyAfter: 'set' }, [select], options)
}

const aggregate = { keyAfter: 'ended', stateful: true, speaksAtEnd: true } as const

export function count<T, E extends Time, Key>(
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, number>, E>> {
  return fake('count', { ...aggregate, before: 'aggregate' }, [], options)
}

export function reduce<T, A, E extends Time, Key>(
  step: (total: A, record: T) => A,
  seed: A,
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, A>, E>> {
  void seed
  return fake('reduce', { ...aggregate, before: 'project' }, [step], options)
}

export function scan<T, A, E extends Time, Key>(
  step: (total: A, record: T) => A,
  seed: A,
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, A>, E>> {
  void seed
  return fake('scan', { keyAfter: 'ended', stateful: true, orderSensitive: true }, [step], options)
}

export function distinct<T, E extends Time, Key>(
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<T, E, Key>> {
  return fake('distinct', { stateful: true }, [], options)
}

export function take<T, E extends Time, Key>(
  limit: number,
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<T, E, Key>> {
  void limit
  return fake('take', { stateful: true, orderSensitive: true, endsStream: true }, [], options)
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

/** Cannot be keyed. */
export function rx<T, E extends Time>(options?: OperatorOptions): Op<Stream<T, E>, Stream<T, E>> {
  return fake('rx', { key: 'forbidden', replays: false }, [], options)
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
