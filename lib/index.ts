/**
 * `millrace`: what pipelines are composed with. To run, deploy and supervise them: `millrace/actors`;
 * sources and sinks: `millrace/connectors`; the test kit: `millrace/testing`.
 *
 * ## The map of the house
 * `lib/` decides, `actors/` do: what owns a mailbox and a place in the supervision tree is an actor
 * and lives in `actors/`; pure decisions, passive data structures, codecs and operator kernels live
 * here, and take clock and randomness as arguments. The arrows below are held by `test/tidy.test.ts`.
 *
 *   base/         errors, assert, clock, random, keys, call sites       imports nothing
 *   wire/         every frame, the protocol as text; columns; CBOR      base
 *   credit/       the ledger and the window: arithmetic of credits      base
 *   metrics/      counters that are read live from outside              base
 *   time/         watermarks and how they merge, alignment, timers      base
 *   window/       assigners, slices, triggers, evictors, sessions       base, time
 *   state/        state by name: the contract and the heap backend      base, time
 *   supervision/  strategies, backoff, intensity as data, and pure      base
 *   job/          a job's life as one pure protocol                     base, graph, supervision
 *   spill/        what does not fit into memory, in temporary files     base, wire
 *   operators/    operator.ts is the contract; one operator per file    base, time, window, state, spill
 *   snapshot/     barriers, rounds, manifests, chunk stores, restoring  base, time, window, state, wire, connectors, graph
 *   formats/      lines, csv, ndjson                                    base
 *   connectors/   source and sink contracts and the built-ins           base, time, formats, operators
 *   graph/        logical graph → chains → subtasks; explain            base, operators, connectors
 *   flow/         pipeline, flow, stream: builds a graph, runs nothing  base, graph, operators, connectors, window
 *   transport/    loopback and message ports behind one contract        base, wire
 *   channel/      credit-bound links between subtasks                   base, wire, credit, time, transport, operators, snapshot
 *   testing/      virtual clock, seeded scheduler                       base, flow
 *
 * How a pipeline becomes subtasks: `flow/` records what the user composes, `graph/build.ts` makes a
 * checked graph of it, `graph/planner.ts` makes chains, and each chain × parallelism is run by a
 * subtask actor as an RxJS pipeline over signals (`operators/signal.ts`).
 */
export { MillraceError } from './base/errors.js'
export type { Direction, SortKey } from './base/sort-order.js'
export type { Composed, NodeRuntime, PartitionFunction } from './flow/composed.js'
export type { Flow, FromOptions } from './flow/flow.js'
export type { PipelineOptions } from './flow/options.js'
export {
  broadcast,
  global,
  partitionBy,
  partitionByRange,
  rebalance,
  rescale,
  shuffle,
} from './flow/partition.js'
export { isPipeline, type Pipeline, pipeline } from './flow/pipeline.js'
export { type Merged, merge, mergeWith } from './flow/union.js'
export {
  type CoGroup,
  type CoGroupOptions,
  coGroup,
  type WindowJoinOptions,
  windowJoin,
} from './flow/window-join.js'
export type { Graph, GraphNode, Guarantee } from './graph/graph.js'
export {
  type AggregateOptions,
  type AggregateSpec,
  aggregate,
  type Changed,
  type ChangingAggregateOptions,
} from './operators/aggregate.js'
export { avg } from './operators/avg.js'
export { type HashJoinOptions, hashJoin } from './operators/batch/hash-join.js'
export type { Joined, JoinKind, KeyedJoin, NeedsEqualKeys } from './operators/batch/join-kind.js'
export type { SpillOptions } from './operators/batch/memory.js'
export { type SortOptions, sort } from './operators/batch/sort.js'
export { type SortMergeJoinOptions, sortMergeJoin } from './operators/batch/sort-merge-join.js'
export { type BufferCountOptions, bufferCount } from './operators/buffer-count.js'
export { catchError, retry } from './operators/catch-error.js'
export { buffer } from './operators/combine/buffer.js'
export { combineLatest, combineLatestWith } from './operators/combine/combine-latest.js'
export { concat, concatWith } from './operators/combine/concat.js'
export { type Connected, connect } from './operators/combine/connect.js'
export { cross } from './operators/combine/cross.js'
export { groupBy } from './operators/combine/group-by.js'
export type { BufferOptions } from './operators/combine/held.js'
export type { Combined, NeedsSameKeys } from './operators/combine/inputs.js'
export { partition } from './operators/combine/partition.js'
export { race, raceWith } from './operators/combine/race.js'
export { share } from './operators/combine/share.js'
export { skipUntil } from './operators/combine/skip-until.js'
export { takeUntil } from './operators/combine/take-until.js'
export { withLatestFrom } from './operators/combine/with-latest-from.js'
export { zip, zipWith } from './operators/combine/zip.js'
export { concatMap } from './operators/concat-map.js'
export { count } from './operators/count.js'
export { defaultIfEmpty } from './operators/default-if-empty.js'
export { type DistinctOptions, distinct } from './operators/distinct.js'
export {
  type DistinctUntilChangedOptions,
  distinctUntilChanged,
  distinctUntilKeyChanged,
} from './operators/distinct-until-changed.js'
export { every, isEmpty } from './operators/every.js'
export { filter } from './operators/filter.js'
export { elementAt, find, first, last, type PickOptions, single } from './operators/first.js'
export { ignoreElements } from './operators/ignore-elements.js'
export { type BroadcastJoinOptions, broadcastJoin } from './operators/join/broadcast-join.js'
export { type IntervalJoinOptions, intervalJoin } from './operators/join/interval-join.js'
export { type JoinOptions, join } from './operators/join/join.js'
export {
  type LookupCache,
  type LookupJoinByOptions,
  type LookupJoinOptions,
  lookupJoin,
} from './operators/join/lookup-join.js'
export { type TemporalJoinOptions, temporalJoin } from './operators/join/temporal-join.js'
export { keyBy } from './operators/key-by.js'
export { map } from './operators/map.js'
export { dematerialize, materialize, type Notification } from './operators/materialize.js'
export { max } from './operators/max.js'
export { type AsyncOptions, type AsyncRetry, mergeMap } from './operators/merge-map.js'
export { min } from './operators/min.js'
export type { OperatorDefinition, OperatorOptions, OperatorTraits } from './operators/operator.js'
export { pairwise } from './operators/pairwise.js'
export { type ProcessSpec, process } from './operators/process/process.js'
export {
  type FiredTimer,
  type OpenContext,
  type ProcessContext,
  type RecordsOf,
  recordsOf,
  type TimerRegistry,
} from './operators/process/process-context.js'
export { type ProcessWithSpec, processWith } from './operators/process/process-with.js'
export {
  type BroadcastReader,
  type BroadcastWriter,
  type ProcessWithBroadcastSpec,
  processWithBroadcast,
  type ReadonlyBroadcast,
} from './operators/process/process-with-broadcast.js'
export type {
  AggregatingHandle,
  BroadcastHandle,
  ListHandle,
  MapHandle,
  OperatorListHandle,
  ReducingHandle,
  ValueHandle,
} from './operators/process/state-handles.js'
export {
  aggregatingState,
  broadcastState,
  type KeyedStateOptions,
  listState,
  mapState,
  operatorListState,
  reducingState,
  type StateSpec,
  type StateSpecs,
  valueState,
} from './operators/process/state-spec.js'
export { type FirstPerKeyOptions, firstPerKey } from './operators/rank/first-per-key.js'
export { type LastPerKeyOptions, lastPerKey } from './operators/rank/last-per-key.js'
export { type ChangingTopNOptions, type TopNOptions, topN } from './operators/rank/top-n.js'
export type {
  DeadLetter,
  RecordErrorDecision,
  RecordErrorPolicy,
  RecordFailure,
  RetryPolicy,
} from './operators/record-error.js'
export { reduce } from './operators/reduce.js'
export { type RxOptions, rx } from './operators/rx.js'
export { scan } from './operators/scan.js'
export { sideOutput } from './operators/side-output.js'
export { type SideTag, sideTag } from './operators/side-tag.js'
export { skip } from './operators/skip.js'
export { endWith, startWith } from './operators/start-with.js'
export type {
  AnyStream,
  NeedsKey,
  NeedsTime,
  NoKey,
  Op,
  PerKey,
  SinkOptions,
  Stream,
  Time,
  WindowAllResult,
  Windowed,
  WindowResult,
} from './operators/stream.js'
export { sum } from './operators/sum.js'
export { exhaustMap, type OverlapOptions, switchMap } from './operators/switch-map.js'
export { take } from './operators/take.js'
export { skipLast, takeLast } from './operators/take-last.js'
export { skipWhile, type TakeWhileOptions, takeWhile } from './operators/take-while.js'
export { tap } from './operators/tap.js'
export { debounceTime } from './operators/time/debounce-time.js'
export { delay } from './operators/time/delay.js'
export { type BufferTimeOptions, bufferTime, sampleTime } from './operators/time/sample-time.js'
export {
  auditTime,
  type ThrottleTimeOptions,
  throttleTime,
} from './operators/time/throttle-time.js'
export {
  type TimeInterval,
  type Timestamped,
  timeInterval,
  timestamp,
} from './operators/time/time-interval.js'
export { type TimeoutOptions, timeout } from './operators/time/timeout.js'
export {
  type AlignmentOptions,
  ingestionTime,
  type TimestampOptions,
  timestamps,
} from './operators/time/timestamps.js'
export { type WindowTimeOptions, windowTime } from './operators/time/window-time.js'
export { toArray } from './operators/to-array.js'
export { type WindowOptions, window, windowAll } from './operators/window/window.js'
export type { WindowFunctionState } from './operators/window/window-function.js'
export {
  type WindowRecords,
  type WindowValue,
  windowProcess,
} from './operators/window/window-process.js'
export { windowCount } from './operators/window-count.js'
export {
  type AlignedWindowOptions,
  type Assigner,
  countWindow,
  cumulating,
  globalWindow,
  session,
  sliding,
  slidingCount,
  type TimedWindowOptions,
  tumbling,
  type WindowTime,
} from './window/assigner.js'
export {
  countEvictor,
  type Evictor,
  type EvictorOptions,
  type TimedRecord,
  timeEvictor,
} from './window/evictor.js'
export type { WindowSpan } from './window/span.js'
export {
  continuousEventTimeTrigger,
  continuousProcessingTimeTrigger,
  countTrigger,
  deltaTrigger,
  eventTimeTrigger,
  neverTrigger,
  processingTimeTrigger,
  purging,
  type Trigger,
  type TriggerDecision,
  type TriggerWindow,
} from './window/trigger.js'
