/** What `process` and its kin have in common: the specification, and the definition that it makes. */
import type { JsonObject } from '../../base/json.js'
import { refuseUnknownOptions } from '../../base/unknown-option.js'
import { commonOptions, requireFunction, requireSyncFunction, VERSIONS } from '../arguments.js'
import type { OperatorDefinition, OperatorOptions, OperatorTraits } from '../operator.js'
import { recordWiseTraits } from '../record-wise.js'
import type { NeedsKey, NoKey, Time } from '../stream.js'
import type { ProcessInput } from './process-calls.js'
import type { FiredTimer, OpenContext, ProcessContext, RecordsOf } from './process-context.js'
import { openProcess, type ProcessParts } from './process-run.js'
import type { NeedsAKey, StateSpecs } from './state-spec.js'

/** What every process function may have beside its functions of records. */
export interface CommonSpec<R, S extends StateSpecs, E extends Time, Key, Opened> {
  /** `recordsOf<R>()`: what it emits. Default: anything. */
  readonly emits?: RecordsOf<R>
  /** What it keeps, by name. Default: nothing. */
  readonly state?: S
  /** Called once per subtask before the first record, which waits for its promise. */
  readonly open?: (context: OpenContext) => Opened | Promise<Opened>
  readonly onTimer?: (timer: FiredTimer<Key>, context: ProcessContext<R, S, E, Key, Opened>) => void
  /** Called when the input has ended: for every key that has state, or once where there are no keys. */
  readonly onEnd?: (context: ProcessContext<R, S, E, Key, Opened>) => void
  /** Called once with what `open` has given, whatever ends the subtask; the end waits for its promise. */
  readonly close?: (opened: Opened) => void | Promise<void>
}

/** What a stream needs for these states: a key, where one of them is kept per key. */
export type KeyFor<S extends StateSpecs, Key> = [Key] extends [NoKey]
  ? NeedsAKey<S> extends true
    ? NeedsKey
    : unknown
  : unknown

/** Any specification, its types aside. */
type AnySpec = CommonSpec<never, StateSpecs, Time, unknown, never>

const COMMON = ['emits', 'state', 'open', 'onTimer', 'onEnd', 'close']

/** `given`: any `CommonSpec`, with the functions that `inputs` have been made of. */
export function processDefinition(
  kind: string,
  given: object,
  inputs: readonly ProcessInput[],
  options: OperatorOptions,
): OperatorDefinition {
  refuseUnknownOptions(kind, given, [...COMMON, ...inputs.map(({ name }) => name)])
  const { state = {}, onTimer, onEnd, open, close } = given as AnySpec
  if (onTimer !== undefined) requireSyncFunction(kind, 'onTimer', onTimer)
  if (onEnd !== undefined) requireSyncFunction(kind, 'onEnd', onEnd)
  if (open !== undefined) requireFunction(kind, 'open', open)
  if (close !== undefined) requireFunction(kind, 'close', close)
  const parts: ProcessParts = {
    inputs,
    onTimer: onTimer ?? null,
    onEnd: onEnd ?? null,
    open: open ?? null,
    close: close ?? null,
    states: state,
  }
  return {
    kind,
    traits: traitsOf(parts),
    options: commonOptions(kind, options, VERSIONS),
    settings: settingsOf(state),
    functions: functionsOf(parts),
    open: (context) => openProcess(context, parts),
  }
}

/** Without a key each subtask works for itself, so no state brings the stream into one place. */
function traitsOf({ inputs, states, onTimer }: ProcessParts): OperatorTraits {
  const specs = Object.values(states)
  const several = inputs.map(({ hasKey }) => (hasKey ? 'main' : 'broadcast'))
  return {
    ...recordWiseTraits,
    key: specs.some(({ keyed }) => keyed) ? 'required' : 'optional',
    keyAfter: 'ended',
    stateful: specs.length > 0 || onTimer !== null,
    wholeStream: false,
    sides: 'any',
    ...(inputs.length > 1 ? { inputs: several } : {}),
  }
}

/** The states, as `explain` shows them and snapshots are compared by. */
function settingsOf(states: StateSpecs): JsonObject {
  const described = Object.entries(states).map(([name, { kind, ttl }]) => {
    return [name, ttl === null ? kind : `${kind}, ttl ${ttl.ms} ms (${ttl.update})`] as const
  })
  return described.length === 0 ? {} : { state: Object.fromEntries(described) }
}

type AnyFunction = (...args: never[]) => unknown

/** For the fingerprint. */
function functionsOf(parts: ProcessParts): AnyFunction[] {
  const { inputs, onTimer, onEnd, open, close, states } = parts
  const own = [...inputs.map(({ call }) => call), onTimer, onEnd, open, close]
  const ofStates = Object.values(states).flatMap(({ add, aggregation }) => [
    add,
    ...Object.values((aggregation ?? {}) as Record<string, unknown>),
  ])
  return [...own, ...ofStates].filter((each): each is AnyFunction => typeof each === 'function')
}
