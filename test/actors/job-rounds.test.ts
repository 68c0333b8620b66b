/** What the job knows of its snapshots. */
import t from 'tap'
import { SnapshotStores } from '../../actors/checkpoint/snapshot-stores.js'
import { JobRounds, type JobRoundsOwner } from '../../actors/job/job-rounds.js'
import { createActorSystem } from '../../actors/kernel/system.js'
import { collect } from '../../actors/testing/index.js'
import { fromArray } from '../../lib/connectors/index.js'
import { planGraph } from '../../lib/graph/planner.js'
import { pipeline } from '../../lib/index.js'
import type { Adopted } from '../../lib/job/adoption.js'
import type { JobRecord } from '../../lib/job/job-record.js'
import type { Barrier } from '../../lib/operators/signal.js'
import { MemoryChunkStore } from '../../lib/snapshot/memory-chunk-store.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'

/** That many regions, which have nothing to do with each other. */
function jobOf(regions: number) {
  const { graph } = pipeline('job', (flow) => {
    for (let n = 0; n < regions; n++) flow.from(fromArray([n])).to(collect())
  }).compose()
  return { plan: planGraph(graph, { parallelism: 1 }), nodes: graph.nodes }
}

const ONE = jobOf(1)

const ADOPTED: Adopted = {
  attempts: 1,
  regions: [{ attempt: 1, unfinished: 1 }],
  finished: [],
  committing: [],
  rounds: [],
  unheard: null,
  lastRound: 3,
  splits: new Map(),
  asking: [],
}

const NOT_SPAWNED = { spawn: () => ({ control: () => {} }) } as unknown as JobRoundsOwner

function roundsOf(
  adopted: Adopted | null,
  owner: JobRoundsOwner = NOT_SPAWNED,
  { plan, nodes } = ONE,
): JobRounds {
  const store = new MemoryChunkStore()
  const open = async () => store
  const none = { restored: null, restoredFrom: null, claims: false }
  const snapshots = {
    stores: new SnapshotStores({ store, open, retained: 1, ...none }, 0),
    settings: {
      intervalMs: null,
      minPauseMs: 0,
      timeoutMs: 1000,
      maxConcurrent: 1,
      tolerableFailures: 0,
      unalignedAfterMs: null,
    },
    mode: 'aligned' as const,
    nodes,
  }
  return new JobRounds('run', plan, snapshots, adopted, owner)
}

t.test(
  'of a run that was adopted nobody knows which savepoints name what it has prepared',
  async (t) => {
    t.notOk(roundsOf(null).mayBeStored)
    t.ok(roundsOf(ADOPTED).mayBeStored)
  },
)

t.test('while a failure is not passed it is told of each checkpoint before it', async (t) => {
  const clock = createVirtualClock()
  const system = createActorSystem({ clock, supervise: { decide: 'stop' } })
  let read = 0
  let told = 0
  const progressed: number[] = []
  const owner: JobRoundsOwner = {
    spawn: (name, setup) => system.spawn(name, setup),
    tellSlots: () => {},
    askSlots: async () => {},
    read: () => [read],
    progressed: (region) => progressed.push(region),
    progressMade: () => told++,
    unassigned: () => new Map(),
    failed: () => {},
    report: () => {},
  }
  const rounds = roundsOf(null, owner)
  const changed = (phase: 'Running' | 'Waiting') =>
    rounds.regionsChanged({ regions: [{ phase }], state: 'Running' } as unknown as JobRecord)
  const checkpoint = async (round: number) => {
    const ignored = { done: () => {}, failed: () => {} }
    rounds.request({ directory: null, stop: false, ...ignored })
    await clock.settle()
    const subtask = { chain: 0, index: 0 }
    const steps = ONE.plan.chains[0]!.steps.map(() => ({
      chunks: [],
      splits: [],
      transactions: [],
      timeMs: null,
    }))
    const facts = { alignmentMs: 0, isUnaligned: false, flights: [] }
    const ack = { round, subtask, phase: 'running' as const, ...facts, steps }
    rounds.onEvent({ kind: 'SnapshotAcknowledged', attempt: 1, ack })
    await clock.settle()
  }
  changed('Running')
  read = 50
  await checkpoint(1)
  t.same([told, rounds.kept], [0, [{ failedAt: null, savedAt: 50 }]], 'nothing has failed')
  read = 150
  rounds.failed(0, true)
  changed('Waiting')
  // It could not be opened; what it had read before is not read once more.
  rounds.failed(0, false)
  changed('Running')
  read = 60
  await checkpoint(2)
  t.same([told, rounds.kept], [1, [{ failedAt: 100, savedAt: 60 }]])
  read = 101
  await checkpoint(3)
  t.same([told, progressed], [2, [0]])
  await checkpoint(4)
  t.equal(told, 2, 'it is passed')
  void system.stop()
})

t.test('a region that only waits for its commit gets a round when the other is back', async (t) => {
  const two = jobOf(2)
  const clock = createVirtualClock()
  const system = createActorSystem({ clock, supervise: { decide: 'stop' } })
  const triggered: number[] = []
  const owner: JobRoundsOwner = {
    spawn: (name, setup) => system.spawn(name, setup),
    tellSlots: (tell) =>
      tell({
        snapshot: ({ round }: Barrier) => triggered.push(round),
        snapshotAbandoned: () => {},
      } as unknown as Parameters<typeof tell>[0]),
    askSlots: async () => {},
    read: () => [0, 0],
    progressed: () => {},
    progressMade: () => {},
    unassigned: () => new Map(),
    failed: () => {},
    report: () => {},
  }
  const rounds = roundsOf(null, owner, two)
  const [first, second] = two.plan.regions.map(({ chains }) => ({ chain: chains[0]!, index: 0 }))
  const changed = async (phase: 'Running' | 'Waiting') => {
    const regions = [{ phase: 'Running' }, { phase }]
    rounds.regionsChanged({ regions, state: 'Running' } as unknown as JobRecord)
    await clock.settle()
  }
  await changed('Running')
  await changed('Waiting')
  rounds.onEvent({ kind: 'CommitAwaited', subtask: second!, attempt: 1 })
  rounds.reopens(1)
  await changed('Running')
  t.same(triggered, [], 'it was the attempt before that had only to commit')
  await changed('Waiting')
  rounds.onEvent({ kind: 'CommitAwaited', subtask: first!, attempt: 1 })
  await changed('Running')
  t.same(triggered, [1])
  void system.stop()
})
