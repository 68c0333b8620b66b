/**
 * What runs in a slot: an actor system with the regions' subtasks, their channels, and the router of
 * frames to peer slots. The same in the calling thread and in a worker thread.
 *
 * ```
 * system of the slot
 * └── region 0@3            one per region and attempt
 *     ├── 0:0               chain 0, subtask 0
 *     └── 1:0
 * pollers: router (frames that have arrived), flushes that are due
 * ```
 */
import { assert } from '../../lib/base/assert.js'
import type { Clock } from '../../lib/base/clock.js'
import { errorFromData, errorToData, MillraceError } from '../../lib/base/errors.js'
import type { Random } from '../../lib/base/random.js'
import { flushPolicy, waitMs } from '../../lib/channel/flush-policy.js'
import { createLinkRouter, type LinkRouter } from '../../lib/channel/link-router.js'
import type { Split } from '../../lib/connectors/source.js'
import type { Composed } from '../../lib/flow/composed.js'
import type { Pipeline } from '../../lib/flow/pipeline.js'
import { assertSameFingerprint } from '../../lib/graph/same-graph.js'
import { operatorRowOf, rowOf, slotOf, subtaskName, subtasksOf } from '../../lib/graph/subtasks.js'
import { column, counterRow, operatorCounter } from '../../lib/metrics/counters.js'
import type { Barrier } from '../../lib/operators/signal.js'
import type { ChunkRef } from '../../lib/snapshot/chunk-store.js'
import type { RestoreOrder } from '../../lib/snapshot/restore-plan.js'
import type { RestoredSubtask } from '../../lib/snapshot/round.js'
import { readChunk } from '../../lib/snapshot/verify.js'
import { createFileSpill } from '../../lib/spill/file-spill.js'
import { heapBackend, type OpenState, type StateBackend } from '../../lib/state/state-backend.js'
import type { Failure } from '../../lib/supervision/failure.js'
import { supervise } from '../../lib/supervision/strategy.js'
import { createMessagePortLink } from '../../lib/transport/message-port.js'
import type { ActorRef } from '../kernel/ref.js'
import { type ActorSystem, createActorSystem } from '../kernel/system.js'
import { locate } from '../subtask/locate.js'
import { openSubtask } from '../subtask/open-subtask.js'
import type { SubtaskMessage } from '../subtask/protocol.js'
import { Region, type RegionMessage } from '../subtask/region.js'
import { restoreOperators, takeRestored } from '../subtask/restore-operators.js'
import type { Subtask, TurnWatch } from '../subtask/subtask.js'
import type { SnapshotPlace } from '../subtask/subtask-rounds.js'
import { alignmentMember } from './alignment.js'
import { slotName, wireChannels } from './channel-wiring.js'
import { createMemoryGuard, type MemoryGuard } from './memory-guard.js'
import { createMetricReports, type MetricReports } from './metric-reports.js'
import { openLevelBackend } from './open-state.js'
import type {
  JobModule,
  SlotCommands,
  SlotEvent,
  SlotPort,
  SlotSetup,
  SubtaskId,
} from './protocol.js'
import type { SlotHost } from './slot-host.js'
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

/** Half a millisecond of work a second, at most, for what nobody asks for. */
const SWEEP_INTERVAL_MS = 1_000
const SWEEP_ENTRIES = 10_000

class SlotRuntime implements SlotCommands {
  readonly #host: SlotHost
  readonly #world: SlotWorld
  readonly #clock: Clock
  readonly #random: Random
  readonly #system: ActorSystem
  readonly #router: LinkRouter
  readonly #regions = new Map<number, RunningRegion>()
  /** Attempts whose state is being read, by region: what is aborted meanwhile is not opened. */
  readonly #opening = new Map<number, number>()
  readonly #living = new Set<Subtask>()
  readonly #reports: MetricReports
  #setup: SlotSetup | null = null
  #composed: Composed | null = null
  #guard: MemoryGuard | null = null
  #flushedAtMs = 0
  #cancelFlush: (() => void) | null = null
  #reportedAtMs = 0
  #cancelReport: (() => void) | null = null
  #cancelSweep: (() => void) | null = null
  #closed = false
  /** Runs while a subtask is held up, and only then: an idle slot sleeps. */
  #cancelAccount: (() => void) | null = null

  constructor(host: SlotHost, world: SlotWorld) {
    this.#host = host
    this.#world = world
    this.#clock = host.clock
    this.#random = world.random ?? Math.random
    this.#system = createActorSystem({
      name: 'slot',
      clock: this.#clock,
      random: this.#random,
      ...(world.pick === undefined ? {} : { pick: world.pick }),
    })
    this.#reports = createMetricReports((reports) =>
      host.emit({ kind: 'MetricsReported', reports }),
    )
    this.#router = createLinkRouter()
    this.#router.onReadable = () => this.#system.dispatcher.wake()
    this.#system.dispatcher.addPoller({ poll: () => this.#poll(), idle: () => this.#idle() })
  }

  async setUp(setup: SlotSetup, module: JobModule): Promise<void> {
    this.#world.onSetUp?.(setup)
    const pipeline = await loadPipeline(module)
    // Closed meanwhile: nothing may begin that nobody would end.
    if (this.#closed) return
    const composed = pipeline.compose()
    assertSameFingerprint(setup.plan.fingerprint, composed)
    this.#setup = setup
    this.#composed = composed
    const { memoryBytesMax } = setup.settings
    this.#guard = createMemoryGuard({
      slot: setup.slot,
      budgetBytes: memoryBytesMax,
      mostState: () => whoKeepsMost([...this.#living].flatMap(({ states }) => states)),
    })
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
    const setup = this.#ready()
    const { plan, settings } = setup
    const subtasks = this.#subtasksHere(plan.regions[region]!.chains)
    this.#opening.set(region, attempt)
    const state = await this.#openState(region, attempt)
    const restored = await this.#loadRestored(region, attempt, state, restore).catch(
      async (error: unknown) => {
        await state.close()
        throw error
      },
    )
    if (this.#closed) return state.close()
    if (this.#opening.get(region) !== attempt) {
      await state.close()
      throw aborted(region)
    }
    this.#opening.delete(region)
    const lost = (subtask: SubtaskId, records: number) => {
      this.#rowOf(subtask)[column.lost]! += records
    }
    const wiring = wireChannels({ setup, region, attempt, router: this.#router, onLost: lost })
    return new Promise((resolve, reject) => {
      const ref = this.#system.spawn<RegionMessage>(
        `region-${region}@${attempt}`,
        () =>
          new Region({
            subtasks,
            replaceable: plan.demanded === 'best-effort',
            renew: (subtask, revision) => wiring.renew(subtask, revision),
            close: () => wiring.close(),
            lost,
            living: this.#living,
            open: ({ subtask: { chain, index }, revision, remains }, signals) => {
              const goOn = revision !== null
              const metrics = this.#reports.open({ chain, index }, attempt, goOn)
              return openSubtask(
                {
                  run: setup.run,
                  plan,
                  composed: this.#composed!,
                  chain: plan.chains[chain]!,
                  index,
                  attempt,
                  clock: this.#clock,
                  random: this.#random,
                  freeze: settings.freeze,
                  state,
                  spill: (step) =>
                    createFileSpill({
                      job: setup.job,
                      subtask: `${subtaskName({ chain, index })}-${step}-${revision ?? attempt}`,
                    }),
                  counters: this.#countersOf({ chain, index }, attempt, revision),
                  operatorCounter: (step) =>
                    operatorCounter(
                      setup.operatorCounters,
                      operatorRowOf(plan, { chain, index }, step),
                      goOn,
                    ),
                  metrics: (step) => metrics.of(step, this.#operatorAt(chain, step)),
                  hotKeys: (step) => (settings.hotKeys ? metrics.hotKeys(step) : null),
                  inputs: (edge) => wiring.inputs(edge.id, index),
                  outputs: (edge) => wiring.outputs(edge.id, index),
                  align: (group) =>
                    alignmentMember(
                      plan,
                      this.#composed!.graph,
                      setup.counters,
                      { chain, index },
                      group,
                    ),
                  requestSplits: () =>
                    this.#host.emit({
                      kind: 'SplitsRequested',
                      subtask: { chain, index },
                      attempt,
                    }),
                  publish: (records) => this.#host.publish(records),
                  watch: this.#watchOf({ chain, index }),
                  replaces: goOn,
                  remains,
                  snapshots: this.#snapshotPlace({ chain, index }, attempt),
                  restored: takeRestored(restored, subtaskName({ chain, index })),
                },
                signals,
              )
            },
            listener: {
              opened: resolve,
              finished: (subtask) => {
                this.#reports.close(subtask)
                this.#host.emit({ kind: 'SubtaskFinished', subtask, attempt })
              },
              failed: (subtask, failure) => {
                this.#reports.report()
                this.#host.emit(this.#failed(subtask, attempt, failure))
                reject(errorFromData(failure.error))
              },
            },
          }),
        { supervise: supervise({ decide: 'stop' }) },
      )
      this.#regions.set(region, { attempt, ref, state, giveUp: reject })
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
    const { chains } = this.#ready().plan.regions[region]!
    for (const subtask of this.#subtasksHere(chains)) this.#reports.close(subtask)
  }

  async clear(region: number, attempt: number): Promise<void> {
    const { plan, run } = this.#ready()
    for (const chain of plan.regions[region]!.chains) {
      const runtime = this.#composed?.runtime.get(plan.chains[chain]!.steps.at(-1)!.node)
      if (runtime?.role === 'sink') await runtime.sink.clearRun?.({ run, attempt })
    }
  }

  async replace(subtask: SubtaskId, attempt: number, revision: number): Promise<void> {
    const running = this.#find(this.#regionOf(subtask), attempt)
    if (running === null) return
    const { ref } = running
    const replaced = new Promise<void>((done) => {
      ref.control({ kind: 'Replace', subtask, revision, done })
    })
    await Promise.race([replaced, this.#system.ended(ref)])
  }

  async enumerate(node: number) {
    const runtime = this.#composed?.runtime.get(node)
    assert(runtime?.role === 'source', 'splits are those of a source')
    const { source } = runtime
    const chain = this.#ready().plan.chains.find(({ steps }) => steps[0]!.node === node)
    const { name } = this.#composed!.graph.nodes[node]!
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
    this.#find(this.#regionOf(subtask), attempt)?.ref.control(toSubtask(subtask, message))
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
    this.#cancelAccount?.()
    this.#cancelFlush?.()
    this.#cancelReport?.()
    this.#cancelSweep?.()
    await this.#system.stop()
    await Promise.all([...this.#regions.values()].map(({ state }) => state.close()))
    this.#router.close()
  }

  #tellRegions(message: RegionMessage): void {
    for (const { ref } of this.#regions.values()) ref.control(message)
  }

  /** A region whose operators keep nothing opens nothing. */
  async #openState(region: number, attempt: number): Promise<StateBackend> {
    const { plan, settings, job, slot } = this.#ready()
    const { state } = settings
    const keeping = plan.regions.filter(({ chains }) => chains.some((id) => this.#keepsState(id)))
    if (state.backend === 'heap' || keeping.every(({ id }) => id !== region)) return heapBackend
    const open = this.#world.openState ?? openLevelBackend
    return open({
      job,
      name: `slot ${slot} region ${region} attempt ${attempt}`,
      root: state.directory,
      budgetBytes: state.cacheBytes / keeping.length,
    })
  }

  #keepsState(chain: number): boolean {
    return this.#ready().plan.chains[chain]!.steps.some(({ node }) => {
      const runtime = this.#composed!.runtime.get(node)
      return runtime?.role === 'operator' && runtime.operator.traits.stateful
    })
  }

  /** From chunks each of which is compared with what the manifest says of it. */
  async #loadRestored(
    region: number,
    attempt: number,
    state: StateBackend,
    restore: ReadonlyMap<string, RestoreOrder> | null,
  ): Promise<Map<string, RestoredSubtask>> {
    const restored = new Map<string, RestoredSubtask>()
    if (restore === null) return restored
    const { plan, settings } = this.#ready()
    const common = { plan, composed: this.#composed!, clock: this.#clock, state }
    for (const subtask of this.#subtasksHere(plan.regions[region]!.chains)) {
      const order = restore.get(subtaskName(subtask))
      if (order === undefined) continue
      const chain = plan.chains[subtask.chain]!
      const place = { ...common, chain, index: subtask.index, freeze: settings.freeze }
      const read = async (ref: ChunkRef) => {
        if (this.#opening.get(region) !== attempt) throw aborted(region)
        return this.#readChunk(order.round, ref)
      }
      try {
        restored.set(subtaskName(subtask), await restoreOperators(place, order, read))
      } catch (error) {
        this.#tellUnrestored(subtask, attempt, error)
        throw error
      }
    }
    return restored
  }

  /** Of an operator that cannot be restored it is said which one; chunks that cannot be read are nobody's. */
  #tellUnrestored(subtask: SubtaskId, attempt: number, error: unknown): void {
    const data = errorToData(error)
    const { operator } = data.details
    if (typeof operator !== 'string') return
    this.#host.emit({ kind: 'SubtaskFailed', subtask, attempt, operator, error: data })
  }

  /** Wherever it comes from, it is verified here. */
  #readChunk(round: number, ref: ChunkRef): Promise<Uint8Array> {
    const get = () => this.#host.chunks.get(round, ref)
    return readChunk({ place: 'the snapshot store', get }, ref)
  }

  #snapshotPlace(subtask: SubtaskId, attempt: number): SnapshotPlace | null {
    const { run, settings } = this.#ready()
    const { snapshots } = settings
    if (snapshots === null) return null
    const { chunks, emit } = this.#host
    return {
      run,
      attempt,
      exactlyOnce: snapshots.exactlyOnce,
      alwaysFull: !snapshots.incremental,
      put: (round, id, bytes) => chunks.put(round, id, bytes),
      acknowledge: (ack) => emit({ kind: 'SnapshotAcknowledged', ack, attempt }),
      decline: (round, error) =>
        emit({ kind: 'SnapshotDeclined', round, subtask, attempt, error: errorToData(error) }),
      awaitsCommit: () => emit({ kind: 'CommitAwaited', subtask, attempt }),
    }
  }

  #ready(): SlotSetup {
    assert(this.#setup !== null, 'a slot is set up before it is used')
    return this.#setup
  }

  #find(region: number, attempt: number): RunningRegion | null {
    const running = this.#regions.get(region)
    return running?.attempt === attempt ? running : null
  }

  #failed(subtask: SubtaskId, attempt: number, failure: Failure): SlotEvent {
    const chain = this.#ready().plan.chains[subtask.chain]!
    const operator = failure.operator ?? chain.name
    return { kind: 'SubtaskFailed', subtask, attempt, operator, error: failure.error }
  }

  /** Counts begin at zero with each attempt of the region. */
  #countersOf(subtask: SubtaskId, attempt: number, revision: number | null): Float64Array {
    const row = this.#rowOf(subtask)
    if (revision === null) row.fill(0)
    row[column.attempt] = revision ?? attempt
    return row
  }

  #rowOf(subtask: SubtaskId): Float64Array {
    const { plan, counters } = this.#ready()
    return counterRow(counters, rowOf(plan, subtask))
  }

  #subtasksHere(chains: readonly number[]): readonly SubtaskId[] {
    const { plan, slot, slots } = this.#ready()
    return subtasksOf(plan).filter(
      ({ chain, index }) => chains.includes(chain) && slotOf(index, slots) === slot,
    )
  }

  #operatorAt(chain: number, step: number): string {
    const { node } = this.#ready().plan.chains[chain]!.steps[step]!
    return this.#composed!.graph.nodes[node]!.name
  }

  #regionOf({ chain }: SubtaskId): number {
    const region = this.#ready().plan.regions.find(({ chains }) => chains.includes(chain))
    assert(region !== undefined, 'every chain belongs to a region')
    return region.id
  }

  #watchOf({ chain, index }: SubtaskId): TurnWatch {
    const { vitals } = this.#host
    const { name } = this.#ready().plan.chains[chain]!
    return {
      enter: () => vitals.enter(chain, index),
      leave: () => {
        vitals.leave()
        this.#reports.touch()
        this.#guard?.check(name, index)
      },
    }
  }

  // ---- between turns ------------------------------------------------------------------------

  #poll(): boolean {
    const hasBrought = this.#router.poll()
    const nowMs = this.#clock.now()
    if (waitMs(flushPolicy, nowMs, this.#flushedAtMs, false) === 0) this.#flush()
    const intervalMs = this.#setup?.settings.accountIntervalMs ?? 0
    if (intervalMs > 0 && nowMs - this.#reportedAtMs >= intervalMs) this.#report()
    return hasBrought
  }

  /** Out of work: send what was collected, at most once per interval; then wait for frames. */
  #idle(): void {
    const delayMs = waitMs(flushPolicy, this.#clock.now(), this.#flushedAtMs, true)
    if (delayMs === 0) this.#flush()
    else if (this.#living.size > 0) {
      this.#cancelFlush ??= this.#clock.after(delayMs, () => {
        this.#cancelFlush = null
        this.#system.dispatcher.wake()
      })
    }
    if (this.#cancelAccount === null) this.#account()
    if (this.#reports.isDue) this.#reportLater()
    this.#sweepLater()
    this.#router.arm()
  }

  /** What the last turns have counted is told when its time has come, though nothing runs then. */
  #reportLater(): void {
    const intervalMs = this.#setup?.settings.accountIntervalMs ?? 0
    const delayMs = this.#reportedAtMs + intervalMs - this.#clock.now()
    if (intervalMs === 0 || delayMs <= 0) this.#report()
    else {
      this.#cancelReport ??= this.#clock.after(delayMs, () => {
        this.#cancelReport = null
        this.#report()
      })
    }
  }

  /** While no records come, none take expired state away as they pass: it is done now and then. */
  #sweepLater(): void {
    if (this.#cancelSweep !== null || !this.#sweep(0) || this.#closed) return
    // In a test under virtual time nothing but the test makes time pass.
    if ((this.#setup?.settings.accountIntervalMs ?? 0) === 0) return
    this.#cancelSweep = this.#clock.after(SWEEP_INTERVAL_MS, () => {
      this.#cancelSweep = null
      this.#sweep(SWEEP_ENTRIES)
      this.#sweepLater()
    })
  }

  #sweep(entries: number): boolean {
    let remain = false
    for (const subtask of this.#living) remain = subtask.sweep(entries) || remain
    return remain
  }

  #report(): void {
    this.#reportedAtMs = this.#clock.now()
    if (this.#reports.isDue) this.#reports.report()
  }

  #flush(): void {
    for (const subtask of this.#living) subtask.flush()
    this.#flushedAtMs = this.#clock.now()
  }

  #account(): void {
    this.#cancelAccount = null
    const intervalMs = this.#setup?.settings.accountIntervalMs ?? 0
    let isHeldUp = false
    for (const subtask of this.#living) if (subtask.account()) isHeldUp = true
    if (!isHeldUp || intervalMs === 0 || this.#closed) return
    this.#cancelAccount = this.#clock.after(intervalMs, () => this.#account())
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
