/** Launches a job: gives its handle at once, and starts its actor when it has been planned. */
import { randomBytes } from 'node:crypto'
import { type Clock, systemClock } from '../../lib/base/clock.js'
import { errorToData, MillraceError } from '../../lib/base/errors.js'
import type { Random } from '../../lib/base/random.js'
import { optionNames } from '../../lib/base/unknown-option.js'
import type { Plan } from '../../lib/graph/plan.js'
import { operatorRows, subtasksOf } from '../../lib/graph/subtasks.js'
import { isEnded } from '../../lib/job/job-record.js'
import type { KeptFailures } from '../../lib/job/kept-failures.js'
import { createCounterTable, createOperatorTable } from '../../lib/metrics/counters.js'
import type { NamedNode } from '../../lib/snapshot/build-manifest.js'
import type { ChunkStore } from '../../lib/snapshot/chunk-store.js'
import type { Manifest } from '../../lib/snapshot/manifest.js'
import { reportRestore } from '../../lib/snapshot/restore-plan.js'
import type { OpenState } from '../../lib/state/state-backend.js'
import { type Ask, type SupervisionOptions, supervise } from '../../lib/supervision/strategy.js'
import type { ActorRef } from '../kernel/ref.js'
import { createActorSystem } from '../kernel/system.js'
import type { JobModule, RuntimeSettings } from '../worker/protocol.js'
import type { Job, SnapshotSummary } from './job.js'
import { createJobActor, type JobParts, type TakenOver } from './job-actor.js'
import { JobBoard } from './job-board.js'
import type { JobSnapshots } from './job-rounds.js'
import { type CheckpointOptions, openSnapshots, snapshotSettingsOf } from './open-snapshots.js'
import type { JobMessage } from './protocol.js'
import { createRestartPolicy } from './restart-policy.js'
import type { SlotPool } from './slot-table.js'
import {
  type StateBackendName,
  type StateBackendOptions,
  stateSettingsOf,
} from './state-options.js'

/** Options of `run`, in the calling thread and on worker threads. */
export interface RunOptions {
  /** Subtasks of each operator that does not say otherwise. Default: the number of slots. */
  readonly parallelism?: number
  /**
   * How failures are answered. Whatever the `strategy`, the region of the failed subtask — all that is
   * connected by channels — is stopped and restarts as one, from the beginning of its sources; that
   * is at least once. Under `guarantee: 'best-effort'` a subtask that fails by itself is replaced by
   * itself, with empty state, and the loss is counted; a slot that dies restarts its regions whole.
   *
   * `decide` may answer each failure with
   * - `restart`: after the back-off, as long as `maxRestarts` restarts without progress allow. The
   *   count goes back to zero after ten minutes without a failure; `withinMs` has no meaning here.
   * - `resume`: as `restart`, but at once and not counted, for what has failed has nothing to go on
   *   with. A failure that comes again each time is answered for ever.
   * - `stop` and `escalate`: the job fails, and `done` rejects with the failure.
   *
   * A region with a source that cannot be read again fails the job, whatever was decided. Without a
   * `decide` function, so does an error that says of itself that trying again is of no use.
   *
   * Default: three restarts without progress, after 100, 200 and 400 ms.
   */
  readonly supervise?: SupervisionOptions
  /** Takes snapshots, and goes on from the last one after a failure. Default: none are taken. */
  readonly checkpoint?: CheckpointOptions
  /**
   * The snapshot to go on from: `'latest'` or the number of one in `checkpoint.directory`, or the
   * directory of a savepoint. `'latest'` in an empty directory begins at the beginning.
   */
  readonly restore?: 'latest' | number | string
  /** State that the pipeline does not read any more, of operators or in one, may be lost. Default false. */
  readonly allowDroppedState?: boolean
  /**
   * Goes on from an older snapshot, where the newest is damaged or `restore` names another one, though a
   * sink then writes again what it has written since. Default false: only where every sink is idempotent.
   */
  readonly acceptDuplicates?: boolean
  /**
   * With a savepoint behind which its job went on: what it had prepared is committed, again if need be, or
   * is left alone. Must be said where there is any.
   */
  readonly transactions?: 'commit' | 'discard'
  /**
   * The savepoint that is restored belongs to the job from then on, and is deleted as soon as the job has a
   * checkpoint of its own. Default false: it stays as it is.
   */
  readonly claim?: boolean
  /**
   * Where operators keep their state: `'heap'`, or `'level'` where it is larger than memory. Default:
   * `'heap'`. It may be another one after a restore.
   */
  readonly state?: StateBackendName | StateBackendOptions
  /** Freezes records and state, so that a change after the fact throws. Default false. */
  readonly freeze?: boolean
  /**
   * Memory of one slot, heap and Buffers together, in MiB; a subtask that takes it to 80 % fails with
   * `E_MEMORY_BUDGET`. Default: none in the calling thread, 2,048 in a worker thread.
   */
  readonly memoryMb?: number
  /**
   * In the calling thread: watches it from a small thread of its own, and reports the stack of a
   * subtask that makes no progress, within a second. Default true.
   *
   * It opens the inspector's sessions with all worker threads of the process, once. Where a program starts and ends
   * workers of its own at that very moment Node may crash: `false` where it does, or `run` before they start.
   */
  readonly stallWatch?: boolean
  /** Between two samples of `metrics$`. Default 1,000 ms. */
  readonly metricsIntervalMs?: number
  /** Credits and the like: for experiments. */
  readonly settings?: Partial<RuntimeSettings>
}

/** A job, for whoever has launched it. */
export interface LaunchedJob extends Job {
  /** Savepoints and stops that have not begun are rejected so. */
  withdrawSnapshots(reason: Error): void
  /** At once, as what there is a snapshot of. */
  stopBehindLast(): Promise<void>
}

/** How it may be asked to end. */
type End = JobMessage['kind'] & ('Drain' | 'Cancel' | 'Stop')

/** Their names. */
export const RUN_OPTIONS = optionNames<RunOptions>({
  parallelism: true,
  supervise: true,
  checkpoint: true,
  restore: true,
  allowDroppedState: true,
  acceptDuplicates: true,
  transactions: true,
  claim: true,
  state: true,
  freeze: true,
  memoryMb: true,
  stallWatch: true,
  metricsIntervalMs: true,
  settings: true,
})

/** Time, chance and order, where a test wants to have them in its hand. */
export interface RunWorld {
  readonly clock: Clock
  readonly random: Random
  readonly pick?: Random
  /** Asked about failures before `supervise` decides. Default: nobody. */
  readonly ask?: Ask
  /**
   * Is given what sinks publish, beside the subscribers of `results$`; they publish no more until it
   * resolves. Default: nobody.
   */
  readonly deliver?: (records: readonly unknown[]) => Promise<void>
  /** Opens stores of snapshots. Default: LevelDB directories. */
  readonly openStore?: (directory: string) => Promise<ChunkStore>
  /** Opens state larger than memory. Default: LevelDB directories. */
  readonly openState?: OpenState
}

const DEFAULT_SETTINGS: RuntimeSettings = {
  inletCredits: 64,
  floatingCredits: 8,
  freeze: false,
  accountIntervalMs: 250,
  hotKeys: true,
  snapshots: null,
  memoryBytesMax: 0,
  state: { backend: 'heap' },
}

export const systemWorld: RunWorld = { clock: systemClock, random: Math.random }

/** What a job is made of, once planned. */
export interface Launch {
  readonly plan: Plan
  /** Names of the graph's nodes, by id. */
  readonly operators: readonly string[]
  /** Nodes by id, by the names under which their state is stored. */
  readonly nodes: readonly NamedNode[]
  readonly module: JobModule
  readonly pool: SlotPool
  /** What bundling noticed, beside the warnings of the plan; reported as log events. */
  readonly warnings: readonly string[]
  /** Asked when the snapshots are open. Default: it begins. */
  readonly takeOver?: (
    snapshots: JobSnapshots | null,
    note: (text: string) => void,
  ) => Promise<FromBefore>
  /** As of the job actor. Default: nobody would go on with it. */
  readonly deployed?: JobParts['deployed']
}

/** What somebody before has left of a job. */
export interface FromBefore {
  /** What runs already; null: it begins. */
  readonly taken: RunTakenOver | null
  /** Null: nothing is known. */
  readonly failures: KeptFailures | null
}

const NOTHING_BEFORE: FromBefore = { taken: null, failures: null }

/** `run`: the name that it has in files and chunks. */
export interface RunTakenOver extends TakenOver {
  readonly run: string
}

/**
 * The handle comes at once; `prepare` (planning, bundling) takes its time. `named`: of a job that has had
 * lives before.
 */
export function launch(
  pipeline: string,
  options: RunOptions,
  world: RunWorld,
  prepare: () => Promise<Launch>,
  named?: string,
): LaunchedJob {
  const { clock, random } = world
  const begun = randomBytes(4).toString('hex')
  const id = named ?? `${pipeline}-${begun}`
  const settings = settingsOf(options)
  const supervision = supervise({ maxRestarts: 3, ...options.supervise })
  const board = new JobBoard({
    job: id,
    clock,
    metricsIntervalMs: options.metricsIntervalMs ?? 1000,
    deliver: world.deliver ?? (async () => {}),
  })
  const system = createActorSystem({ name: 'jobs', clock, random, supervise: { decide: 'stop' } })
  let actor: ActorRef<JobMessage> | null = null
  /** Asked for before there was an actor to ask. */
  let asked: End | null = null

  async function main(): Promise<void> {
    const { plan, operators, nodes, module, pool, warnings, ...more } = await prepare()
    const { takeOver = async () => NOTHING_BEFORE, deployed = async () => {} } = more
    const notes: string[] = []
    const note = (text: string) => notes.push(text)
    const snapshots = await openSnapshots(options, plan, nodes, note, world.openStore)
    const { taken, failures } = await takeOver(snapshots, note)
    const counters = createCounterTable(subtasksOf(plan).length)
    const operatorCounters = createOperatorTable(operatorRows(plan))
    board.planned(plan, operators, counters, operatorCounters)
    for (const warning of [...warnings, ...notes]) board.log('warn', warning)
    const begins = taken === null && (asked === null || asked === 'Drain')
    const restored = begins ? snapshots?.stores.restored : null
    if (restored != null) {
      board.restored(restored, snapshots!.stores.origin, reportRestore(restored, plan, nodes))
    }
    const policy = createRestartPolicy(supervision, clock, random, failures?.restarts)
    const parts = {
      id,
      run: taken?.run ?? begun,
      taken,
      progress: failures?.progress ?? [],
      deployed,
      snapshots,
      plan,
      operators,
      module,
      pool,
      settings,
      counters,
      operatorCounters,
      policy,
      ask: world.ask ?? (() => null),
      board,
    }
    actor = system.spawn('job', createJobActor(parts))
    if (asked !== null) actor.control({ kind: asked })
    const failure = await system.ended(actor)
    if (failure !== null) board.ended('Failed', failure.error)
    await system.stop()
  }
  clock.soon(() => {
    main().catch((error: unknown) => board.ended('Failed', errorToData(error)))
  })

  function takeSnapshot(directory: string | null, stop: boolean): Promise<Taken> {
    return new Promise((resolve, reject) => {
      if (actor === null || isEnded(board.state)) return reject(notRunning(id))
      const request = {
        directory,
        stop,
        failed: reject,
        done: ({ round, durationMs }: Manifest, lost: Error | null) => {
          const place = directory ?? options.checkpoint?.directory ?? ''
          resolve({ summary: { round, directory: place, durationMs }, lost })
        },
      }
      actor.control({ kind: 'Savepoint', request })
    })
  }

  function restartRegion(region: number): Promise<void> {
    return new Promise((done, refused) => {
      if (actor === null || isEnded(board.state)) return refused(notRunning(id))
      actor.control({ kind: 'RestartRegion', request: { region, done, refused } })
    })
  }

  async function end(kind: End): Promise<void> {
    // What ends at once is not drained instead.
    if (actor === null) asked = asked === null || asked === 'Drain' ? kind : asked
    else actor.control({ kind })
    await board.done.catch(() => {})
  }
  return {
    id,
    pipeline,
    get state() {
      return board.state
    },
    plan: board.plan,
    events$: board.events$,
    failures$: board.failures$,
    metrics$: board.metrics$,
    results$: board.results$,
    done: board.done,
    cancel: () => end('Cancel'),
    drain: () => end('Drain'),
    restartRegion,
    stopBehindLast: () => end('Stop'),
    withdrawSnapshots: (reason) => actor?.control({ kind: 'SavepointsWithdrawn', reason }),
    savepoint: async (directory) => (await takeSnapshot(directory, false)).summary,
    async stop(directory) {
      const { summary, lost } = await takeSnapshot(directory ?? null, true)
      await end('Stop')
      if (lost !== null) throw lost
      return summary
    },
  }
}

interface Taken {
  readonly summary: SnapshotSummary
  /** Why the savepoint is not there, although the job has that checkpoint and stops; null: it is. */
  readonly lost: Error | null
}

const notRunning = (job: string): MillraceError =>
  new MillraceError('E_JOB_NOT_RUNNING', `job ${job} does not run`)

function settingsOf(options: RunOptions): RuntimeSettings {
  const { settings, freeze, memoryMb, checkpoint, state, allowDroppedState } = options
  return {
    ...DEFAULT_SETTINGS,
    state: stateSettingsOf(state, memoryMb ?? null),
    ...(checkpoint !== undefined && {
      snapshots: snapshotSettingsOf(checkpoint, allowDroppedState),
    }),
    ...settings,
    ...(freeze === undefined ? {} : { freeze }),
    ...(memoryMb === undefined ? {} : { memoryBytesMax: memoryMb * 2 ** 20 }),
  }
}
