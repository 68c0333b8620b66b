/**
 * The operator contract.
 *
 * An operator is described once, when the user composes (`OperatorDefinition`, made by `map(...)`,
 * `count(...)` …), and opened once per subtask (`open`). Opened, it is an RxJS
 * `OperatorFunction<Signal<A>, Signal<B>>` inside the subtask's chain `inbox$.pipe(op1, …, opN)`.
 *
 * ## Protocol of signals
 * - Signals are pushed; permission is pulled. The subtask MUST NOT push a signal while any operator
 *   of the chain is deferred (see `Gate`).
 * - An operator MUST emit at most one batch for a batch it takes, unless it expands. An expanding
 *   operator (mergeMap, a flush of state at the end, async results) MUST look at `gate.open` after
 *   every batch it emits; when it is closed it MUST keep its input and a cursor — never a queue of
 *   output — call `gate.defer(this)`, and return.
 * - `drain()` continues deferred work. It returns true when nothing is left. False: it stays
 *   deferred, because the gate closed again or because it waits for what will `wake` it (records
 *   in flight). The subtask drains downstream first, after new credit and after a `wake`.
 * - Watermark, barrier, idle and end MUST be passed on, after everything that came before them has
 *   been emitted. An operator that is deferred has not passed on what follows; since nothing is
 *   pushed while it is, only the signal it holds itself may wait (an end that flushes state).
 * - Barriers alone may come to an operator that is deferred: where the work it has deferred is
 *   `storable`, which says that it can be put off to another life. When a barrier must not wait, and
 *   all that is deferred in the chain is storable, it is pushed ahead of the rest. Each of these
 *   operators MUST then, at once and without asking the gate, write into its state what it has taken
 *   and not emitted — whole records, and of one that was emitted in part the number of its results that
 *   were (`held-records.ts`) —, pass the barrier on, and take the state back: it goes on as if nothing had
 *   been. Opened over such state it emits the rest before anything else. Since each stores what has
 *   come to it and not left it, no record between two operators is lost, or stored by both.
 *   What is not storable (output that was made and not emitted, a flush of state) is drained first, and
 *   the barrier waits for that.
 * - `INPUT` says that one of several inputs has ended, gone idle or woken. It is passed on like other
 *   marks up to the operator that tells inputs apart, and ends there; the chain's end drops it.
 * - An operator with several inputs begins its chain, and `batch.input` says by which a batch came.
 *   Watermarks and idleness are those of all inputs together. It never stops reading one of them for
 *   reasons of its own: what it holds until another has caught up is state with a limit, and
 *   E_BUFFER_FULL beyond it. Opened over restored state it is told again which inputs have ended.
 * - An error notification is the failure of the subtask: only `fail` decisions, bugs and broken
 *   limits travel there. A record's own error goes to `ctx.errors` and is no signal.
 * - Unsubscribing is cancellation: it MUST release timers and abort what is in flight, at once.
 *
 * ## Records, keys, state
 * - Batches and records are immutable once emitted. Built-ins may mutate what never escapes.
 * - Behind `keyBy`, `batch.keys` is parallel to `batch.records`; record-wise operators keep it so.
 * - Behind `timestamps`, `batch.times` is parallel to `batch.records`: a record-wise operator gives what
 *   it makes of a record that record's time, a window its last instant (end − 1 ms), a timer its own
 *   time. Where a result belongs to no instant (an aggregate at the end of the stream) its type is
 *   `untimed`, and `times` is null.
 * - `batch.input` is kept by record-wise operators, like keys and times, and by `timestamps`.
 * - Keyed state is reached by key and key group through `ctx.state`; state is written after the
 *   user's function has returned, so that a skipped record leaves no trace.
 * - No promise, closure, spread or log per record on the synchronous path.
 */
import type { OperatorFunction } from 'rxjs'
import type { Clock } from '../base/clock.js'
import type { Json, JsonObject } from '../base/json.js'
import type { SpillStore } from '../spill/spill.js'
import type { StateStore } from '../state/state.js'
import type { Upcasts } from '../state/upcast.js'
import type { AlignmentMember } from '../time/alignment.js'
import type { Aggregation } from './aggregation.js'
import type { Lanes } from './lanes.js'
import type { RecordErrorPolicy, RecordErrors } from './record-error.js'
import type { Batch, Signal } from './signal.js'

/** Facts that the planner may use; plain data, part of the fingerprint. */
export interface OperatorTraits {
  /** Must it stand behind `keyBy`, must it not, or does a key change its meaning to "per key"? */
  readonly key: 'required' | 'optional' | 'forbidden'
  /** What happens to the key: kept, set anew (`keyBy`), or its scope ends here. */
  readonly keyAfter: 'kept' | 'set' | 'ended'
  /** Works on event time: `timestamps` must stand before it. */
  readonly time?: 'required'
  /** What happens to event time: kept (the default), given by this operator, or lost. */
  readonly timeAfter?: 'kept' | 'set' | 'ended'
  /**
   * Which of several inputs must have event time where it is kept or required: every main one (the
   * default), only the first, or all, broadcast ones too. Inputs without it hold no watermark back.
   */
  readonly timeOf?: 'main' | 'first' | 'all'
  readonly stateful: boolean
  /** Speaks only when its stream ends: needs a bounded input. */
  readonly speaksAtEnd: boolean
  /** What to do where that stream never ends, for the message that says so. Default: scan, or window. */
  readonly insteadOfEnd?: string
  /** Without a key it depends on the order of the whole stream: parallelism 1, with a warning. */
  readonly orderSensitive: boolean
  /** Has a half that runs before the exchange: partial aggregates, or only the selected columns. */
  readonly before: 'aggregate' | 'project' | null
  /** False where a replay after a failure cannot reproduce it (`rx`). */
  readonly replays: boolean
  /**
   * What each input is, for operators with several (`[attach](definition, others)`): `main` inputs are
   * keyed alike or all without a key, and are exchanged like the input of any operator; a `broadcast`
   * input comes whole to every subtask, without keys. Default: one main input.
   */
  readonly inputs?: readonly ('main' | 'broadcast')[]
  /**
   * Which of several inputs must end for its own stream to end: `all` (default), `any` one of them, or
   * the `first`. So an endless notifier makes no bounded stream endless.
   */
  readonly endsWith?: 'all' | 'any' | 'first'
  /** Side outputs that `sideOutput(tag)` may read: their names, or any. Default: none. */
  readonly sides?: 'any' | readonly string[]
  /**
   * False where each subtask may see a part of the stream, though it keeps state: without a key it is not
   * brought into one subtask. Default true.
   */
  readonly wholeStream?: boolean
  /**
   * False where it holds records that no snapshot would have: none is taken before it has ended. Default
   * true.
   */
  readonly saved?: false
  /** Of a sink: what it writes again, from an older snapshot on, takes the place of what it wrote. */
  readonly idempotent?: true
  /** Of a sink: what it prepares says how far its output goes, and is never committed. */
  readonly marks?: true
  /** True where it meets errors of the record-wise operators directly before it: see `guard`. */
  readonly guards?: true
  /** True where it ends its stream by itself when there is no key (`take`): what follows is bounded. */
  readonly endsStream?: boolean
}

/** Record-wise, stateless, synchronous: what the fused loop is generated from. */
export type FusedStep =
  | { readonly kind: 'map'; readonly call: (value: never) => unknown }
  | { readonly kind: 'filter'; readonly call: (value: never) => boolean }
  | { readonly kind: 'tap'; readonly call: (value: never) => void }
  | { readonly kind: 'keyBy'; readonly call: (value: never) => unknown }
  /** Stands for what it does about errors of the steps before it (`retry`, `catchError`): records pass. */
  | { readonly kind: 'guard'; readonly call: (value: never) => unknown }
  /** mergeMap over what is iterable: arrays by index, other iterables pulled lazily. */
  | { readonly kind: 'expand'; readonly call: (value: never) => Iterable<unknown> }

/** How errors of the record-wise operators before it are met. */
export type ErrorGuard =
  /** Calls the failing function again, so many times. */
  | { readonly kind: 'retry'; readonly count: number }
  /** Gives what `replace` returns in place of the record's results. */
  | {
      readonly kind: 'catch'
      readonly replace: (error: unknown, record: unknown) => Iterable<unknown>
    }

/** Options that every operator takes. */
export interface OperatorOptions {
  /** Stable name, unique in the pipeline; state is found again by it. Default: from the path. */
  readonly name?: string
  /** Number of parallel subtasks. Default: that of the job. */
  readonly parallelism?: number
  /** False starts a new chain here. Default true. */
  readonly chain?: boolean
  /** What to do with a record on which the user's function throws. Default: that of the job. */
  readonly onRecordError?: RecordErrorPolicy
  /**
   * Version of what the operator stores for the user: raised where values in snapshots of before have
   * another shape. Default 1. For `scan`, `reduce`, `aggregate` and the operators of `process`.
   */
  readonly stateVersion?: number
  /** How a stored value of each former version becomes one of the next: `{ 1: (old) => … }`. */
  readonly upcast?: Upcasts
}

/** One operator as composed. `A` and `B` are record types; functions stay in the thread. */
export interface OperatorDefinition<A = unknown, B = unknown> {
  readonly kind: string
  readonly traits: OperatorTraits
  readonly options: OperatorOptions
  /** Own settings as data: shown by `explain`, part of the fingerprint. */
  readonly settings: JsonObject
  /** The user's functions, for the fingerprint (their source text). */
  readonly functions: readonly ((...args: never[]) => unknown)[]
  /**
   * Present on the operator that tells the splits of its chain's source apart: it hears of them as
   * inputs. Time in ms after which a split that has nothing to read is idle; 0: never.
   */
  readonly splitIdleMs?: number
  /** Present on operators that can be fused with their neighbours. */
  readonly step?: FusedStep
  /** Present on aggregates: what `window(...)` makes a result per window of. */
  readonly aggregation?: Aggregation
  /**
   * Opens it for one subtask. With `traits.before`, this is the half behind the exchange, and it takes
   * only what the half before sends: where nothing is exchanged both stand in one chain.
   */
  open(context: OperatorContext): OperatorFunction<Signal<A>, Signal<B>>
  /** What it does about errors of the record-wise operators directly before it. */
  readonly guard?: ErrorGuard
  /** Opens the half before the exchange; present exactly when `traits.before` is not null. */
  openBefore?(context: OperatorContext): OperatorFunction<Signal<A>, Signal>
}

/** What a subtask gives to an operator it opens. */
export interface OperatorContext {
  readonly operator: string
  readonly subtask: number
  readonly parallelism: number
  /** Number of key groups of the job. */
  readonly maxParallelism: number
  readonly gate: Gate
  readonly clock: Clock
  readonly state: StateStore
  /** For what does not fit into memory, and is no state. Who has used it MUST close it. */
  readonly spill: SpillStore
  readonly errors: RecordErrors
  /** True where the input may be kept apart by key: the operator stands behind `keyBy`. */
  readonly keyed: boolean
  /**
   * Watermark in ms that a former life of the operator had passed on, where the state is restored; else
   * −∞. Who makes watermarks begins there.
   */
  readonly restoredTimeMs: number
  /**
   * Defers `work` and asks for a turn. For promises and timers that have produced something: their
   * callbacks never emit themselves, they wake. May be called from any callback, any number of times.
   */
  wake(work: Deferred): void
  /** The splits by which records came. */
  readonly lanes: Lanes
  /** True where the chain begins with a source: its inputs are splits, and announced. */
  readonly readsSplits: boolean
  /** Where the chain begins with a source: reads a split no further for now, or goes on. */
  holdInput(input: number, held: boolean): void
  /**
   * True where the chain begins with a source that has more to read at once, so that a watermark may wait
   * for it. Another batch, an INPUT or the end follows in any case, perhaps behind a barrier.
   */
  inputFollows(): boolean
  /**
   * While a barrier passes: the watermark that it has brought about and not said yet. It is stored as if it
   * had been, to be the `restoredTimeMs` of a later life.
   */
  owesTime(timeMs: number): void
  /** As a member of an alignment group of sources: see lib/time/alignment.ts. */
  align(group: string): AlignmentMember
  /** Tells the subtask that this operator needs no more input (`take`): upstream may stop. */
  complete(): void
  /** The side output of that name; one that nobody reads drops what it is given, and counts it. */
  side(name: string): SideOutput
  /** Counts, readable live from outside: call per batch, never per record. */
  count(recordsIn: number, recordsOut: number): void
  /** Counters and gauges of its own, by name. */
  readonly metrics: OperatorMetricsHandle
}

/**
 * Counters and gauges that an operator names itself: shown per operator by `job.metrics$`, a few times
 * per second at most, and by the job's summary. They begin anew with each attempt.
 */
export interface OperatorMetricsHandle {
  /**
   * The counter of that name, at zero at first; the same name gives the same one. Caller must: add per
   * batch, never per record (it is cheap, but a batch is cheaper). Names are few, never a key.
   *
   * Throws E_TOO_MANY_METRICS beyond 64 names, E_BAD_METRIC where the name is that of a gauge.
   */
  counter(name: string): MetricCounter
  /**
   * `read` is called between turns of the subtask while it works; it must be quick, and what it gives
   * must be small (4 KiB of JSON). One that throws is shown as `{ error }`.
   */
  gauge(name: string, read: () => Json): void
}

export interface MetricCounter {
  add(n: number): void
}

/**
 * Leads records past the rest of the chain. It has the operator's watermarks, barriers and end, and no
 * keys. Caller must: look at the gate before each batch, which is closed while any side output has no
 * credit; give at most `BATCH_RECORDS_MAX` records.
 */
export interface SideOutput {
  emit(batch: Batch): void
}

/** The chain's one outlet gate, as this operator sees it. */
export interface Gate {
  /** True while the outlet takes another batch and no operator further down is deferred. */
  readonly open: boolean
  /**
   * True where the turn is over: what can go on in the next one is deferred, though the gate is open. Asked
   * between pieces of work that may be many; counts one. Absent: turns have no end.
   */
  yields?(): boolean
  /** Registers unfinished work; idempotent while registered. */
  defer(work: Deferred): void
}

export interface Deferred {
  /** Continues; true when nothing is left to send, false when the gate has closed again. */
  drain(): boolean
  /** True while a barrier may come ahead of it: the operator then stores what is left. Default false. */
  readonly storable?: boolean
}
