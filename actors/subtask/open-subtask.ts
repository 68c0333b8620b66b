/**
 * Builds one subtask from the plan: its input, its operators in their chain, its end.
 */
import { assert } from '../../lib/base/assert.js'
import { errorToData } from '../../lib/base/errors.js'
import { tap } from '../../lib/base/rxjs.js'
import { createInlet } from '../../lib/channel/inlet.js'
import type { Outlet } from '../../lib/channel/outlet.js'
import { SplitReading } from '../../lib/connectors/split-reading.js'
import { DEAD_LETTERS, MAIN } from '../../lib/graph/graph.js'
import type { ChainStep } from '../../lib/graph/plan.js'
import { column } from '../../lib/metrics/counters.js'
import { type ChainEnd, type ChainLink, openChain } from '../../lib/operators/chain.js'
import { createGuardedErrors, type Guarding } from '../../lib/operators/guarded-errors.js'
import { createLanes, type Lanes, withoutSplits } from '../../lib/operators/lanes.js'
import { type RecordErrors, type RecordFailure, SKIP } from '../../lib/operators/record-error.js'
import { createRecordErrors } from '../../lib/operators/record-errors.js'
import { BARRIER, INPUT, type InputChange, WATERMARK } from '../../lib/operators/signal.js'
import { createStateSnapshots, sourceOf } from '../../lib/snapshot/state-rounds.js'
import { restoredInVain } from '../../lib/state/state-errors.js'
import { flightsAt } from './flights-at.js'
import { locate, locating } from './locate.js'
import { openOperators } from './open-operators.js'
import { isOvertaken, openOutlet } from './open-outlet.js'
import { roundsEdges, selectorsOf } from './rounds-edges.js'
import type { OperatorState, SubtaskParts, SubtaskSignals } from './subtask.js'
import { OutletEnd, SinkEnd, type SubtaskEnd } from './subtask-end.js'
import { InletInput, SourceInput, type SubtaskInput } from './subtask-input.js'
import { nameOf, runtimeOf, type SubtaskPlace } from './subtask-place.js'
import { type RoundStep, type RoundsEnd, SubtaskRounds } from './subtask-rounds.js'
import { isDealable } from './ways.js'

/** As many attempts as any policy allows have been made. */
const RETRIED_OUT = Number.POSITIVE_INFINITY

export function openSubtask(place: SubtaskPlace, signals: SubtaskSignals): SubtaskParts {
  return new Assembly(place, signals).build()
}

class Assembly {
  readonly #place: SubtaskPlace
  readonly #signals: SubtaskSignals
  #input!: SubtaskInput
  #end!: SubtaskEnd
  #hold: (input: number, held: boolean) => void = () => {}
  #follows: () => boolean = () => false
  #lanes: Lanes = withoutSplits()
  #roundSteps!: Mutable<RoundStep>[]

  constructor(place: SubtaskPlace, signals: SubtaskSignals) {
    this.#place = place
    this.#signals = signals
  }

  build(): SubtaskParts {
    const { plan, chain, counters, clock, watch, restored } = this.#place
    // What had ended says so again, and does nothing else: no operator is opened.
    const steps = restored?.hasEnded ? this.#endsOf(chain.steps) : [...chain.steps]
    this.#roundSteps = chain.steps.map((_, position) => ({
      snapshots: null,
      owedMs: Number.NaN,
      timeMs: restored?.steps[position]?.timeMs ?? Number.NaN,
    }))
    const rounds = this.#openRounds()
    const isSource = runtimeOf(this.#place, chain.steps[0]!).role === 'source'
    const isSink = runtimeOf(this.#place, chain.steps.at(-1)!).role === 'sink'
    // Dead letters may come from anywhere in the chain, so the end is opened first.
    this.#end = isSink
      ? this.#openSink(steps.pop()!)
      : new OutletEnd(openOutlet(this.#place, MAIN, this.#signals), this.#sides())
    this.#input = isSource ? this.#openSource(steps.shift()!) : this.#openInlet(rounds)
    if (restored?.hasEnded) this.#input.cancel()
    const states: OperatorState[] = []
    const links = openOperators(
      {
        place: this.#place,
        enough: this.#signals.enough,
        readsSplits: isSource,
        lanes: this.#lanes,
        hold: (input, held) => this.#hold(input, held),
        follows: () => this.#follows(),
        owes: (position, timeMs) => {
          this.#roundSteps[position]!.owedMs = timeMs
        },
        errorsOf: (step, guarding) => this.#recordErrors(step, guarding),
        side: (name) => this.#end.side(name),
        keeps: (state, position) => {
          states.push(state)
          if (rounds === null) return
          const now = () => this.#place.clock.now()
          const snapshots = createStateSnapshots(state.store, state.operator, now)
          this.#roundSteps[position]!.snapshots = snapshots
        },
        watch: (positions) => (rounds === null ? null : this.#watching(rounds, positions)),
      },
      steps,
      restored?.hasEnded || !isSink ? null : chain.steps.at(-1)!,
    )
    // What nobody reads has not left the chain.
    const isRead = isSink || chain.outputs.some((id) => plan.edges[id]!.output === MAIN)
    const counted = isRead ? counting(this.#end, counters) : this.#end
    const passing = rounds === null ? counted : passingRounds(counted, rounds)
    const { ready, failed, isTurnOver } = this.#signals
    const owner = { onWake: ready, onFailure: failed, isTurnOver }
    const opened = openChain(links, passing, owner)
    this.#settleRestored(states)
    return {
      rounds,
      input: this.#input,
      chain: opened,
      isDealable: isDealable(this.#place),
      end: this.#end,
      states,
      counters,
      clock,
      watch,
    }
  }

  /** Operators declare their state when they open: what was restored, and is not declared now, nobody reads. */
  #settleRestored(states: readonly OperatorState[]): void {
    const { restored, allowDroppedState } = this.#place
    if (restored === null) return
    for (const { operator, subtask, store } of states) {
      const source = sourceOf(store)
      const unclaimed = source.unclaimed()
      if (unclaimed.length === 0 || allowDroppedState) source.dropUnclaimed()
      else return this.#signals.failed(restoredInVain(operator, subtask, unclaimed))
    }
  }

  // ---- snapshots ------------------------------------------------------------------------------

  #openRounds(): SubtaskRounds | null {
    const { snapshots, clock, chain, index } = this.#place
    if (snapshots === null) return null
    const owner = { subtask: { chain: chain.id, index }, clock, ready: this.#signals.ready }
    // The end is opened behind the rounds.
    const end: RoundsEnd = {
      signal: (barrier) => this.#end.signal(barrier),
      overtake: (barrier, took) => this.#end.overtake(barrier, took),
      hurry: (round, took) => this.#end.hurry(round, took),
      holdsBarrier: (round) => this.#end.holdsBarrier(round),
      prepared: (round) => this.#end.prepared(round),
    }
    return new SubtaskRounds(snapshots, owner, this.#roundSteps, end, roundsEdges(this.#place))
  }

  /** Notes what time and which barriers leave the operators at these positions. */
  #watching(rounds: SubtaskRounds, positions: readonly number[]): ChainLink {
    const steps = positions.map((position) => this.#roundSteps[position]!)
    return () =>
      tap((signal) => {
        if (signal.tag === WATERMARK) for (const step of steps) step.timeMs = signal.timeMs
        else if (signal.tag === BARRIER) for (const at of positions) rounds.leave(at, signal)
      })
  }

  #endsOf(steps: readonly ChainStep[]): ChainStep[] {
    return steps.filter((step) => runtimeOf(this.#place, step).role !== 'operator')
  }

  // ---- input --------------------------------------------------------------------------------

  #openSource(step: ChainStep): SubtaskInput {
    const runtime = runtimeOf(this.#place, step)
    assert(runtime.role === 'source', 'a source step names a source')
    const { index, clock, requestSplits, chain } = this.#place
    const errors = this.#recordErrors(step)
    const operator = nameOf(this.#place, step)
    const idleMs = this.#splitIdleMs()
    const changes: InputChange[] = []
    const reading = new SplitReading(
      {
        ...runtime.source,
        splits: (count) => runtime.source.splits(count),
        open: (split, position, context) =>
          locating(runtime.source.open(split, position, context), 'E_SOURCE', operator, index),
      },
      {
        operator,
        subtask: index,
        parallelism: chain.parallelism,
        clock,
        wake: this.#signals.ready,
        fail: (error) => this.#signals.failed(locate(error, 'E_SOURCE', operator, index)),
        // Reading it again would give the same bytes: there is nothing to retry.
        badRecord: (error, raw) => void errors.decide(error, raw, undefined, RETRIED_OUT),
      },
      {
        onWantSplits: requestSplits,
        ...(idleMs === undefined
          ? {}
          : { onInput: (input, state) => void changes.push({ tag: INPUT, input, state }) }),
      },
      idleMs,
    )
    const { remains, restored } = this.#place
    if (remains !== null) reading.resume(remains)
    const splits = restored?.steps[0]?.splits ?? null
    if (splits !== null) reading.resume({ splits, asked: false, last: false })
    this.#hold = (input, held) => reading.hold(input, held)
    this.#lanes = createLanes((number) => reading.splitOf(number))
    const input = new SourceInput(reading, changes)
    this.#follows = () => input.promise()
    return input
  }

  /** The operator that tells the splits apart, if this chain has one. */
  #splitIdleMs(): number | undefined {
    for (const step of this.#place.chain.steps) {
      const runtime = runtimeOf(this.#place, step)
      if (runtime.role === 'operator' && runtime.operator.splitIdleMs !== undefined) {
        return runtime.operator.splitIdleMs
      }
    }
    return undefined
  }

  #openInlet(rounds: SubtaskRounds | null): SubtaskInput {
    const { plan, chain, inputs, composed, snapshots, restored } = this.#place
    const timeMs = restored?.steps[0]?.timeMs
    const edges = chain.inputs.map((id) => plan.edges[id]!)
    const selectors = selectorsOf(this.#place)
    const overtaken = edges.filter((edge) => isOvertaken(plan, edge)).map(({ id }) => id)
    const head = composed.graph.nodes[chain.steps[0]!.node]!
    const inlet = createInlet(edges.flatMap(inputs), {
      selectors,
      keyed: chain.keyed,
      inputs: head.traits.inputs?.length ?? 1,
      inputOf: new Map(edges.map(({ id, input }) => [id, input])),
      holdsTime: new Map(edges.map(({ id, holdsTime }) => [id, holdsTime])),
      ...(snapshots !== null && { exactlyOnce: snapshots.exactlyOnce }),
      ...(rounds !== null && {
        overtaken: {
          edges: new Set(overtaken),
          log: (round, id) => rounds.logOf(round, id),
          logReplays: (round, replays) => rounds.logReplays(round, replays),
        },
      }),
      replays: restored?.hasEnded ? [] : flightsAt(this.#place, chain.steps[0]!),
      ...(timeMs != null && { timeMs }),
    })
    inlet.onReadable = this.#signals.ready
    inlet.onFailure = this.#signals.failed
    return new InletInput(inlet, this.#place.clock)
  }

  #recordErrors(step: ChainStep, guarding: Guarding | null = null): RecordErrors {
    const { composed, counters } = this.#place
    const runtime = runtimeOf(this.#place, step)
    const own = runtime.role === 'operator' ? runtime.operator.options.onRecordError : undefined
    let sent = false
    const options = {
      operator: nameOf(this.#place, step),
      policy: own ?? composed.onRecordError,
      deadLetter: (failure: RecordFailure) => {
        sent = true
        this.#deadLetter(failure)
      },
    }
    const onCaught = () => {
      sent = true
    }
    const errors =
      guarding === null
        ? createRecordErrors(options)
        : createGuardedErrors({ ...options, ...guarding, ownPolicy: own !== undefined, onCaught })
    /** A dead letter is counted as such, and not as skipped too; nor is what was caught. */
    const counted = <R>(result: R | typeof SKIP): R | typeof SKIP => {
      if (result === SKIP && !sent) counters[column.skipped]!++
      sent = false
      return result
    }
    return {
      ...errors,
      recover: (error, record, key, again) => counted(errors.recover(error, record, key, again)),
      decide: (error, record, key, attempt) => counted(errors.decide(error, record, key, attempt)),
      fail: (error, record, key) => errors.fail(error, record, key),
    }
  }

  #deadLetter({ operator, error, record, key }: RecordFailure): void {
    const { index, counters } = this.#place
    const { name, message, stack } = errorToData(error)
    counters[column.deadLetters]!++
    this.#end.deadLetter({
      operator,
      subtask: index,
      ...this.#input.origin,
      key,
      record,
      error: { name, message, stack },
    })
  }

  // ---- end ----------------------------------------------------------------------------------

  #openSink(step: ChainStep): SubtaskEnd {
    const runtime = runtimeOf(this.#place, step)
    assert(runtime.role === 'sink', 'a sink step names a sink')
    const { index, chain, attempt, clock, publish, replaces, snapshots } = this.#place
    const restored = this.#place.restored?.steps.at(-1)?.transactions ?? null
    const wake = () => {
      sink.resume()
      this.#signals.ready()
    }
    const writer = runtime.sink.open({
      operator: nameOf(this.#place, step),
      subtask: index,
      parallelism: chain.parallelism,
      attempt,
      continues: replaces,
      run: this.#place.run,
      snapshots: snapshots !== null,
      restored: restored?.all ?? null,
      clock,
      wake,
      fail: (error) =>
        this.#signals.failed(locate(error, 'E_SINK', nameOf(this.#place, step), index)),
      publish: (records) => {
        publish(records).then(wake, this.#signals.failed)
        return false
      },
    })
    const located = locating(writer, 'E_SINK', nameOf(this.#place, step), index)
    const letters = openOutlet(this.#place, DEAD_LETTERS, this.#signals)
    const sink = new SinkEnd(located, letters, {
      ready: () => this.#signals.ready(),
      failed: (error) => this.#signals.failed(error),
      snapshots: snapshots !== null,
      first: index === 0,
      restored,
      round: this.#place.restored?.round ?? 0,
      onAwaitsCommit: () => snapshots?.awaitsCommit(),
    })
    return sink
  }

  #sides(): ReadonlyMap<string, Outlet> {
    const { plan, chain } = this.#place
    const names = new Set(chain.outputs.map((id) => plan.edges[id]!.output))
    names.delete(MAIN)
    return new Map([...names].map((name) => [name, openOutlet(this.#place, name, this.#signals)!]))
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** At the end of the chain, the barrier has passed all of it. */
function passingRounds(end: ChainEnd, rounds: SubtaskRounds): ChainEnd {
  return {
    get writable() {
      return end.writable
    },
    write: (batch) => end.write(batch),
    signal(signal) {
      if (signal.tag === BARRIER) rounds.pass(signal)
      else end.signal(signal)
    },
  }
}

/** Counts what leaves the chain. */
function counting(end: SubtaskEnd, counters: Float64Array): ChainEnd {
  return {
    get writable() {
      return end.writable
    },
    write(batch) {
      counters[column.recordsOut]! += batch.records.length
      counters[column.batchesOut]!++
      end.write(batch)
    },
    signal: (signal) => end.signal(signal),
  }
}
