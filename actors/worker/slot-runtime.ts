/**
 * What runs in a slot: an actor system with the regions' subtasks, their channels, and the router of
 * frames to peer slots. The same in the calling thread and in a worker thread.
 *
 * ```
 * system of the slot
 * └── region 0@3            one per region and attempt
 *     ├── 0:0               chain 0, subtask 0
 *     └── 1:0
 * poller: SlotUpkeep        frames that have arrived, flushes and reports that are due
 * ```
 *
 * Here are the commands that the job gives; each is a few steps.
 */
import { assert } from '../../lib/base/assert.js'
import { errorFromData, MillraceError } from '../../lib/base/errors.js'
import type { Random } from '../../lib/base/random.js'
import { createLinkRouter, type LinkRouter } from '../../lib/channel/link-router.js'
import type { Split } from '../../lib/connectors/source.js'
import type { Pipeline } from '../../lib/flow/pipeline.js'
import { assertSameFingerprint } from '../../lib/graph/same-graph.js'
import type { Barrier } from '../../lib/operators/signal.js'
import type { RestoreOrder } from '../../lib/snapshot/restore-plan.js'
import type { OpenState, StateBackend } from '../../lib/state/state-backend.js'
import { supervise } from '../../lib/supervision/strategy.js'
import { createMessagePortLink } from '../../lib/transport/message-port.js'
import type { ActorRef } from '../kernel/ref.js'
import { type ActorSystem, createActorSystem } from '../kernel/system.js'
import { locate } from '../subtask/locate.js'
import type { SubtaskMessage } from '../subtask/protocol.js'
import type { RegionListener, RegionMessage } from '../subtask/region.js'
import type { Subtask } from '../subtask/subtask.js'
import { slotName } from './channel-wiring.js'
import { createRegion } from './create-region.js'
import { createMemoryGuard, type MemoryGuard } from './memory-guard.js'
import { createMetricReports, type MetricReports } from './metric-reports.js'
import { openLevelBackend } from './open-state.js'
import type { JobModule, SlotCommands, SlotPort, SlotSetup, SubtaskId } from './protocol.js'
import { openRegionState } from './region-state.js'
import type { SlotHost } from './slot-host.js'
import { SlotJob } from './slot-job.js'
import { SlotUpkeep } from './slot-upkeep.js'
import { whoKeepsMost } from './state-keeper.js'

/** What surrounds a runtime in the calling thread; a worker thread needs none of it. */
export interface SlotWorld {
  /** Told of the set-up, before anything of the user's is evaluated. */
  readonly onSetUp?: (setup: SlotSetup) => void
  readonly random?: Random
  /** Chooses which ready actor runs next. */
  readonly pick?: Random
  /** Opens state that is larger than memory. Default: a LevelDB. */
  readonly openState?: OpenState
}

interface RunningRegion {
  readonly attempt: number
  readonly ref: ActorRef<RegionMessage>
  readonly state: StateBackend
  /** Answers `open` where it has not been answered. */
  readonly giveUp: (error: Error) => void
}

export function createSlotRuntime(host: SlotHost, world: SlotWorld = {}): SlotCommands {
  return new SlotRuntime(host, world)
}

class SlotRuntime implements SlotCommands {
  readonly #host: SlotHost
  readonly #world: SlotWorld
  readonly #random: Random
  readonly #system: ActorSystem
  readonly #router: LinkRouter
  readonly #reports: MetricReports
  readonly #upkeep: SlotUpkeep
  readonly #regions = new Map<number, RunningRegion>()
  /** Attempts whose state is being read, by region: what is aborted meanwhile is not opened. */
  readonly #opening = new Map<number, number>()
  readonly #living = new Set<Subtask>()
  /** Null until the slot is set up. */
  #job: { readonly at: SlotJob; readonly guard: MemoryGuard } | null = null
  #closed = false

  constructor(host: SlotHost, world: SlotWorld) {
    this.#host = host
    this.#world = world
    const { clock } = host
    this.#random = world.random ?? Math.random
    this.#system = createActorSystem({
      name: 'slot',
      clock,
      random: this.#random,
      ...(world.pick === undefined ? {} : { pick: world.pick }),
    })
    const { dispatcher } = this.#system
    this.#reports = createMetricReports((reports) =>
      host.emit({ kind: 'MetricsReported', reports }),
    )
    this.#router = createLinkRouter()
    this.#router.onReadable = () => dispatcher.wake()
    this.#upkeep = new SlotUpkeep({
      clock,
      router: this.#router,
      reports: this.#reports,
      living: this.#living,
      wake: () => dispatcher.wake(),
    })
    dispatcher.addPoller(this.#upkeep)
  }

  async setUp(setup: SlotSetup, module: JobModule): Promise<void> {
    this.#world.onSetUp?.(setup)
    const pipeline = await loadPipeline(module)
    // Closed meanwhile: nothing may begin that nobody would end.
    if (this.#closed) return
    const composed = pipeline.compose()
    assertSameFingerprint(setup.plan.fingerprint, composed)
    const { memoryBytesMax, accountIntervalMs } = setup.settings
    const guard = createMemoryGuard({
      slot: setup.slot,
      budgetBytes: memoryBytesMax,
      mostState: () => whoKeepsMost([...this.#living].flatMap(({ states }) => states)),
    })
    this.#job = { at: new SlotJob(setup, composed), guard }
    this.#upkeep.intervalMs = accountIntervalMs
  }

  async connect(peer: number, port: SlotPort, session: number): Promise<void> {
    const name = slotName(peer)
    const link = typeof port === 'function' ? port(name) : createMessagePortLink(port, name)
    this.#router.attach(link, { session })
  }

  async open(
    region: number,
    attempt: number,
    restore: ReadonlyMap<string, RestoreOrder> | null = null,
  ): Promise<void> {
    const { at: job, guard } = this.#ready()
    this.#opening.set(region, attempt)
    const check = () => {
      if (this.#opening.get(region) !== attempt) throw aborted(region)
    }
    const { clock } = this.#host
    const place = { job, region, attempt, host: this.#host, clock }
    const open = this.#world.openState ?? openLevelBackend
    const state = await openRegionState({ ...place, open, restore, check })
    const { backend } = state
    if (this.#closed) return backend.close()
    if (this.#opening.get(region) !== attempt) {
      await backend.close()
      throw aborted(region)
    }
    this.#opening.delete(region)
    return new Promise((resolve, reject) => {
      const ref = this.#system.spawn<RegionMessage>(
        `region-${region}@${attempt}`,
        () =>
          createRegion({
            ...place,
            random: this.#random,
            router: this.#router,
            reports: this.#reports,
            guard,
            living: this.#living,
            state,
            listener: this.#listen(job, attempt, resolve, reject),
          }),
        { supervise: supervise({ decide: 'stop' }) },
      )
      this.#regions.set(region, { attempt, ref, state: backend, giveUp: reject })
    })
  }

  async start(region: number, attempt: number, subtask?: SubtaskId): Promise<void> {
    const start = { kind: 'Start' } as const
    const order = subtask === undefined ? start : toSubtask(subtask, start)
    this.#find(region, attempt)?.ref.control(order)
  }

  async abort(region: number, attempt: number): Promise<void> {
    if (this.#opening.get(region) === attempt) this.#opening.delete(region)
    const running = this.#find(region, attempt)
    if (running === null) return
    this.#regions.delete(region)
    running.giveUp(aborted(region))
    await this.#system.stop(running.ref)
    await running.state.close()
    for (const subtask of this.#ready().at.subtasksOf(region)) this.#reports.close(subtask)
  }

  async clear(region: number, attempt: number): Promise<void> {
    const { plan, composed, setup } = this.#ready().at
    for (const chain of plan.regions[region]!.chains) {
      const runtime = composed.runtime.get(plan.chains[chain]!.steps.at(-1)!.node)
      if (runtime?.role === 'sink') await runtime.sink.clearRun?.({ run: setup.run, attempt })
    }
  }

  async replace(subtask: SubtaskId, attempt: number, revision: number): Promise<void> {
    const running = this.#find(this.#ready().at.regionOf(subtask), attempt)
    if (running === null) return
    const { ref } = running
    const replaced = new Promise<void>((done) => {
      ref.control({ kind: 'Replace', subtask, revision, done })
    })
    await Promise.race([replaced, this.#system.ended(ref)])
  }

  async enumerate(node: number) {
    const { plan, composed } = this.#ready().at
    const runtime = composed.runtime.get(node)
    assert(runtime?.role === 'source', 'splits are those of a source')
    const { source } = runtime
    const chain = plan.chains.find(({ steps }) => steps[0]!.node === node)
    const { name } = composed.graph.nodes[node]!
    const splits = await source.splits(chain?.parallelism ?? 1).catch((error: unknown) => {
      throw locate(error, 'E_SOURCE', name, 0)
    })
    return { splits, concurrent: source.concurrentSplits }
  }

  async assign(
    subtask: SubtaskId,
    attempt: number,
    splits: readonly Split[],
    last: boolean,
  ): Promise<void> {
    const message = { kind: 'AssignSplits', splits, last } as const
    this.#find(this.#ready().at.regionOf(subtask), attempt)?.ref.control(
      toSubtask(subtask, message),
    )
  }

  async snapshot(barrier: Barrier, stop: boolean): Promise<void> {
    this.#tellRegions({ kind: 'Snapshot', barrier, stop })
  }

  async snapshotCompleted(round: number): Promise<void> {
    const committed = [...this.#regions.values()].map(({ ref }) =>
      Promise.race([
        new Promise<void>((done) => ref.control({ kind: 'SnapshotCompleted', round, done })),
        this.#system.ended(ref),
      ]),
    )
    await Promise.all(committed)
  }

  async snapshotAbandoned(round: number): Promise<void> {
    this.#tellRegions({ kind: 'SnapshotAbandoned', round })
  }

  async snapshotHurried(round: number): Promise<void> {
    this.#tellRegions({ kind: 'SnapshotHurried', round })
  }

  async drain(): Promise<void> {
    this.#tellRegions({ kind: 'Drain' })
  }

  async pause(): Promise<void> {
    this.#system.dispatcher.pause()
  }

  async resume(): Promise<void> {
    this.#system.dispatcher.resume()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#system.dispatcher.resume()
    this.#upkeep.stop()
    await this.#system.stop()
    await Promise.all([...this.#regions.values()].map(({ state }) => state.close()))
    this.#router.close()
  }

  #listen(
    { plan }: SlotJob,
    attempt: number,
    opened: () => void,
    unopened: (error: Error) => void,
  ): RegionListener {
    return {
      opened,
      finished: (subtask) => {
        this.#reports.close(subtask)
        this.#host.emit({ kind: 'SubtaskFinished', subtask, attempt })
      },
      failed: (subtask, { operator, error }) => {
        this.#reports.report()
        const where = operator ?? plan.chains[subtask.chain]!.name
        this.#host.emit({ kind: 'SubtaskFailed', subtask, attempt, operator: where, error })
        unopened(errorFromData(error))
      },
    }
  }

  #tellRegions(message: RegionMessage): void {
    for (const { ref } of this.#regions.values()) ref.control(message)
  }

  #ready() {
    assert(this.#job !== null, 'a slot is set up before it is used')
    return this.#job
  }

  #find(region: number, attempt: number): RunningRegion | null {
    const running = this.#regions.get(region)
    return running?.attempt === attempt ? running : null
  }
}

const toSubtask = (subtask: SubtaskId, message: SubtaskMessage): RegionMessage => ({
  kind: 'ToSubtask',
  subtask,
  message,
})

async function loadPipeline(module: JobModule): Promise<Pipeline> {
  if (module.kind === 'pipeline') return module.pipeline
  // The loader comes only where it is needed: a pipeline in the calling thread needs none.
  const { loadModule } = await import('../planner/load.js')
  return loadModule(module.file, module.args)
}

const aborted = (region: number): MillraceError =>
  new MillraceError('E_ABORTED', `region ${region} was aborted while it opened`)
