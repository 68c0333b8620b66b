/**
 * Builds one subtask from the plan: its input, its operators in their chain, its end.
 */
import { catchError, type OperatorFunction, tap } from 'rxjs'
import { assert, unreachable } from '../../lib/base/assert.js'
import type { Clock } from '../../lib/base/clock.js'
import { errorToData } from '../../lib/base/errors.js'
import { keyGroupOf } from '../../lib/base/key.js'
import type { Random } from '../../lib/base/random.js'
import type { InputChannel, OutputChannel } from '../../lib/channel/channel.js'
import { createInlet, type KeySelector } from '../../lib/channel/inlet.js'
import { createOutlet, type Outlet } from '../../lib/channel/outlet.js'
import type { Partition } from '../../lib/channel/partition.js'
import { SplitReading, type SplitRemains } from '../../lib/connectors/split-reading.js'
import type { Composed, NodeRuntime } from '../../lib/flow/composed.js'
import { DEAD_LETTERS, MAIN } from '../../lib/graph/graph.js'
import type { ChainStep, Plan, PlanEdge, Chain as PlannedChain } from '../../lib/graph/plan.js'
import { column } from '../../lib/metrics/counters.js'
import { type ChainEnd, type ChainLink, openChain } from '../../lib/operators/chain.js'
import { deepFreeze } from '../../lib/operators/freeze.js'
import { fuse } from '../../lib/operators/fused-loop.js'
import type {
  Deferred,
  Gate,
  OperatorContext,
  OperatorDefinition,
} from '../../lib/operators/operator.js'
import { type RecordErrors, type RecordFailure, SKIP } from '../../lib/operators/record-error.js'
import { createRecordErrors } from '../../lib/operators/record-errors.js'
import { BATCH, type Signal } from '../../lib/operators/signal.js'
import { createHeapState } from '../../lib/state/heap-state.js'
import { locate, locating } from './locate.js'
import type { SubtaskParts, SubtaskSignals, TurnWatch } from './subtask.js'
import { OutletEnd, SinkEnd, type SubtaskEnd } from './subtask-end.js'
import { InletInput, SourceInput, type SubtaskInput } from './subtask-input.js'

/** Where the subtask stands: what it is an instance of, and what the slot gives it. */
export interface SubtaskPlace {
  readonly plan: Plan
  readonly composed: Composed
  readonly chain: PlannedChain
  readonly index: number
  readonly attempt: number
  readonly clock: Clock
  readonly random: Random
  readonly freeze: boolean
  readonly counters: Float64Array
  /** Counts for the operator at `step` of the chain. */
  readonly operatorCounter: (step: number) => OperatorContext['count']
  readonly inputs: (edge: PlanEdge) => readonly InputChannel[]
  readonly outputs: (edge: PlanEdge) => readonly OutputChannel[]
  readonly requestSplits: () => void
  readonly publish: (records: readonly unknown[]) => Promise<void>
  readonly watch: TurnWatch
  /** It takes the place of one that failed, while its neighbours go on. */
  readonly replaces: boolean
  /** What the one before has left to read, where it is a source. */
  readonly remains: SplitRemains | null
}

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

  constructor(place: SubtaskPlace, signals: SubtaskSignals) {
    this.#place = place
    this.#signals = signals
  }

  build(): SubtaskParts {
    const { chain, counters, clock, watch } = this.#place
    const steps = [...chain.steps]
    const isSource = this.#runtime(steps[0]!).role === 'source'
    const isSink = this.#runtime(steps.at(-1)!).role === 'sink'
    // Dead letters may come from anywhere in the chain, so the end is opened first.
    this.#end = isSink
      ? this.#openSink(steps.pop()!)
      : new OutletEnd(this.#outlet(MAIN), this.#side())
    this.#input = isSource ? this.#openSource(steps.shift()!) : this.#openInlet()
    const links = this.#openOperators(steps)
    const counted = counting(this.#end, counters)
    const owner = { onWake: this.#signals.ready, onFailure: this.#signals.failed }
    return {
      input: this.#input,
      chain: openChain(links, counted, owner),
      end: this.#end,
      counters,
      clock,
      watch,
    }
  }

  // ---- input --------------------------------------------------------------------------------

  #openSource(step: ChainStep): SubtaskInput {
    const runtime = this.#runtime(step)
    assert(runtime.role === 'source', 'a source step names a source')
    const { index, clock, requestSplits, chain } = this.#place
    const errors = this.#recordErrors(step)
    const operator = this.#nameOf(step)
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
      { onWantSplits: requestSplits },
    )
    const { remains } = this.#place
    if (remains !== null) reading.resume(remains)
    return new SourceInput(reading)
  }

  #openInlet(): SubtaskInput {
    const { plan, chain, inputs, composed } = this.#place
    const edges = chain.inputs.map((id) => plan.edges[id]!)
    const selectors = new Map<number, KeySelector>()
    for (const { id, partitioner } of edges) {
      if (partitioner.kind !== 'hash' || partitioner.key !== 'derived') continue
      const by = composed.runtime.get(partitioner.by)
      assert(by?.role === 'operator' && by.operator.kind === 'keyBy', 'keys come from keyBy')
      // Its only function; a test kit may have taken it out of its fused run.
      selectors.set(id, by.operator.functions[0] as KeySelector)
    }
    const inlet = createInlet(edges.flatMap(inputs), { selectors, keyed: chain.keyed })
    inlet.onReadable = this.#signals.ready
    inlet.onFailure = this.#signals.failed
    return new InletInput(inlet)
  }

  // ---- operators ----------------------------------------------------------------------------

  /** Each run of record-wise operators becomes one link, with one loop. */
  #openOperators(steps: readonly ChainStep[]): ChainLink[] {
    const links: ChainLink[] = []
    let run: ChainStep[] = []
    let keyed = this.#place.chain.keyed
    const endRun = () => {
      if (run.length === 0) return
      links.push(this.#fusedLink(run, keyed))
      keyed ||= run.some((step) => this.#operator(step).traits.keyAfter === 'set')
      run = []
    }
    const { freeze } = this.#place
    for (const step of steps) {
      const operator = this.#operator(step)
      if (operator.step !== undefined) {
        run.push(step)
        // What one function returns is frozen before the next one sees it.
        if (freeze) endRun()
      } else {
        endRun()
        links.push(this.#operatorLink(step, operator, keyed))
        if (operator.traits.keyAfter === 'set') keyed = true
        if (operator.traits.keyAfter === 'ended' && step.half !== 'before') keyed = false
      }
    }
    endRun()
    return freeze ? [freezeRecords, ...links.flatMap((link) => [link, freezeRecords])] : links
  }

  #fusedLink(steps: readonly ChainStep[], keyed: boolean): ChainLink {
    return (gate, wake) =>
      fuse(
        steps.map((step) => {
          const fused = this.#operator(step).step
          assert(fused !== undefined, 'only record-wise operators are fused')
          return { step: fused, context: this.#contextOf(step, keyed, gate, wake) }
        }),
      )
  }

  #operatorLink(step: ChainStep, operator: OperatorDefinition, keyed: boolean): ChainLink {
    return (gate, wake) => {
      const context = this.#contextOf(step, keyed, gate, wake)
      return this.#located(step, 'E_OPERATOR', openHalf(operator, step.half, context))
    }
  }

  /** An error that says of no operator is put down to this one. */
  #located(
    step: ChainStep,
    code: string,
    operator: OperatorFunction<Signal, Signal>,
  ): OperatorFunction<Signal, Signal> {
    return (source) =>
      source.pipe(
        operator,
        catchError((error: unknown) => {
          throw locate(error, code, this.#nameOf(step), this.#place.index)
        }),
      )
  }

  #contextOf(
    step: ChainStep,
    keyed: boolean,
    gate: Gate,
    wake: (work: Deferred) => void,
  ): OperatorContext {
    const { plan, chain, index, clock } = this.#place
    return {
      operator: this.#nameOf(step),
      subtask: index,
      parallelism: chain.parallelism,
      maxParallelism: plan.maxParallelism,
      gate,
      clock,
      state: createHeapState(plan.maxParallelism),
      errors: this.#recordErrors(step),
      keyed,
      wake,
      complete: this.#signals.enough,
      count: this.#place.operatorCounter(chain.steps.indexOf(step)),
    }
  }

  #recordErrors(step: ChainStep): RecordErrors {
    const { composed, counters } = this.#place
    const runtime = this.#runtime(step)
    const own = runtime.role === 'operator' ? runtime.operator.options.onRecordError : undefined
    let sent = false
    const errors = createRecordErrors({
      operator: this.#nameOf(step),
      policy: own ?? composed.onRecordError,
      deadLetter: (failure) => {
        sent = true
        this.#deadLetter(failure)
      },
    })
    /** A dead letter is counted as such, and not as skipped too. */
    const counted = <R>(result: R | typeof SKIP): R | typeof SKIP => {
      if (result === SKIP && !sent) counters[column.skipped]!++
      sent = false
      return result
    }
    return {
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
    const runtime = this.#runtime(step)
    assert(runtime.role === 'sink', 'a sink step names a sink')
    const { index, chain, attempt, clock, publish, replaces } = this.#place
    let published = true
    const wake = () => {
      sink.resume()
      this.#signals.ready()
    }
    const writer = runtime.sink.open({
      operator: this.#nameOf(step),
      subtask: index,
      parallelism: chain.parallelism,
      attempt,
      continues: replaces,
      clock,
      wake,
      fail: (error) => this.#signals.failed(locate(error, 'E_SINK', this.#nameOf(step), index)),
      publish: (records) => {
        published = false
        publish(records).then(() => {
          published = true
          wake()
        }, this.#signals.failed)
        return published
      },
    })
    const located = locating(writer, 'E_SINK', this.#nameOf(step), index)
    const sink = new SinkEnd(located, this.#side(), this.#signals)
    return sink
  }

  #side(): Outlet | null {
    return this.#outlet(DEAD_LETTERS)
  }

  #outlet(output: string): Outlet | null {
    const { plan, chain, outputs } = this.#place
    const edges = chain.outputs.map((id) => plan.edges[id]!).filter((e) => e.output === output)
    if (edges.length === 0) return null
    const outlet = createOutlet(
      edges.map((edge) => ({ partition: this.#partition(edge), channels: outputs(edge) })),
    )
    outlet.onWritable = this.#signals.ready
    outlet.onFailure = this.#signals.failed
    return outlet
  }

  #partition(edge: PlanEdge): Partition {
    const { plan, index, random, composed } = this.#place
    const { partitioner } = edge
    switch (partitioner.kind) {
      case 'forward':
      case 'broadcast':
      case 'global':
        return { kind: partitioner.kind }
      case 'rebalance':
      case 'rescale':
        // Subtasks begin at different receivers, else the first would get the most.
        return { kind: partitioner.kind, first: index }
      case 'shuffle':
        return { kind: 'shuffle', random }
      case 'hash':
        return { kind: 'hash', maxParallelism: plan.maxParallelism, keyGroupOf }
      case 'custom': {
        const by = composed.runtime.get(partitioner.by)
        assert(by?.role === 'partition' && by.partition !== null, 'a custom edge has its function')
        const operator = composed.graph.nodes[partitioner.by]!.name
        return { kind: 'custom', choose: by.partition, operator }
      }
      default:
        return unreachable(partitioner)
    }
  }

  // ---- the plan -----------------------------------------------------------------------------

  #runtime(step: ChainStep): NodeRuntime {
    const runtime = this.#place.composed.runtime.get(step.node)
    assert(runtime !== undefined, 'every planned node can run')
    return runtime
  }

  #operator(step: ChainStep): OperatorDefinition {
    const runtime = this.#runtime(step)
    assert(runtime.role === 'operator', 'between the ends of a chain there are operators')
    return runtime.operator
  }

  #nameOf(step: ChainStep): string {
    return this.#place.composed.graph.nodes[step.node]!.name
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
