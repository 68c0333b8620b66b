/**
 * What a client of a cluster — the command line, or a program that supervises — asks of its coordinator,
 * and what it is told. Calls travel on a control connection, bundles on it too, piece by piece.
 */
import type { Duration } from '../../lib/base/duration.js'
import type { ErrorData } from '../../lib/base/errors.js'
import { optionNames } from '../../lib/base/unknown-option.js'
import type { Plan } from '../../lib/graph/plan.js'
import type { JobState } from '../../lib/job/job-record.js'
import type { Strategy } from '../../lib/placement/place.js'
import type { Decision, Failure } from '../../lib/supervision/failure.js'
import { SUPERVISION_OPTIONS, type SupervisionOptions } from '../../lib/supervision/strategy.js'
import type { RecordPart } from '../../lib/transport/record-parts.js'
import type { JobEvent, JobMetrics, JobSummary, SnapshotSummary } from '../job/job.js'
import type { CheckpointOptions } from '../job/open-snapshots.js'
import type { StateBackendName, StateBackendOptions } from '../job/state-options.js'
import type { ModuleArgs } from '../planner/protocol.js'

/** What happens to a cluster. */
export type ClusterEvent =
  | { readonly kind: 'NodeJoined'; readonly node: string; readonly slots: number }
  | { readonly kind: 'NodeLost'; readonly node: string; readonly reason: string }
  /** Its control connection was lost and replaced in time: its work goes on. */
  | { readonly kind: 'NodeReturned'; readonly node: string }
  | {
      readonly kind: 'NodeCordoned'
      readonly node: string
      readonly cordoned: boolean
    }
  | { readonly kind: 'NodeEvacuated'; readonly node: string }
  /** It could not set up a slot: for so long other nodes come first. */
  | {
      readonly kind: 'NodeInDoubt'
      readonly node: string
      readonly reason: string
      readonly forMs: number
    }
  /** The data connection between two nodes was lost. */
  | {
      readonly kind: 'PeersApart'
      readonly node: string
      readonly other: string
      readonly reason: string
    }
  | { readonly kind: 'JobSubmitted'; readonly job: string; readonly pipeline: string }
  /** Of an earlier coordinator: this one goes on with it. Told once. */
  | { readonly kind: 'JobRecovered'; readonly job: string }
  /** A try to go on with it has failed; the next one begins after that time. */
  | {
      readonly kind: 'JobCannotBegin'
      readonly job: string
      readonly reason: string
      readonly retryMs: number
    }
  /** All that ran of it under the coordinator before was still there, and goes on: nothing was restarted. */
  | { readonly kind: 'JobAdopted'; readonly job: string }
  /** It waits for places of so many slots; told again when what is missing changes. */
  | ({ readonly kind: 'JobWaits'; readonly job: string } & SlotsWanted)
  | { readonly kind: 'JobRescaled'; readonly job: string; readonly slots: number }
  /** The coordinator stops; the next one on its data goes on with it. */
  | { readonly kind: 'JobSuspended'; readonly job: string }
  | { readonly kind: 'JobEnded'; readonly job: string; readonly state: JobState }

/** Slots that have no place yet. */
export interface SlotsWanted {
  readonly slots: number
  /** What would have to be there, for people. */
  readonly missing: string
}

/** How a job is to run on a cluster: as data. */
export interface SubmitOptions {
  /** Slots, and so subtasks of each operator that does not say otherwise. Default 1. */
  readonly parallelism?: number
  /** What the module's function is called with. */
  readonly args?: ModuleArgs
  /** Default: every 10 s, in the coordinator's store. `false`: none. */
  readonly checkpoint?: Omit<CheckpointOptions, 'directory'> | false
  /** A savepoint's directory, as the coordinator sees it. */
  readonly restore?: string
  readonly allowDroppedState?: boolean
  readonly acceptDuplicates?: boolean
  /** As of `run`, about the savepoint that is restored. */
  readonly transactions?: 'commit' | 'discard'
  readonly claim?: boolean
  readonly supervise?: Omit<SupervisionOptions, 'decide'>
  readonly placement?: PlacementOptions
  /**
   * Takes as many slots as there are, up to this many, and follows nodes that join and leave: 2 s after
   * that has settled, and no sooner than 10 s after a change for more. Not beside `parallelism`.
   */
  readonly reactive?: { readonly maxParallelism: number }
  readonly memoryMb?: number
  readonly stallMs?: number
  /** As of `run`; on disk its files lie where each node keeps such state. */
  readonly state?: StateBackendName | Omit<StateBackendOptions, 'directory'>
}

/** Their names. */
export const SUBMIT_OPTIONS = optionNames<SubmitOptions>({
  parallelism: true,
  args: true,
  checkpoint: true,
  restore: true,
  allowDroppedState: true,
  acceptDuplicates: true,
  transactions: true,
  claim: true,
  supervise: true,
  placement: true,
  reactive: true,
  memoryMb: true,
  stallMs: true,
  state: true,
})

/** Where the slots of a job are to be. */
export interface PlacementOptions {
  /** Default `spread`. */
  readonly strategy?: Strategy
  /** Labels that its nodes must carry. */
  readonly labels?: Readonly<Record<string, string>>
  /** Jobs with whose slots it shares no node. */
  readonly apartFrom?: readonly string[]
  /** A job whose nodes it is to share. */
  readonly besides?: string
  /**
   * How long it waits for slots, at the start and each time it has lost some; then it has failed, with
   * E_NO_SLOT. Default 5 min.
   */
  readonly wait?: Duration
}

/** Their names. */
export const PLACEMENT_OPTIONS = optionNames<PlacementOptions>({
  strategy: true,
  labels: true,
  apartFrom: true,
  besides: true,
  wait: true,
})

/** Of `rescale`. */
export interface RescaleOptions {
  /** How long it may wait for slots that are not there; the job runs on meanwhile. Default: not at all. */
  readonly wait?: Duration
}

/** Their names. */
export const RESCALE_OPTIONS = optionNames<RescaleOptions>({ wait: true })

/** Of the options of `submit` that are objects themselves; others are looked through when they are read. */
export const SUBMIT_PARTS = {
  placement: PLACEMENT_OPTIONS,
  reactive: ['maxParallelism'],
  supervise: SUPERVISION_OPTIONS.filter((name) => name !== 'decide'),
}

/** A job as lists show it. */
export interface JobView {
  readonly id: string
  readonly pipeline: string
  readonly state: JobState
  readonly slots: number
  /** Of all its lives. */
  readonly restarts: number
  readonly sinceMs: number
  /** For people, such as `2 slots: no node has joined`; null: it waits for nothing. */
  readonly waitsFor: string | null
  /** What ended it, where it failed. */
  readonly error: string | null
}

/** Behind what a job was stopped. */
export interface StopSummary extends SnapshotSummary {
  /** It was there before: the job did not run, so that it could take none of what it was by then. */
  readonly isEarlier: boolean
}

/** A node as lists show it. */
export interface NodeView {
  readonly name: string
  readonly slots: number
  readonly taken: number
  readonly labels: Readonly<Record<string, string>>
  readonly cordoned: boolean
  readonly url: string
  readonly version: string
  readonly pid: number
}

/** Where a slot of a job is, and what runs in it. */
export interface SlotView {
  readonly slot: number
  /** Null while it waits for one. */
  readonly node: string | null
  readonly chains: readonly string[]
}

/** Names and content of a job module. */
export interface BundleFacts {
  readonly sha256: string
  readonly bytes: number
  /** File name of the module, for people. */
  readonly name: string
}

/**
 * What a client calls. What has arrived is carried out to its end, though the client goes meanwhile: a savepoint
 * that nobody waits for any more is complete in its directory, and the job goes on; a job that was to stop has
 * ended behind its savepoint. A client that comes back in time asks again by `once`, and gets that answer.
 *
 * It beats every `CLIENT_BEAT_MS`; either side takes the other for gone when nothing,
 * of whatever kind, has come from it for `CLIENT_SILENCE_MS`.
 */
export interface ClientMethods {
  heartbeat(): Promise<void>
  hasBundle(sha256: string): Promise<boolean>
  /** In order; the last piece completes it, and is verified. */
  putBundle(facts: BundleFacts, offset: number, bytes: Uint8Array): Promise<void>
  /**
   * Resolves when planned. The caller names the job (`newJobId`), so that what it is told of it has a
   * name before that, and a call made twice makes one job. `watch`: as `watchJob`, from the beginning.
   */
  submit(
    id: string,
    bundle: BundleFacts,
    options: SubmitOptions,
    watch: WatchOptions | null,
  ): Promise<JobStanding>
  jobs(): Promise<readonly JobView[]>
  nodes(): Promise<readonly NodeView[]>
  placement(job: string): Promise<readonly SlotView[]>
  /**
   * What has happened to a job, the last of it, and what will, is told by `jobNews`; of the last jobs that
   * have ended, too.
   */
  watchJob(job: string, what: WatchOptions): Promise<JobStanding>
  /** This client decides about its failures, from now on and as long as it is there. */
  decides(job: string): Promise<void>
  unwatchJob(job: string): Promise<void>
  /** Whether `results` are called for that job from now on. Saying it again changes nothing. */
  takeResults(job: string, take: boolean): Promise<void>
  watchCluster(): Promise<void>
  /**
   * Does what must not be done twice. `id`: 16 hexadecimal digits, by chance; who asks again under the same
   * one, on whichever connection, gets the same answer.
   */
  once(id: string, method: OnceMethod, args: readonly unknown[]): Promise<unknown>
  cancel(job: string): Promise<void>
  /**
   * Whatever life of it runs by then is drained. Resolves when it has ended so; rejects with E_STOPPING where the
   * coordinator stops first, and with why it has ended otherwise.
   */
  drain(job: string): Promise<void>
  /** Rejects at once where it waits for slots. */
  savepoint(job: string, directory: string): Promise<SnapshotSummary>
  /**
   * Of a job that waits for slots, or has not run yet under a coordinator that was started again: it ends at once
   * behind its last checkpoint, as that lies there; what it has prepared is committed by whoever goes on from it.
   * Rejects where there is none, and where a savepoint is wanted.
   */
  stop(job: string, directory: string | null): Promise<StopSummary>
  /**
   * Stops it behind a snapshot, and starts it with as many slots. Resolves when it runs again. What does not run
   * goes on from its last checkpoint.
   *
   * Rejects with E_NO_SLOT where there is no room for as many within `waitMs`: nothing has happened to it then.
   * Where that room is lost after it has ended, it goes back to the number that it had, and the call rejects.
   * One that waits is given up for a later one, with E_JOB_MOVING.
   */
  rescale(job: string, slots: number, waitMs: number): Promise<void>
  /**
   * Another life with as many slots, placed so; null: as it wished before. As by `rescale` it runs on where there is
   * no room, for as long as `placement` says that it waits.
   */
  move(job: string, placement: PlacementOptions | null): Promise<void>
  restartRegion(job: string, region: number): Promise<void>
  cordon(node: string, cordoned: boolean): Promise<void>
  /**
   * Resolves when nothing is left on it: a job may still wait for slots elsewhere then (`JobView.waitsFor`).
   * Rejects with E_UNCORDONED where somebody uncordons it meanwhile.
   */
  evacuate(node: string): Promise<void>
}

/** What is asked for by `once`. */
export const ONCE = [
  'cancel',
  'drain',
  'savepoint',
  'stop',
  'rescale',
  'move',
  'restartRegion',
  'evacuate',
] as const satisfies readonly (keyof ClientMethods)[]
export type OnceMethod = (typeof ONCE)[number]

export interface WatchOptions {
  readonly metrics: boolean
  /** As by `takeResults`, from the beginning. */
  readonly results: boolean
  /** This client decides about failures: the last one that says so, as long as it is there. */
  readonly decides: boolean
  /** Numbers of what was told of it last by this coordinator: only what came later is told. */
  readonly after: { readonly event: number; readonly failure: number }
}

export interface JobStanding {
  readonly view: JobView
  readonly plan: Plan | null
}

/** `seq`: counts the events, and the failures, that a coordinator has told of a job, from 1 on. */
export type JobNews =
  | { readonly kind: 'event'; readonly seq: number; readonly event: JobEvent }
  | { readonly kind: 'failure'; readonly seq: number; readonly failure: Failure }
  | { readonly kind: 'metrics'; readonly metrics: JobMetrics }
  | { readonly kind: 'done'; readonly summary: JobSummary }
  | { readonly kind: 'failed'; readonly error: ErrorData }

/** What the coordinator calls at a client. */
export interface ClientListener {
  jobNews(job: string, news: JobNews): Promise<void>
  /**
   * What its sinks have published. Answered when it has been taken: of each job a few calls are
   * unanswered at most (`result-tap.ts`), and while they are its sinks wait.
   */
  results(job: string, records: readonly unknown[]): Promise<void>
  /** Of a record that is too large for a message; one record after the other. Answered as `results` is. */
  resultPart(job: string, part: RecordPart): Promise<void>
  clusterEvent(event: ClusterEvent): void
  /** Answers in time (`DECIDE_MS`), or the job's options decide. */
  decide(job: string, failure: Failure): Promise<Decision>
}

/** How long a client that decides is waited for. */
export const DECIDE_MS = 2000
