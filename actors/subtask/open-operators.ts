/**
 * Opens the operators of a subtask as links of its chain: each run of record-wise operators becomes one
 * link, with one loop; every other operator is a link of its own.
 */
import type { OperatorFunction } from 'rxjs'
import { assert } from '../../lib/base/assert.js'
import { catchError, tap } from '../../lib/base/rxjs.js'
import type { Outlet } from '../../lib/channel/outlet.js'
import type { ChainStep } from '../../lib/graph/plan.js'
import type { HotKeySketch } from '../../lib/metrics/hot-keys.js'
import { Caught } from '../../lib/operators/caught.js'
import type { ChainLink } from '../../lib/operators/chain.js'
import { deepFreeze } from '../../lib/operators/freeze.js'
import { fuse } from '../../lib/operators/fused-loop.js'
import type { Guarding } from '../../lib/operators/guarded-errors.js'
import type { Lanes } from '../../lib/operators/lanes.js'
import type {
  Deferred,
  FusedStep,
  Gate,
  OperatorContext,
  OperatorDefinition,
} from '../../lib/operators/operator.js'
import { readAhead } from '../../lib/operators/read-ahead.js'
import type { RecordErrors } from '../../lib/operators/record-error.js'
import { replay } from '../../lib/operators/replay.js'
import { BATCH, batch, type Signal } from '../../lib/operators/signal.js'
import type { ReadsAhead } from '../../lib/state/read-ahead.js'
import type { StateStore } from '../../lib/state/state.js'
import { flightsAt } from './flights-at.js'
import { locate } from './locate.js'
import { openSide } from './open-side.js'
import { createState } from './restore-operators.js'
import type { OperatorState } from './subtask.js'
import { nameOf, operatorOf, type SubtaskPlace } from './subtask-place.js'

export interface OperatorOpening {
  readonly place: SubtaskPlace
  /** The operator at that position needs no more input. */
  readonly enough: (position: number) => void
  /** The chain begins with a source. */
  readonly readsSplits: boolean
  /** Holds a split of the chain's source back. */
  readonly lanes: Lanes
  readonly hold: OperatorContext['holdInput']
  readonly follows: OperatorContext['inputFollows']
  /** The operator at that position has brought about a watermark that it has not said. */
  readonly owes: (position: number, timeMs: number) => void
  readonly errorsOf: (step: ChainStep, guarding: Guarding | null) => RecordErrors
  /** Null where nobody reads it. */
  readonly side: (name: string) => Outlet | null
  /** The state of an operator that was opened, by its position in the planned chain. */
  readonly keeps: (state: OperatorState, position: number) => void
  /** Sees what leaves the operators at these positions; null where nobody wants to. */
  readonly watch: (positions: readonly number[]) => ChainLink | null
}

export function openOperators(
  opening: OperatorOpening,
  steps: readonly ChainStep[],
  sink: ChainStep | null,
): readonly ChainLink[] {
  const { place } = opening
  const links: ChainLink[] = []
  let run: ChainStep[] = []
  let keyed = place.chain.keyed
  const watch = (seen: readonly ChainStep[]) => {
    const link = opening.watch(seen.map((step) => place.chain.steps.indexOf(step)))
    if (link !== null) links.push(link)
  }
  const endRun = () => {
    if (run.length === 0) return
    links.push(fusedLink(opening, run, keyed))
    watch(run)
    keyed ||= run.some((step) => operatorOf(place, step).traits.keyAfter === 'set')
    run = []
  }
  const goOn = (step: ChainStep) => {
    // The first of a chain is given them by the inlet.
    const flights = step === place.chain.steps[0] ? [] : flightsAt(place, step)
    if (flights.length === 0) return
    endRun()
    const batches = flights.map(({ records, keys, groups, times, input }) =>
      keyed ? batch(records, keys, groups, times, input) : batch(records, null, null, times, input),
    )
    const { timeMs } = place.restored!.steps[place.chain.steps.indexOf(step)]!
    links.push((gate, wake) => replay(gate, wake, batches, timeMs))
  }
  for (const step of steps) {
    goOn(step)
    const { step: fusable, traits } = operatorOf(place, step)
    if (fusable !== undefined) {
      run.push(step)
      // What it catches is put into the output of the run that it ends.
      if (operatorOf(place, step).guard?.kind === 'catch') endRun()
    } else {
      endRun()
      links.push(...operatorLinks(opening, step, keyed))
      watch([step])
      if (traits.keyAfter === 'set') keyed = true
      if (traits.keyAfter === 'ended' && step.half !== 'before') keyed = false
    }
  }
  if (sink !== null) goOn(sink)
  endRun()
  return place.freeze ? [freezeRecords, ...links.flatMap((link) => [link, freezeRecords])] : links
}

function fusedLink(
  opening: OperatorOpening,
  steps: readonly ChainStep[],
  keyed: boolean,
): ChainLink {
  return (gate, wake) => {
    const caught = new Caught()
    let isKeyed = keyed
    const parts = steps.map((step, at) => {
      const { step: fused, traits } = operatorOf(opening.place, step)
      assert(fused !== undefined, 'only record-wise operators are fused')
      const guarding = guardingOf(opening, steps, at, caught)
      const context = contextOf(opening, step, isKeyed, gate, wake, guarding)
      isKeyed ||= traits.keyAfter === 'set'
      return { step: opening.place.freeze ? freezing(fused) : fused, context }
    })
    return fuse(parts, { caught })
  }
}

/** What stands behind a step of a run to meet its errors; a guard looks back to `keyBy` at most. */
function guardingOf(
  { place, errorsOf }: OperatorOpening,
  steps: readonly ChainStep[],
  at: number,
  caught: Caught,
): Guarding | null {
  const operators = steps.slice(at).map((step) => operatorOf(place, step))
  if (operators[0]!.guard !== undefined || operators[0]!.traits.keyAfter === 'set') return null
  const keyAt = operators.findIndex(({ traits }) => traits.keyAfter === 'set')
  const reached = keyAt < 0 ? operators : operators.slice(0, keyAt)
  const guards = reached.flatMap(({ guard }) => (guard === undefined ? [] : [guard]))
  return guards.length === 0 ? null : { guards, caught, guardErrors: errorsOf(steps.at(-1)!, null) }
}

/** In development and tests: what one function returns is frozen before the next one sees it. */
function freezing(step: FusedStep): FusedStep {
  const call = step.call as (value: unknown) => unknown
  return { ...step, call: (value: unknown) => call(deepFreeze(value)) } as FusedStep
}

/** Before one whose keyed state is larger than memory stands what reads ahead for it. */
function operatorLinks(opening: OperatorOpening, step: ChainStep, keyed: boolean): ChainLink[] {
  const { place } = opening
  const { traits } = operatorOf(place, step)
  if (!keyed || !traits.stateful || step.half === 'before' || !place.state.readsAhead) {
    return [operatorLink(opening, step, keyed)]
  }
  const { maxParallelism } = place.plan
  let store: Partial<ReadsAhead> | null = null
  const state = (): ReadsAhead | null => (store?.readAhead ? (store as ReadsAhead) : null)
  return [
    (gate, wake) => readAhead({ gate, wake, maxParallelism, state }),
    operatorLink(opening, step, keyed, (opened) => {
      store = opened
    }),
  ]
}

function operatorLink(
  opening: OperatorOpening,
  step: ChainStep,
  keyed: boolean,
  keeps: (store: StateStore & Partial<ReadsAhead>) => void = () => {},
): ChainLink {
  const { place } = opening
  return (gate, wake) => {
    const context = contextOf(opening, step, keyed, gate, wake)
    keeps(context.state)
    const operator = openHalf(operatorOf(place, step), step.half, context)
    // An error that says of no operator is put down to this one.
    const located = catchError<Signal, never>((error: unknown) => {
      throw locate(error, 'E_OPERATOR', nameOf(place, step), place.index)
    })
    const sketch = hotKeysOf(place, step, keyed)
    if (sketch === null) return (source) => source.pipe(operator, located)
    return (source) => source.pipe(watchKeys(sketch), operator, located)
  }
}

/** Of what was folded before the exchange, only the half that did it sees how often a key came. */
function hotKeysOf(place: SubtaskPlace, step: ChainStep, keyed: boolean): HotKeySketch | null {
  const { traits } = operatorOf(place, step)
  if (!keyed || !traits.stateful || step.half === 'behind') return null
  return place.hotKeys(place.chain.steps.indexOf(step))
}

const watchKeys = (sketch: HotKeySketch) =>
  tap<Signal>((signal) => {
    if (signal.tag === BATCH && signal.keys !== null) sketch.observe(signal.keys)
  })

function contextOf(
  {
    place,
    enough,
    readsSplits,
    lanes,
    hold,
    follows,
    owes,
    errorsOf,
    side,
    keeps,
  }: OperatorOpening,
  step: ChainStep,
  keyed: boolean,
  gate: Gate,
  wake: (work: Deferred) => void,
  guarding: Guarding | null = null,
): OperatorContext {
  const { plan, chain, index, clock } = place
  const operator = nameOf(place, step)
  const isLast = step === chain.steps.at(-1)
  const metrics = place.metrics(chain.steps.indexOf(step))
  const position = chain.steps.indexOf(step)
  const restored = place.restored?.steps[position] ?? null
  const state = restored?.state ?? createState(place, step)
  keeps({ operator, subtask: index, store: state }, position)
  return {
    operator,
    subtask: index,
    parallelism: chain.parallelism,
    maxParallelism: plan.maxParallelism,
    gate,
    clock,
    state,
    spill: place.spill(chain.steps.indexOf(step)),
    errors: errorsOf(step, guarding),
    keyed,
    lanes,
    restoredTimeMs: restored?.timeMs ?? Number.NEGATIVE_INFINITY,
    wake,
    readsSplits,
    holdInput: hold,
    inputFollows: follows,
    owesTime: (timeMs) => owes(position, timeMs),
    align: place.align,
    complete: () => enough(position),
    count: place.operatorCounter(chain.steps.indexOf(step)),
    metrics,
    // Only the last operator of a chain has side outputs that are read.
    side: (name) => openSide(isLast ? side(name) : null, name, metrics, place.freeze),
  }
}

/** In development and tests: what has been emitted cannot be changed any more. */
const freezeRecords: ChainLink = () =>
  tap((signal) => {
    if (signal.tag === BATCH) for (const record of signal.records) deepFreeze(record)
  })

function openHalf(
  operator: OperatorDefinition,
  half: ChainStep['half'],
  context: OperatorContext,
): OperatorFunction<Signal, Signal> {
  if (half !== 'before') return operator.open(context)
  assert(operator.openBefore !== undefined, 'a half before the exchange can be opened')
  return operator.openBefore(context)
}
