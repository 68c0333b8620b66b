/** Clients and their coordinator, while connections stand still or break: under a virtual clock. */
import { Subject } from 'rxjs'
import t, { type Test } from 'tap'
import { type Cluster, connectOver } from '../../actors/client/client.js'
import type { SubmittedJob } from '../../actors/client/watched-job.js'
import { ClientDesk } from '../../actors/coordinator/client-desk.js'
import type { ClientMethods, ClusterEvent } from '../../actors/coordinator/protocol.js'
import type { JobEvent } from '../../actors/job/job.js'
import { CLIENT_SILENCE_MS } from '../../lib/cluster/times.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'
import { createCalls } from '../../lib/transport/calls.js'
import { type JobShape, moduleOf } from '../support/cluster-simulation.js'
import { identityOf } from '../support/memory-network.js'
import { bundleOf, HUB, SimulatedCluster } from '../support/simulated-cluster.js'
import { SimulatedProcess } from '../support/simulated-process.js'
import { testSeed } from '../support/test-seed.js'
import { TransactionWorld } from '../support/transaction-world.js'

const SEED = testSeed(1)
const CLI = 'cli'
const ID = 'rows-00000001'
const PATIENCE_MS = 120_000

class World {
  readonly cluster: SimulatedCluster
  readonly process: SimulatedProcess
  readonly connection: string[] = []
  client!: Cluster

  constructor() {
    const job: JobShape = {
      name: 'rows',
      rows: 400,
      splits: 2,
      parallelism: 2,
      isReactive: false,
      interval: 500,
      seconds: 40,
      world: new TransactionWorld(),
    }
    const modules = { rows: moduleOf(job) }
    const nodes = [{ name: 'a', slots: 4 }]
    this.cluster = new SimulatedCluster({ seed: SEED, nodes, modules })
    this.process = new SimulatedProcess(CLI, this.cluster.clock, 12_345)
  }

  async start(t: Test, reconnectMs: number): Promise<void> {
    const { cluster } = this
    cluster.start(HUB)
    cluster.start('a')
    await cluster.runFor(1_000)
    const network = cluster.internet.of(identityOf('client', CLI), this.process)
    const parts = { clock: this.process, random: cluster.random, reconnectMs }
    const connecting = connectOver(network, `ws://${HUB}:1`, parts)
    await cluster.runFor(100)
    this.client = await connecting
    this.client.connection$.subscribe(({ kind }) => this.connection.push(kind))
    t.teardown(() => this.client.close())
  }

  /** The job, which runs, as the client sees it. */
  async job(): Promise<SubmittedJob> {
    const { cluster, client } = this
    const options = { memoryMb: 0, parallelism: 2, checkpoint: { interval: 500 } }
    void cluster.coordinator!.submit(ID, bundleOf('rows'), options, () => {})
    await cluster.runFor(2_000)
    const watching = client.job(ID)
    await cluster.runFor(1_000)
    return watching
  }

  async ends(job: SubmittedJob): Promise<void> {
    let isOver = false
    void settledAs(job.done).then(() => {
      isOver = true
    })
    await this.cluster.runUntil(() => isOver, 300_000)
  }

  killAll(): void {
    for (const name of this.cluster.names) this.cluster.kill(name)
  }

  startAll(): void {
    for (const name of this.cluster.names) this.cluster.start(name)
  }

  /** The coordinator stops as it should, and nobody listens. */
  async stopHub(): Promise<void> {
    void this.cluster.coordinator!.stop()
    await this.cluster.runFor(5_000)
    this.cluster.kill(HUB)
  }
}

async function worldOf(t: Test, reconnectMs = PATIENCE_MS): Promise<World> {
  const world = new World()
  await world.start(t, reconnectMs)
  return world
}

const settledAs = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: Error & { code?: string }) => error,
  )

const rounds = (events: readonly JobEvent[]) =>
  events.flatMap((event) => (event.kind === 'SnapshotCompleted' ? [event.round] : []))

const isRising = (numbers: readonly number[]) =>
  numbers.every((each, i) => i === 0 || each === numbers[i - 1]! + 1)

t.test('a client that is idle, slow or paused for a while is not taken for gone', async (t) => {
  const { cluster, process, connection } = await worldOf(t)
  await cluster.runFor(60_000)
  for (const ms of [1_000, 3_000, CLIENT_SILENCE_MS / 2]) {
    process.pause()
    cluster.internet.pause(CLI)
    await cluster.runFor(ms)
    process.resume()
    cluster.internet.resume(CLI)
    await cluster.runFor(3_000)
  }
  t.equal(cluster.internet.open(HUB, CLI), 1)
  t.same(connection, [])
})

t.test('a client of which nothing is heard is let go', async (t) => {
  const { cluster } = await worldOf(t, 0)
  cluster.internet.cut(CLI, HUB)
  await cluster.runFor(CLIENT_SILENCE_MS - 2_000)
  t.equal(cluster.internet.open(HUB, CLI), 1, 'not before its time')
  await cluster.runFor(4_000)
  t.equal(cluster.internet.open(HUB, CLI), 0)
})

t.test('a coordinator of which nothing is heard is not waited for', async (t) => {
  const { cluster, client } = await worldOf(t, 0)
  cluster.internet.cut(HUB, CLI)
  cluster.internet.cut(CLI, HUB)
  const heard = settledAs(client.evacuate('a'))
  await cluster.runFor(CLIENT_SILENCE_MS + 2_000)
  t.equal(cluster.internet.open(CLI, HUB), 0)
  t.match(await heard, { code: 'E_PEER_LOST', message: /nothing was heard of it for 10 s/ })
})

t.test('a job is followed over broken connections, nothing told twice or left out', async (t) => {
  const world = await worldOf(t)
  const { cluster, connection } = world
  const job = await world.job()
  const events: JobEvent[] = []
  job.events$.subscribe((event) => events.push(event))
  for (let i = 0; i < 4; i++) {
    cluster.internet.reset(CLI, HUB)
    await cluster.runFor(3_000)
  }
  cluster.internet.cut(CLI, HUB)
  cluster.internet.cut(HUB, CLI)
  await cluster.runFor(CLIENT_SILENCE_MS + 5_000)
  cluster.internet.heal()
  await world.ends(job)
  t.match(await job.done, { state: 'Finished' })
  t.ok(rounds(events).length > 20)
  t.ok(isRising(rounds(events)), rounds(events).join())
  t.same(connection, Array.from({ length: 5 }, () => ['Lost', 'Found']).flat())
})

t.test('whoever was away hears how a job has ended', async (t) => {
  const world = await worldOf(t)
  const { cluster } = world
  const job = await world.job()
  cluster.internet.cut(CLI, HUB)
  cluster.internet.cut(HUB, CLI)
  await cluster.runUntil(() => cluster.ended.has(ID), 100_000)
  t.equal(job.state, 'Running')
  cluster.internet.heal()
  await world.ends(job)
  t.match(await job.done, { state: 'Finished', recordsIn: 400 })
})

t.test('a job is followed from one coordinator to the next', async (t) => {
  const world = await worldOf(t)
  const { cluster } = world
  const job = await world.job()
  cluster.kill(HUB)
  await cluster.runFor(20_000)
  cluster.start(HUB)
  await world.ends(job)
  t.match(await job.done, { state: 'Finished' })
})

t.test('that a coordinator stops is no end of a job that goes on with the next', async (t) => {
  const world = await worldOf(t)
  const { cluster } = world
  const job = await world.job()
  const states: string[] = []
  job.events$.subscribe((event) => {
    if (event.kind === 'StateChanged') states.push(event.to)
  })
  await world.stopHub()
  t.notOk(states.some((state) => state === 'Cancelled' || state === 'Stopped'))
  t.equal(job.state, 'Running')
  cluster.start(HUB)
  await world.ends(job)
  t.match(await job.done, { state: 'Finished' })
  t.equal(states.filter((state) => state === 'Running').length, 2)
  t.notOk(states.some((state) => state === 'Cancelled' || state === 'Stopped'))
})

t.test('a coordinator that stops accepts no job which has waited for it to begin', async (t) => {
  const world = await worldOf(t)
  const { cluster } = world
  await world.job()
  cluster.kill(HUB)
  cluster.start(HUB)
  await cluster.runFor(100)
  const late = 'rows-00000002'
  const options = { memoryMb: 0, parallelism: 2, checkpoint: { interval: 500 } }
  const heard = settledAs(cluster.coordinator!.submit(late, bundleOf('rows'), options, () => {}))
  await world.stopHub()
  t.match(await heard, { code: 'E_STOPPING' })
  t.notOk(cluster.stores.jobs.has(late))
})

t.test('who drains a job that has not begun hears that its coordinator stops', async (t) => {
  const world = await worldOf(t)
  const { cluster } = world
  const job = await world.job()
  world.killAll()
  cluster.start(HUB)
  await cluster.runFor(2_500)
  const heard = settledAs(job.drain())
  await cluster.runFor(100)
  await world.stopHub()
  cluster.start(HUB)
  cluster.start('a')
  await world.ends(job)
  t.match(await heard, { code: 'E_STOPPING', message: /goes on to drain at its next start/ })
  t.match(await job.done, { state: 'Finished', partial: true })
})

t.test('a job that nobody knows any more is not waited for', async (t) => {
  const world = await worldOf(t)
  const { cluster } = world
  const job = await world.job()
  cluster.internet.cut(CLI, HUB)
  cluster.internet.cut(HUB, CLI)
  await cluster.runUntil(() => cluster.ended.has(ID) && cluster.stores.jobs.size === 0, 100_000)
  cluster.kill(HUB)
  cluster.start(HUB)
  cluster.internet.heal()
  const heard = settledAs(job.done)
  await world.ends(job)
  t.match(await heard, { code: 'E_NO_SUCH_JOB', message: /how is not known any more/ })
})

t.test('a coordinator that stays away is given up, and everybody hears of it', async (t) => {
  const world = await worldOf(t)
  const { cluster, client, connection } = world
  const job = await world.job()
  cluster.kill(HUB)
  const heard = [settledAs(job.done), settledAs(client.jobs()), settledAs(job.stop())]
  await cluster.runFor(PATIENCE_MS - 5_000)
  t.same(connection, ['Lost'], 'said once')
  await cluster.runFor(20_000)
  for (const each of heard) {
    t.match(await each, { code: 'E_PEER_LOST', message: /was tried again for 120 s/ })
  }
  t.same(connection, ['Lost', 'GivenUp'])
  t.match(await settledAs(client.jobs()), { code: 'E_PEER_LOST' }, 'and whoever asks later')
})

t.test('who closes a connection that is lost waits for nothing', async (t) => {
  const world = await worldOf(t)
  const { cluster, client } = world
  const job = await world.job()
  cluster.kill(HUB)
  await cluster.runFor(1_000)
  const heard = [settledAs(job.done), settledAs(client.nodes())]
  client.close()
  for (const each of heard) t.match(await each, { message: /closed on this side/ })
  cluster.start(HUB)
  await cluster.runFor(20_000)
  t.equal(cluster.internet.open(HUB, CLI), 0)
})

t.test('what was asked before a connection broke is done once, and answered', async (t) => {
  const world = await worldOf(t)
  const { cluster } = world
  const job = await world.job()
  const answer = settledAs(job.rescale(1))
  await cluster.runFor(2)
  cluster.internet.reset(CLI, HUB)
  await cluster.runFor(20_000)
  t.equal(await answer, 'done')
  const rescaled = cluster.events.filter((event) => event.includes('JobRescaled'))
  t.equal(rescaled.length, 1)
})

t.test('what was asked of a coordinator that died may be done or not: that is said', async (t) => {
  const world = await worldOf(t)
  const { cluster } = world
  const job = await world.job()
  const answer = settledAs(job.rescale(1))
  await cluster.runFor(2)
  cluster.kill(HUB)
  cluster.start(HUB)
  await cluster.runFor(20_000)
  t.match(await answer, { code: 'E_OUTCOME_UNKNOWN', message: /"rescale"/ })
})

t.test(
  'the summary counts what all lives of a job have counted, or says what it lacks',
  async (t) => {
    const orderly = await worldOf(t)
    const job = await orderly.job()
    void job.rescale(1)
    await orderly.cluster.runFor(3_000)
    await orderly.stopHub()
    orderly.cluster.start(HUB)
    await orderly.ends(job)
    const whole = { recordsIn: 400, recordsOut: 400, lives: 3, livesCounted: 3 }
    t.match(await job.done, whole, 'moved, and taken over from a coordinator that stopped')

    const adopted = await worldOf(t)
    const same = await adopted.job()
    adopted.cluster.kill(HUB)
    adopted.cluster.start(HUB)
    await adopted.ends(same)
    const one = { recordsIn: 400, recordsOut: 400, lives: 1, livesCounted: 1, restarts: 0 }
    t.match(await same.done, one, 'adopted from a coordinator that died')

    const broken = await worldOf(t)
    const other = await broken.job()
    broken.killAll()
    broken.startAll()
    await broken.cluster.runFor(15_000)
    void other.rescale(1)
    await broken.ends(other)
    const summary = await other.done
    t.match(summary, { lives: 3, livesCounted: 2 }, 'taken over from a coordinator that died')
    t.ok(summary.recordsIn < 400, `${summary.recordsIn} since then`)
  },
)

t.test('a job whose submission cannot be understood is none', async (t) => {
  const { cluster } = await worldOf(t)
  const coordinator = cluster.coordinator!
  const network = cluster.internet.of(identityOf('client', 'raw'), cluster.clock)
  const dialling = network.dialControl(`ws://${HUB}:1`)
  await cluster.runFor(100)
  const calls = createCalls<ClientMethods>({
    link: await dialling,
    handlers: {},
    deadlineMs: 30_000,
    clock: cluster.clock,
  })
  const watch = { metrics: true, results: true, decides: true } as never
  const submitting = settledAs(calls.call('submit', [ID, bundleOf('rows'), {}, watch]))
  await cluster.runFor(1_000)
  t.match(await submitting, { code: 'E_BAD_ARGUMENT', message: /watch: after must be/ })
  t.same(coordinator.jobs(), [])
  const opened = () => {
    throw new Error('whoever wants to follow it cannot')
  }
  const refused = settledAs(coordinator.submit(ID, bundleOf('rows'), {}, opened))
  await cluster.runFor(1_000)
  t.match(await refused, { message: /cannot/ })
  t.same(coordinator.jobs(), [])
  calls.close()
})

t.test('what cannot be told of a cluster harms nobody, and what comes later is told', async (t) => {
  const { cluster, client } = await worldOf(t)
  const heard: string[] = []
  client.events$.subscribe(({ kind }) => heard.push(kind))
  await cluster.runFor(100)
  const { events$ } = cluster.coordinator!
  const untold = () => 'does not travel'
  events$.next({ kind: 'NodeLost', node: 'a', reason: untold as never })
  events$.next({ kind: 'NodeReturned', node: 'a' })
  await cluster.runFor(100)
  t.same(heard, ['NodeReturned'])
})

t.test('a job that is moved while its coordinator stops has each life counted once', async (t) => {
  for (const ms of [0, 1, 2, 5, 10, 20, 40, 80, 160, 320]) {
    const world = await worldOf(t)
    const { cluster } = world
    const job = await world.job()
    void settledAs(job.rescale(1))
    await cluster.runFor(ms)
    await world.stopHub()
    cluster.start(HUB)
    await world.ends(job)
    const { recordsIn, lives, livesCounted } = await job.done
    t.equal(recordsIn, 400, `stopped after ${ms} ms`)
    t.equal(livesCounted, lives, `${lives} lives`)
    world.client.close()
  }
})

t.test('a life is counted once, also where it could not be kept that it had ended', async (t) => {
  for (const ms of [0, 1, 2, 5]) {
    const world = await worldOf(t)
    const { cluster } = world
    const job = await world.job()
    let refusals = 0
    cluster.stores.onSave = ({ before, failures }) => {
      if (before?.livesCounted !== 1 || failures !== null || refusals++ > 0) return
      throw new Error('the disk is full')
    }
    void settledAs(job.rescale(1))
    await cluster.runFor(ms)
    await world.stopHub()
    const kept = cluster.stores.jobs.get(ID)?.before
    t.match(kept ?? { lives: 1, livesCounted: 1 }, { lives: 1, livesCounted: 1 }, `${ms} ms`)
    cluster.start(HUB)
    await world.ends(job)
    const { recordsIn, lives, livesCounted } = await job.done
    t.same([recordsIn, livesCounted], [400, lives], `stopped after ${ms} ms, refused ${refusals}`)
    world.client.close()
  }
})

t.test('a coordinator that stops before a job has begun anew leaves it as it was', async (t) => {
  const world = await worldOf(t)
  const { cluster } = world
  const job = await world.job()
  world.killAll()
  world.startAll()
  await cluster.runUntil(() => cluster.events.some((each) => each.includes('JobRecovered')), 20_000)
  await world.stopHub()
  cluster.start(HUB)
  await world.ends(job)
  t.match(
    await job.done,
    { lives: 2, livesCounted: 1 },
    'of the coordinator that died, and of the last',
  )
})

t.test('a job that has ended is forgotten here, and can be asked for again', async (t) => {
  const world = await worldOf(t)
  const { cluster, client } = world
  const job = await world.job()
  t.equal(await client.job(ID), job, 'known while it runs')
  await world.ends(job)
  const asking = client.job(ID)
  await cluster.runFor(100)
  const again = await asking
  t.not(again, job)
  t.match(await again.done, { state: 'Finished', recordsIn: 400 })
})

t.test(
  'a coordinator lets go of a job that has ended, however long its clients stay',
  async (t) => {
    const events$ = new Subject<ClusterEvent>()
    const held: string[] = []
    const holds = (what: string) => () => {
      held.push(what)
      return () => held.splice(held.indexOf(what), 1)
    }
    const job = {
      id: ID,
      state: 'Running',
      publishTo: holds('results'),
      decidedBy: holds('decides'),
    }
    const clock = createVirtualClock()
    const desk = new ClientDesk({ events$, job: () => job } as never, clock)
    let ask: (message: unknown) => void = () => {}
    desk.accept({
      peer: { id: CLI },
      lastReceivedMs: 0,
      send: () => {},
      onMessage: (listener: typeof ask) => {
        ask = listener
      },
      onClose: () => {},
    } as never)
    ask([0, 1, 'takeResults', [ID, true]])
    ask([0, 2, 'decides', [ID]])
    t.same(held, ['results', 'decides'])
    events$.next({ kind: 'JobEnded', job: 'another', state: 'Finished' })
    t.equal(held.length, 2)
    events$.next({ kind: 'JobEnded', job: ID, state: 'Finished' })
    t.same(held, [])
    job.state = 'Finished'
    ask([0, 3, 'takeResults', [ID, true]])
    t.same(held, [], 'nor takes it up again')
  },
)
