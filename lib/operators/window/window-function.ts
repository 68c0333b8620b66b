/** Calls the user's function for a window: what it is given, and the state it may keep. */
import type { ValueState } from '../../state/state.js'
import type { WindowSpan } from '../../window/span.js'
import type { OperatorContext } from '../operator.js'
import { type Gathered, gatheredOf, type Side, type Sided } from './gathered.js'
import type { WindowFunction } from './window-output.js'
import type { WindowContent } from './window-settings.js'

/** State of a key beyond its windows, for window functions: one value. */
export interface WindowFunctionState {
  get<S>(): S | undefined
  /** Values are immutable: set another one. */
  set(value: unknown): void
  clear(): void
}

type Call = (given: object) => Iterable<unknown>

/** `gathers`: what a window has is `Gathered`, and not a list of records. */
export function windowFunction(
  context: OperatorContext,
  { apply, aggregation, sided }: WindowContent,
  gathers: boolean,
): WindowFunction {
  const call = apply as unknown as Call
  if (sided) return gathers ? ofGathered(call) : ofSided(call)
  const state = new KeyCell(context.state.value('function'))
  const span = spans()
  if (aggregation !== null) {
    return (group, key, start, end, value) =>
      call({ key, window: span(start, end), value, state: state.of(group, key) })
  }
  return (group, key, start, end, shown) => {
    const records = gathers ? gatheredOf(shown as Gathered, 0) : shown
    return call({ key, window: span(start, end), records, state: state.of(group, key) })
  }
}

function ofGathered(call: Call): WindowFunction {
  const span = spans()
  return (_group, key, start, end, content) => {
    const of = content as Gathered
    const left = gatheredOf(of, 0)
    const right = gatheredOf(of, 1)
    return call({ key, window: span(start, end), left, right })
  }
}

function ofSided(call: Call): WindowFunction {
  const span = spans()
  return (_group, key, start, end, content) => {
    const records = content as readonly Sided[]
    const left = ofSide(records, 0)
    const right = ofSide(records, 1)
    return call({ key, window: span(start, end), left, right })
  }
}

/** Most groups are of one or two records: a list that begins with the first has room for no others. */
function ofSide(records: readonly Sided[], side: Side): unknown[] {
  let of: unknown[] | null = null
  for (let i = 0; i < records.length; i++) {
    const sided = records[i]!
    if (sided[0] !== side) continue
    if (of === null) of = [sided[1]]
    else of.push(sided[1])
  }
  return of ?? []
}

/** Keys of one window speak one after the other, and share what says which it is. */
function spans(): (start: number, end: number) => WindowSpan {
  let last: WindowSpan = { start: Number.NaN, end: Number.NaN }
  return (start, end) => {
    if (last.start !== start || last.end !== end) last = { start, end }
    return last
  }
}

/** The value of the key whose window is under way. */
class KeyCell implements WindowFunctionState {
  #group = 0
  #key: unknown = undefined
  readonly #state: ValueState<unknown>

  constructor(state: ValueState<unknown>) {
    this.#state = state
  }

  of(group: number, key: unknown): WindowFunctionState {
    this.#group = group
    this.#key = key
    return this
  }

  get<S>(): S | undefined {
    return this.#state.get(this.#group, this.#key) as S | undefined
  }

  set(value: unknown): void {
    this.#state.set(this.#group, this.#key, value)
  }

  clear(): void {
    this.#state.delete(this.#group, this.#key)
  }
}
