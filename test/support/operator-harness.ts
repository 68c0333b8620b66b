/**
 * Drives operators as a subtask does: a chain, one outlet gate, turns on demand — by script.
 *
 * The harness keeps the caller's side of the contract (no signal while something is deferred, drain
 * downstream first) and checks the operator's: no batch through a closed gate, no empty or oversized
 * batch, keys parallel to records, nothing after the end; and what is in its state can be snapshotted
 * while it goes on. What breaks is in `broken`.
 */
import { Subject, type Subscription } from 'rxjs'
import { unpaced } from '../../lib/base/pace.js'
import { createNamedMetrics, type NamedMetrics } from '../../lib/metrics/named-metrics.js'
import { deepFreeze } from '../../lib/operators/freeze.js'
import { withoutSplits } from '../../lib/operators/lanes.js'
import type { Deferred, OperatorContext, OperatorDefinition } from '../../lib/operators/operator.js'
import type { RecordErrorPolicy, RecordFailure } from '../../lib/operators/record-error.js'
import { createRecordErrors } from '../../lib/operators/record-errors.js'
import {
  BARRIER,
  BATCH,
  BATCH_RECORDS_MAX,
  type Batch,
  batch,
  END,
  end,
  IDLE,
  INPUT,
  type InputChange,
  type Signal,
  WATERMARK,
} from '../../lib/operators/signal.js'
import { type AnyStream, attach, type Op } from '../../lib/operators/stream.js'
import { sourceOf } from '../../lib/snapshot/state-rounds.js'
import type { SpillStore } from '../../lib/spill/spill.js'
import { createHeapState } from '../../lib/state/heap-state.js'
import type { StateStore } from '../../lib/state/state.js'
import { createVirtualClock, type VirtualClock } from '../../lib/testing/virtual-clock.js'

import {
  ALIGNMENT_CELL_LENGTH,
  type AlignmentCell,
  AlignmentMember,
} from '../../lib/time/alignment.js'

import { createMemorySpill } from './memory-spill.js'
import { SnapshotWatch } from './snapshot-watch.js'

export const MAX_PARALLELISM = 16
/** Turns without output after which nothing more is expected. */
const QUIET_TURNS_MAX = 8

/** The definition that a factory would attach to a stream. */
export function definitionOf(op: Op<never, AnyStream>): OperatorDefinition {
  let found: OperatorDefinition | null = null
  const stream = {
    [attach](definition: OperatorDefinition) {
      found = definition
      return stream
    },
  }
  op(stream as never)
  return found!
}

export interface HarnessOptions {
  /** Cells of other members, by alignment group. */
  readonly alignment?: ReadonlyMap<string, readonly AlignmentCell[]>
  readonly keyed?: boolean
  /** The chain begins with a source. */
  readonly readsSplits?: boolean
  readonly policy?: RecordErrorPolicy
  /** Asked after each batch that came out: does the gate stay open? Default: yes. */
  readonly stayOpen?: () => boolean
  /** Opens over state that is there already: that of an earlier harness, by place. */
  readonly state?: readonly StateStore[]
  /** Default: in memory. */
  readonly spill?: SpillStore
  /** Which halves of an aggregate to open. Default both. */
  readonly half?: 'whole' | 'before' | 'behind'
}

interface Place {
  readonly context: OperatorContext
  readonly deferred: Set<Deferred>
  readonly metrics: NamedMetrics
  recordsIn: number
  recordsOut: number
}

/** States whose snapshots are watched all; then, in a test with many, one of so many. */
const WATCHED_FIRST = 100
const WATCHED_ONE_OF = 5
let states = 0

/** What a state held, as it is restored: nothing is declared. */
function refill(state: StateStore, former: StateStore): void {
  const from = sourceOf(former)
  // A life that ended in the middle of a snapshot reads on no more.
  from.epochs.reading = false
  for (const { name, kind, ttl, walk } of from.states()) {
    const into = sourceOf(state).restore(name, kind, ttl)
    const steps = walk(into, null, unpaced())
    while (steps.next().done !== true);
    into.done()
  }
}

const isWatched = (): boolean => states++ < WATCHED_FIRST || states % WATCHED_ONE_OF === 0

export class OperatorHarness {
  readonly output: Signal[] = []
  readonly broken: string[] = []
  /** What was sent to side outputs, by name. */
  readonly sides: Record<string, { records: unknown[]; times: number[] }> = {}
  readonly deadLetters: RecordFailure[] = []
  readonly clock: VirtualClock = createVirtualClock()
  gateOpen = true
  error: unknown = undefined
  completed = false
  /** How often the chain has said that it needs no more input. */
  stops = 0
  /** Splits that an operator has asked not to read. */
  /** Watermarks that were owed when a barrier passed. */
  readonly owed: number[] = []
  readonly heldInputs = new Set<number>()
  /** What the source says: it has more to read at once. */
  follows = false
  readonly #places: Place[] = []
  readonly #inbox = new Subject<Signal>()
  readonly #subscription: Subscription
  readonly #options: HarnessOptions
  readonly #state: StateStore[] = []
  readonly #watches: SnapshotWatch[] = []

  constructor(definitions: readonly OperatorDefinition[], options: HarnessOptions = {}) {
    this.#options = options
    const { half = 'whole' } = options
    const opened = definitions.flatMap((definition) => {
      const halves = []
      if (definition.openBefore !== undefined && half !== 'behind') {
        halves.push(definition.openBefore(this.#place(definition)))
      }
      if (half !== 'before') halves.push(definition.open(this.#place(definition)))
      return halves
    })
    const chain = opened.reduce<Subject<Signal> | ReturnType<(typeof opened)[0]>>(
      (source, operator) => operator(source as never),
      this.#inbox,
    )
    this.#subscription = (chain as ReturnType<(typeof opened)[0]>).subscribe({
      next: (signal) => this.#onSignal(signal),
      error: (error: unknown) => {
        this.error = error
      },
      complete: () => {
        this.completed = true
      },
    })
    for (const state of this.#state) {
      for (const { name } of sourceOf(state).unclaimed()) {
        this.broken.push(`state "${name}" is restored, and not declared when the operator opens`)
      }
    }
  }

  /** Values that have come out. */
  get values(): unknown[] {
    return this.output.flatMap((signal) => (signal.tag === BATCH ? signal.records : []))
  }

  get keys(): unknown[] {
    return this.output.flatMap((signal) => (signal.tag === BATCH ? (signal.keys ?? []) : []))
  }

  /** Event times of the values, where batches have some. */
  get times(): number[] {
    return this.output.flatMap((signal) => (signal.tag === BATCH ? [...(signal.times ?? [])] : []))
  }

  /** Everything but batches, in short: `w5 b1 idle active end`. */
  get marks(): string[] {
    return this.output.flatMap((signal) => (signal.tag === BATCH ? [] : [nameOf(signal)]))
  }

  get deferred(): boolean {
    return this.#places.some((place) => place.deferred.size > 0)
  }

  /** True while all that is deferred can be stored. */
  get storable(): boolean {
    return this.#places.every(({ deferred }) => [...deferred].every((work) => work.storable))
  }

  /** Records in and out of the i-th opened half. */
  counts(i = 0): [number, number] {
    return [this.#places[i]!.recordsIn, this.#places[i]!.recordsOut]
  }

  /** Value of a counter that the i-th opened half has named. */
  counter(name: string, i = 0): number {
    return this.#places[i]!.metrics.read().counters[name] ?? 0
  }

  /** Value of a gauge that the i-th opened half has named. */
  gauge(name: string, i = 0): unknown {
    return this.#places[i]!.metrics.read().gauges[name]
  }

  /** The state of all places: for a harness that is opened over it. */
  get states(): readonly StateStore[] {
    return this.#state
  }

  state(i = 0): StateStore {
    return this.#state[i]!
  }

  push(signal: Signal): void {
    const passes = signal.tag === BARRIER && this.storable
    if (this.deferred && !passes) throw new Error('harness: pushed while something is deferred')
    for (const watch of this.#watches) {
      const wrong = watch.turn()
      if (wrong !== null) this.broken.push(wrong)
    }
    this.#inbox.next(signal)
  }

  /** Pushes records; with `keys` behind keyBy, `times` behind timestamps, by one of several inputs. */
  batch(
    records: unknown[],
    keys: unknown[] | null = null,
    input = 0,
    times: readonly number[] | null = null,
  ): void {
    this.push(batch(records, keys, null, times && Float64Array.from(times), input))
  }

  /** One of several inputs has ended (the default), gone idle or woken. */
  input = (input: number, state: InputChange['state'] = 'ended'): void =>
    this.push({ tag: INPUT, input, state })

  watermark = (timeMs: number): void => this.push({ tag: WATERMARK, timeMs })
  barrier = (round: number): void => this.push({ tag: BARRIER, round, full: false })
  idle = (active: boolean): void => this.push({ tag: IDLE, active })
  end = (): void => this.push(end)
  fail = (error: unknown): void => this.#inbox.error(error)
  unsubscribe = (): void => this.#subscription.unsubscribe()

  /** One turn: drains what is deferred, downstream first. */
  turn(): void {
    for (const place of this.#places.toReversed()) {
      for (const work of [...place.deferred]) if (work.drain()) place.deferred.delete(work)
      // Nothing goes on while something further down is deferred.
      if (place.deferred.size > 0) return
    }
  }

  /** Gives credit until nothing waits for it; false: something waits for something else. */
  drain(turnsMax = 100_000): boolean {
    for (let turns = 0; this.deferred && turns < turnsMax; turns++) {
      const before = this.output.length
      this.gateOpen = true
      this.turn()
      if (this.deferred && this.gateOpen && this.output.length === before) return false
    }
    return !this.deferred
  }

  /** As `drain`, and lets promises and timers (up to `ms`) bring what is in flight. */
  async settle(ms = 0): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS_MAX; quiet++) {
      const before = this.output.length
      this.drain()
      await this.clock.settle()
      this.drain()
      if (ms > 0) this.clock.advance(ms)
      if (this.output.length > before) quiet = 0
      if (this.error !== undefined) return
    }
  }

  #onSignal(signal: Signal): void {
    const last = this.output.at(-1)
    if (last?.tag === END) this.broken.push(`${nameOf(signal)} after the end`)
    this.output.push(signal)
    if (signal.tag !== BATCH) return
    if (!this.gateOpen) this.broken.push('a batch through a closed gate')
    if (signal.records.length === 0) this.broken.push('an empty batch')
    if (signal.records.length > BATCH_RECORDS_MAX) this.broken.push('an oversized batch')
    if (signal.keys !== null && signal.keys.length !== signal.records.length) {
      this.broken.push('keys are not parallel to records')
    }
    if (signal.times !== null && signal.times.length !== signal.records.length) {
      this.broken.push('times are not parallel to records')
    }
    this.gateOpen = this.#options.stayOpen?.() ?? true
  }

  #onSide(name: string, { records, times, keys }: Batch): void {
    if (!this.gateOpen) this.broken.push('a batch to a side output through a closed gate')
    if (records.length === 0) this.broken.push('an empty batch to a side output')
    if (records.length > BATCH_RECORDS_MAX) this.broken.push('an oversized batch to a side output')
    if (keys !== null) this.broken.push('keys in a side output')
    const side = this.sides[name] ?? { records: [], times: [] }
    this.sides[name] = side
    side.records.push(...records)
    side.times.push(...(times ?? []))
    this.gateOpen = this.#options.stayOpen?.() ?? true
  }

  #place(definition: OperatorDefinition): OperatorContext {
    const places = this.#places
    const index = places.length
    const deferred = new Set<Deferred>()
    const operator = definition.options.name ?? definition.kind
    const isOpen = () =>
      this.gateOpen && places.slice(index + 1).every((place) => place.deferred.size === 0)
    const state = createHeapState(MAX_PARALLELISM, {
      wallTime: () => this.clock.wallTime(),
      freeze: deepFreeze,
    })
    const former = this.#options.state?.[index]
    if (former !== undefined) refill(state, former)
    this.#state.push(state)
    if (isWatched()) this.#watches.push(new SnapshotWatch(state, operator))
    const metrics = createNamedMetrics(operator)
    const context: OperatorContext = {
      operator,
      subtask: 0,
      parallelism: 1,
      maxParallelism: MAX_PARALLELISM,
      gate: {
        get open() {
          return isOpen()
        },
        defer: (work) => deferred.add(work),
      },
      clock: this.clock,
      state,
      spill: this.#options.spill ?? createMemorySpill(),
      errors: createRecordErrors({
        operator,
        policy: definition.options.onRecordError ?? this.#options.policy ?? 'fail',
        deadLetter: (failure) => this.deadLetters.push(failure),
      }),
      keyed: this.#options.keyed ?? false,
      lanes: withoutSplits(),
      restoredTimeMs: Number.NEGATIVE_INFINITY,
      wake: (work) => deferred.add(work),
      align: (group) => {
        const cell = new Float64Array(ALIGNMENT_CELL_LENGTH)
        const cells = this.#options.alignment?.get(group) ?? []
        return new AlignmentMember(cell, [cell, ...cells])
      },
      holdInput: (input, held) => {
        if (held) this.heldInputs.add(input)
        else this.heldInputs.delete(input)
      },
      readsSplits: this.#options.readsSplits ?? false,
      inputFollows: () => this.follows,
      owesTime: (timeMs) => this.owed.push(timeMs),
      complete: () => this.stops++,
      count: (recordsIn, recordsOut) => {
        places[index]!.recordsIn += recordsIn
        places[index]!.recordsOut += recordsOut
      },
      metrics,
      side: (name) => ({ emit: (given) => this.#onSide(name, given) }),
    }
    places.push({ context, deferred, metrics, recordsIn: 0, recordsOut: 0 })
    return context
  }
}

function nameOf(signal: Signal): string {
  switch (signal.tag) {
    case BATCH:
      return 'batch'
    case WATERMARK:
      return `w${signal.timeMs}`
    case BARRIER:
      return `b${signal.round}`
    case IDLE:
      return signal.active ? 'active' : 'idle'
    case INPUT:
      return `input ${signal.input} ${signal.state}`
    case END:
      return 'end'
  }
}

/** Opens one operator. */
export function open(op: Op<never, AnyStream>, options?: HarnessOptions): OperatorHarness {
  return new OperatorHarness([definitionOf(op)], options)
}

/** Pushes all records in batches of the given sizes (repeated), draining after each; then the end. */
export function feed(
  harness: OperatorHarness,
  records: readonly unknown[],
  sizes: readonly number[] = [BATCH_RECORDS_MAX],
  keyOf: ((record: never) => unknown) | null = null,
  timeOf: ((record: never) => number) | null = null,
  ends = true,
): OperatorHarness {
  for (let at = 0, i = 0; at < records.length; i++) {
    const part = records.slice(at, at + sizes[i % sizes.length]!)
    at += part.length
    harness.gateOpen = true
    const keys = keyOf && part.map((record) => keyOf(record as never))
    const times = timeOf && part.map((record) => timeOf(record as never))
    harness.batch(part, keys, 0, times)
    harness.drain()
    if (harness.error !== undefined) return harness
  }
  if (!ends) return harness
  harness.end()
  harness.drain()
  return harness
}
