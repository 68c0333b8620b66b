/**
 * A whole cluster in one thread, under one virtual clock: coordinator, nodes with their slots, the network
 * between them, what they keep and what they write to. All is real but threads, sockets and disks.
 */
import { Coordinator } from '../../actors/coordinator/coordinator.js'
import type { BundleFacts, SubmitOptions } from '../../actors/coordinator/protocol.js'
import { ClusterNode } from '../../actors/node/node.js'
import type { SlotPorts } from '../../actors/node/peer-links.js'
import type { SlotGround } from '../../actors/node/slot-ground.js'
import type { PlanModuleOptions, PlannedModule } from '../../actors/planner/protocol.js'
import type { Slot, SlotPort } from '../../actors/worker/protocol.js'
import { MillraceError } from '../../lib/base/errors.js'
import { type Random, seededRandom } from '../../lib/base/random.js'
import type { Pipeline } from '../../lib/flow/pipeline.js'
import { planGraph } from '../../lib/graph/planner.js'
import { createVirtualClock, type VirtualClock } from '../../lib/testing/virtual-clock.js'
import { createLoopback } from '../../lib/transport/loopback.js'
import type { Lane } from '../../lib/transport/node-links.js'
import type { Link } from '../../lib/transport/transport.js'
import { ClusterLaws } from './cluster-laws.js'
import { identityOf, MemoryInternet } from './memory-network.js'
import { MemoryStores } from './memory-stores.js'
import { eventLoopTurn, settle } from './settle.js'
import { SimulatedProcess } from './simulated-process.js'
import { simulatedSlot } from './simulated-slot.js'

export const HUB = 'hub'

/** The event loop has a turn, which is slow, once in so many steps: for modules that are loaded. */
const STEPS_A_TURN = 16

export interface NodeShape {
  readonly name: string
  readonly slots: number
  readonly labels?: Readonly<Record<string, string>>
  /** Asked whenever it is to set up a slot; the error with which it fails then, or null. */
  readonly failsSetUp?: () => Error | null
}

export interface SimulatedClusterOptions {
  readonly seed: number
  readonly nodes: readonly NodeShape[]
  /** Job modules by name, as a process evaluates them. */
  readonly modules: Readonly<Record<string, (process: SimulatedProcess) => Pipeline>>
  readonly delay?: (from: string, to: string) => number
}

interface Hub {
  readonly process: SimulatedProcess
  readonly stores: MemoryStores
  readonly coordinator: Coordinator
}

interface Member {
  readonly process: SimulatedProcess
  readonly node: ClusterNode
}

export class SimulatedCluster {
  readonly clock: VirtualClock
  readonly internet: MemoryInternet
  readonly stores = new MemoryStores()
  readonly random: Random
  readonly #options: SimulatedClusterOptions
  readonly nodes = new Map<string, Member>()
  hub: Hub | null = null
  /** States in which jobs have ended, in the order in which that was told. */
  readonly ended = new Map<string, string>()
  readonly events: string[] = []
  readonly laws = new ClusterLaws(this.stores)
  /** Jobs of as many slots cannot be planned; null: all can. */
  unplannable: number | null = null
  /** The term that each node has served last. */
  readonly #served = new WeakMap<SimulatedProcess, number>()
  #starts = 0
  #steps = 0

  constructor(options: SimulatedClusterOptions) {
    this.#options = options
    this.random = seededRandom(options.seed ^ 0x5eed)
    this.clock = createVirtualClock()
    this.internet = new MemoryInternet(this.clock, options.delay)
  }

  get coordinator(): Coordinator | null {
    return this.#isOutdated ? null : (this.hub?.coordinator ?? null)
  }

  /** One of an earlier term has its place. */
  get #isOutdated(): boolean {
    return this.hub !== null && this.hub.stores !== this.stores
  }

  get names(): readonly string[] {
    return [HUB, ...this.#options.nodes.map(({ name }) => name)]
  }

  note(text: string): void {
    this.events.push(`${this.clock.now().toFixed(0).padStart(6)} ${text}`)
  }

  processOf(name: string): SimulatedProcess | null {
    return name === HUB ? (this.hub?.process ?? null) : (this.nodes.get(name)?.process ?? null)
  }

  start(name: string): void {
    if (name === HUB) this.#startHub(this.stores)
    // It has served no term yet.
    else if (this.#isOutdated) this.clock.after(100, () => this.start(name))
    else this.#startNode(this.#options.nodes.find((shape) => shape.name === name)!)
  }

  /**
   * A coordinator takes the place of the present one whose term nodes are to refuse. False where one of them
   * has not served the present one: it could not know better. Its term is so many lower; 0: it is the same.
   */
  startOutdated(terms: number): boolean {
    const haveAllServed = [...this.nodes.values()].every(
      ({ process }) => this.#served.get(process) === this.stores.term,
    )
    if (!haveAllServed) return false
    this.kill(HUB)
    this.#startHub(this.stores.outdated(terms))
    return true
  }

  kill(name: string): void {
    const process = this.processOf(name)
    if (process === null) return
    this.internet.kill(name)
    process.kill()
    if (name === HUB) this.hub = null
    else this.nodes.delete(name)
  }

  pause(name: string): void {
    this.processOf(name)?.pause()
    this.internet.pause(name)
  }

  resume(name: string): void {
    // Timers first, then sockets: as an event loop has it.
    const process = this.processOf(name)
    if (process?.isPaused) this.laws.live.wakes(process)
    process?.resume()
    this.internet.resume(name)
  }

  /** Runs what is due, until every promise has settled. */
  async settle(): Promise<void> {
    do {
      await settle(this.clock)
      await eventLoopTurn()
    } while (this.clock.tasks > 0)
  }

  /** Goes on to the next timer. */
  async step(): Promise<void> {
    this.clock.runNext()
    if (++this.#steps % STEPS_A_TURN === 0) await this.settle()
    else await settle(this.clock)
    this.laws.live.instantEnds()
  }

  /** The newest snapshot in that directory; 0: there is none. */
  async lastRound(directory: string): Promise<number> {
    let round = -1
    const reader = this.stores.of(this.#process('reader'))
    void reader.lastRound(directory).then((last) => {
      round = last
    })
    await this.runFor(10)
    return round
  }

  async runFor(ms: number): Promise<void> {
    const endMs = this.clock.now() + ms
    let isOver = false
    this.clock.after(ms, () => {
      isOver = true
    })
    await this.settle()
    while (!isOver && this.clock.now() <= endMs) await this.step()
  }

  /** False where it did not come true in time. */
  async runUntil(isTrue: () => boolean, withinMs: number): Promise<boolean> {
    const endMs = this.clock.now() + withinMs
    await this.settle()
    while (!isTrue() && this.clock.now() < endMs) {
      if (this.clock.timers === 0 && this.clock.tasks === 0) break
      await this.step()
    }
    return isTrue()
  }

  #process(name: string): SimulatedProcess {
    return new SimulatedProcess(name, this.clock, Math.floor(this.random() * 1e6))
  }

  #startHub(stores: MemoryStores): void {
    if (this.hub !== null) return
    const process = this.#process(HUB)
    const identity = identityOf('coordinator', HUB, `${HUB}-${++this.#starts}`)
    const coordinator = new Coordinator({
      network: this.internet.of(identity, process),
      address: `${HUB}:1`,
      data: 'data',
      cluster: 'test',
      clock: process,
      random: this.random,
      stores: stores.of(process),
      planner: { plan: (options) => this.#plan(process, options), close: async () => {} },
    })
    this.hub = { process, stores, coordinator }
    if (stores === this.stores) this.#follow(process, coordinator)
    void coordinator.start()
  }

  #follow(process: SimulatedProcess, coordinator: Coordinator): void {
    coordinator.events$.subscribe((event) => {
      if (process.isDead) return
      this.note(`hub ${JSON.stringify(event)}`)
      if (event.kind === 'JobAdopted') this.laws.adopted(event.job)
      if (event.kind === 'JobEnded') this.ended.set(event.job, event.state)
      if (event.kind === 'JobSubmitted' || event.kind === 'JobRecovered') this.#watch(event.job)
    })
  }

  /** What is told of a job, for whoever looks for what went wrong. */
  #watch(id: string): void {
    const { coordinator, process } = this.hub!
    const note = (text: string) => {
      if (!process.isDead) this.note(`${id} ${text.slice(0, 200)}`)
    }
    const job = coordinator.job(id)
    job.news$.subscribe((news) => {
      if (news.kind === 'event') note(JSON.stringify(news.event))
      if (news.kind === 'failure') note(`failure ${news.failure.error.message}`)
      if (news.kind === 'failed') note(`failed ${news.error.message}`)
    })
  }

  #startNode({ name, slots, labels = {}, failsSetUp = () => null }: NodeShape): void {
    if (this.nodes.has(name)) return
    const process = this.#process(name)
    const identity = identityOf('node', name, `${name}-${++this.#starts}`)
    const node = new ClusterNode({
      network: this.internet.of(identity, process),
      join: `ws://${HUB}:1`,
      address: '',
      slots,
      labels,
      version: 'test',
      clock: process,
      random: this.random,
      ground: this.#ground(process),
      ports: linkPorts,
      bundles: {
        fetch: async (sha256, piece) => {
          await piece(sha256, 0)
          const error = failsSetUp()
          if (error !== null) throw error
          return sha256
        },
      },
    })
    this.nodes.set(name, { process, node })
    node.events$.subscribe((event) => {
      if (event.kind === 'Joined') this.#served.set(process, event.term)
      if (!process.isDead) this.note(`${name} ${JSON.stringify(event)}`)
    })
    void node.start()
  }

  #ground(process: SimulatedProcess): SlotGround {
    return {
      clock: process,
      open: (setup) => {
        const { slot, bundle } = setup
        const local = simulatedSlot(slot, process, this.random, this.#options.modules[bundle]!)
        this.#watchRounds(local, process)
        this.laws.slot(process, setup, local)
        return local
      },
      expect: () => {},
      close: async () => {},
    }
  }

  /** No slot is told twice of a round, whoever coordinates. */
  #watchRounds({ commands, index }: Slot, { name }: SimulatedProcess): void {
    const { snapshot } = commands
    let last = 0
    commands.snapshot = (barrier, stop) => {
      const { round } = barrier
      if (round <= last)
        this.laws.violations.push(`slot ${index} on ${name}: round ${round} begun twice`)
      last = Math.max(last, round)
      return snapshot.call(commands, barrier, stop)
    }
  }

  async #plan(process: SimulatedProcess, options: PlanModuleOptions): Promise<PlannedModule> {
    const { file, args: _args, timeoutMs: _timeoutMs, ...planOptions } = options
    await process.sleep(5)
    if (options.slots === this.unplannable) {
      throw new MillraceError('E_TOO_MANY', `${options.slots} slots are too many for it`)
    }
    const { graph, fingerprint } = this.#options.modules[file]!(process).compose()
    return { graph, fingerprint, plan: planGraph(graph, planOptions) }
  }
}

/** Links go to the slots as they are. */
const linkPorts: SlotPorts = {
  ofLane:
    (lane: Lane): SlotPort =>
    (peer) =>
      relayed(lane, peer),
  pair() {
    const [left, right] = createLoopback()
    return [(peer) => named(left, peer), (peer) => named(right, peer)]
  },
}

const named = (link: Link, peer: string): Link => ({
  peer,
  send: (frame) => link.send(frame),
  poll: () => link.poll(),
  arm: () => link.arm(),
  onReadable: (listener) => link.onReadable(listener),
  onClose: (listener) => link.onClose(listener),
  close: () => link.close(),
})

/** As a relay has it: for the slot, any end but its own is a loss. */
function relayed(lane: Lane, peer: string): Link {
  let isClosed = false
  return {
    ...named(lane, peer),
    onClose: (listener) =>
      lane.onClose((reason) => listener(reason ?? (isClosed ? null : new Error('closed')))),
    close: () => {
      isClosed = true
      lane.close()
    },
  }
}

/** The bundle of the module of that name. */
export const bundleOf = (name: string): BundleFacts => ({ sha256: name, bytes: 3, name })

export type { SubmitOptions }
