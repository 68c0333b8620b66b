/** Snapshots with which a job stops, and others that are asked for meanwhile. */
import t from 'tap'
import { SnapshotStores } from '../../actors/checkpoint/snapshot-stores.js'
import { JobRounds } from '../../actors/job/job-rounds.js'
import { createActorSystem } from '../../actors/kernel/system.js'
import { collect } from '../../actors/testing/index.js'
import { fromArray } from '../../lib/connectors/index.js'
import { planGraph } from '../../lib/graph/planner.js'
import { pipeline } from '../../lib/index.js'
import type { JobRecord } from '../../lib/job/job-record.js'
import { MemoryChunkStore } from '../../lib/snapshot/memory-chunk-store.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'
import { outcomeOf } from '../support/outcome-of.js'

const { graph } = pipeline('job', (flow) => {
  flow.from(fromArray([1])).to(collect())
}).compose()
const plan = planGraph(graph, { parallelism: 1 })

const SETTINGS = {
  intervalMs: null,
  minPauseMs: 0,
  timeoutMs: 1000,
  maxConcurrent: 1,
  tolerableFailures: 9,
  unalignedAfterMs: null,
}

/** The rounds of a job of one subtask, that runs. */
function running() {
  const clock = createVirtualClock()
  const system = createActorSystem({ clock, supervise: { decide: 'stop' } })
  const store = new MemoryChunkStore()
  const none = { restored: null, restoredFrom: null, claims: false }
  const stores = new SnapshotStores({ store, open: async () => store, retained: 1, ...none }, 0)
  const snapshots = { stores, settings: SETTINGS, mode: 'aligned' as const, nodes: graph.nodes }
  const rounds = new JobRounds('run', plan, snapshots, null, {
    spawn: (name, setup) => system.spawn(name, setup),
    tellSlots: () => {},
    askSlots: async () => {},
    read: () => [0],
    progressed: () => {},
    progressMade: () => {},
    unassigned: () => new Map(),
    failed: () => {},
    report: () => {},
  })
  rounds.regionsChanged({
    regions: [{ phase: 'Running' }],
    state: 'Running',
  } as unknown as JobRecord)
  const subtask = { chain: 0, index: 0 }
  return {
    /** The round that it has asked for in the end; null where it fails. */
    async ask(directory: string | null, stop: boolean) {
      const asking = new Promise<number>((resolve, failed) => {
        rounds.request({ directory, stop, failed, done: ({ round }) => resolve(round) })
      })
      const outcome = outcomeOf(asking)
      await clock.settle()
      return { outcome, round: asking.catch(() => null) }
    },
    async acknowledge(round: number): Promise<void> {
      const steps = plan.chains[0]!.steps.map(() => ({
        chunks: [],
        splits: [],
        transactions: [],
        timeMs: null,
      }))
      const facts = { alignmentMs: 0, isUnaligned: false, flights: [], steps }
      const ack = { round, subtask, phase: 'running' as const, ...facts }
      rounds.onEvent({ kind: 'SnapshotAcknowledged', attempt: 1, ack })
      await clock.settle()
    },
    async decline(round: number): Promise<void> {
      const error = { name: 'Error', message: 'no', code: null } as never
      rounds.onEvent({ kind: 'SnapshotDeclined', attempt: 1, round, subtask, error })
      await clock.settle()
    },
  }
}

const OPEN = { code: null, isOver: false }
const DONE = { code: null, isOver: true }

t.test('a savepoint is secured by the snapshot with which the job stops behind it', async (t) => {
  const job = running()
  const saved = await job.ask('saved', false)
  const stopped = await job.ask(null, true)
  await job.acknowledge(1)
  t.same(
    [saved.outcome, stopped.outcome],
    [OPEN, OPEN],
    'what it has prepared is not committed yet',
  )
  await job.acknowledge(2)
  t.same([saved.outcome, stopped.outcome], [DONE, DONE])
  t.same(await Promise.all([saved.round, stopped.round]), [1, 2])
})

t.test('where the job cannot stop the savepoint is not secured, either', async (t) => {
  const job = running()
  const saved = await job.ask('saved', false)
  const stopped = await job.ask(null, true)
  await job.acknowledge(1)
  await job.decline(2)
  const abandoned = { code: 'E_SNAPSHOT_ABANDONED', isOver: true }
  t.same([saved.outcome, stopped.outcome], [abandoned, abandoned])
})

t.test(
  'of two stops the second is refused, before the first has begun and behind that',
  async (t) => {
    const refused = { code: 'E_JOB_STOPPING', isOver: true }
    const job = running()
    const saved = await job.ask('saved', false)
    const [first, early] = [await job.ask(null, true), await job.ask(null, true)]
    await job.acknowledge(1)
    const late = [await job.ask('other', true), await job.ask('other', false)]
    t.same([first.outcome, early.outcome], [OPEN, refused])
    t.same(
      late.map(({ outcome }) => outcome),
      [refused, refused],
    )
    await job.acknowledge(2)
    t.same([saved.outcome, first.outcome], [DONE, DONE])
    t.equal(await first.round, 2)
  },
)

t.test('a stop that was given up stands in the way of none', async (t) => {
  const job = running()
  const first = await job.ask(null, true)
  await job.decline(1)
  t.same(first.outcome, { code: 'E_SNAPSHOT_ABANDONED', isOver: true })
  const second = await job.ask(null, true)
  await job.acknowledge(2)
  t.same(second.outcome, DONE)
})
