/** Opens the declared states of a process function in the store, and makes their handles. */
import type { StateOptions, StateStore } from '../../state/state.js'
import type { CallScope } from './call-scope.js'
import { KeyedAggregating, KeyedReducing, KeyedValue } from './keyed-handles.js'
import { LaidOverList } from './list-handle.js'
import { LaidOverMap } from './map-handle.js'
import type { StateSpec, StateSpecs } from './state-spec.js'

/** One state, open. */
interface OpenState {
  readonly handle: unknown
  /** Every key that it has something for; nothing where it is not kept per key. */
  keys(): Iterator<unknown>
}

export interface OpenStates {
  /** By name. */
  readonly handles: Readonly<Record<string, unknown>>
  /** Of the states that are kept per key. */
  readonly keysOf: readonly (() => Iterator<unknown>)[]
}

export function openStates(store: StateStore, scope: CallScope, specs: StateSpecs): OpenStates {
  const open = Object.entries(specs).map(([name, spec]) => {
    return [name, spec, openState(store, scope, name, spec)] as const
  })
  return {
    handles: Object.fromEntries(open.map(([name, , { handle }]) => [name, handle])),
    keysOf: open
      .filter(([, spec]) => spec.keyed)
      .map(
        ([, , state]) =>
          () =>
            state.keys(),
      ),
  }
}

function openState(
  store: StateStore,
  scope: CallScope,
  name: string,
  spec: StateSpec<unknown>,
): OpenState {
  const options: StateOptions = spec.ttl === null ? {} : { ttl: spec.ttl }
  switch (spec.kind) {
    case 'value':
    case 'reducing':
    case 'aggregating': {
      const stored = store.value<unknown>(name, options)
      const value = new KeyedValue(scope, stored)
      return { handle: foldedBy(spec, value), keys: () => firstOf(stored.entries()) }
    }
    case 'list': {
      const stored = store.list<unknown>(name, options)
      const handle = new LaidOverList(scope, scope.keyedGuard, {
        get: () => stored.get(scope.group, scope.key),
        append: (value) => stored.append(scope.group, scope.key, value),
        replace: (values) => stored.replace(scope.group, scope.key, values),
      })
      return { handle, keys: () => firstOf(stored.entries()) }
    }
    case 'map': {
      const stored = store.map<unknown, unknown>(name, options)
      const handle = new LaidOverMap(scope, scope.keyedGuard, {
        get: (mapKey) => stored.get(scope.group, scope.key, mapKey),
        has: (mapKey) => stored.has(scope.group, scope.key, mapKey),
        set: (mapKey, value) => stored.set(scope.group, scope.key, mapKey, value),
        delete: (mapKey) => stored.delete(scope.group, scope.key, mapKey),
        entries: () => stored.entries(scope.group, scope.key),
        get size() {
          return stored.count(scope.group, scope.key)
        },
        clear: () => stored.deleteAll(scope.group, scope.key),
      })
      return { handle, keys: () => stored.keys() }
    }
    case 'operatorList':
      return {
        handle: new LaidOverList(scope, scope.subtaskGuard, store.operatorList(name)),
        keys: noKeys,
      }
    case 'broadcast':
      return {
        handle: new LaidOverMap(scope, scope.broadcastGuard, store.broadcast(name)),
        keys: noKeys,
      }
  }
}

function foldedBy({ kind, add, aggregation }: StateSpec<unknown>, value: KeyedValue<unknown>) {
  if (kind === 'reducing') return new KeyedReducing(value, add as never)
  if (kind === 'aggregating') return new KeyedAggregating(value, aggregation as never)
  return value
}

const noKeys = (): Iterator<unknown> => [].values()

function* firstOf(entries: Iterable<readonly [key: unknown, value: unknown]>): Iterator<unknown> {
  for (const [key] of entries) yield key
}
