/**
 * `millrace/actors`: run, deploy, supervise.
 *
 * The kernel — actors, refs, supervision — knows nothing of dataflow and is usable by itself.
 */

export { MillraceError } from '../lib/base/errors.js'
export { type Backoff, backoff } from '../lib/supervision/backoff.js'
export type { Decision, During, Failure, FailureKind } from '../lib/supervision/failure.js'
export {
  type Decide,
  type Strategy,
  type Supervision,
  type SupervisionOptions,
  supervise,
} from '../lib/supervision/strategy.js'
export type { JoinOptions, ListeningOptions } from '../lib/transport/join-options.js'
export type { Cluster } from './client/client.js'
export { type ConnectOptions, connect } from './client/connect.js'
export type { ConnectionEvent } from './client/line.js'
export type { DecideFrom, SubmitHere, SubmittedJob } from './client/watched-job.js'
export type {
  ClusterEvent,
  JobView,
  NodeView,
  PlacementOptions,
  RescaleOptions,
  SlotView,
  StopSummary,
  SubmitOptions,
} from './coordinator/protocol.js'
export {
  type CoordinatorOptions,
  type RunningCoordinator,
  startCoordinator,
} from './coordinator/start-coordinator.js'
export type { Job, JobEvent, JobMetrics, JobSummary, SnapshotSummary } from './job/job.js'
export type { RunOptions } from './job/launch.js'
export type { CheckpointOptions } from './job/open-snapshots.js'
export { run } from './job/run.js'
export type { RunModuleOptions } from './job/run-module.js'
export type { StateBackendName, StateBackendOptions } from './job/state-options.js'
export type {
  ActorContext,
  Behaviour,
  Ending,
  Next,
  Setup,
  SpawnOptions,
  TurnBudget,
} from './kernel/behaviour.js'
export type { Dispatcher, Poller, Runnable } from './kernel/dispatcher.js'
export type { Counts } from './kernel/environment.js'
export type { ActorRef, Lane, Undelivered } from './kernel/ref.js'
export { type ActorSystem, type ActorSystemOptions, createActorSystem } from './kernel/system.js'
export type { ReadChunks } from './node/node-copies.js'
export type { NodeEvent } from './node/node-event.js'
export {
  type CopyOptions,
  type NodeOptions,
  type RunningNode,
  startNode,
} from './node/start-node.js'
export type { ModuleArgs } from './planner/protocol.js'
