/** What the job knows of its snapshots. */
import t from 'tap'
import { SnapshotStores } from '../../actors/checkpoint/snapshot-stores.js'
import { JobRounds, type JobRoundsOwner } from '../../actors/job/job-rounds.js'
import { collect } from '../../actors/testing/index.js'
import { fromArray } from '../../lib/connectors/index.js'
import { planGraph } from '../../lib/graph/planner.js'
import { pipeline } from '../../lib/index.js'
import type { Adopted } from '../../lib/job/adoption.js'
import { MemoryChunkStore } from '../../lib/snapshot/memory-chunk-store.js'

const { graph } = pipeline('job', (flow) => {
  flow.from(fromArray([1])).to(collect())
}).compose()
const plan = planGraph(graph, { parallelism: 1 })

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

function roundsOf(adopted: Adopted | null): JobRounds {
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
    nodes: [],
  }
  const owner = { spawn: () => ({ control: () => {} }) } as unknown as JobRoundsOwner
  return new JobRounds('run', plan, snapshots, adopted, owner)
}

t.test(
  'of a run that was adopted nobody knows which savepoints name what it has prepared',
  async (t) => {
    t.notOk(roundsOf(null).mayBeStored)
    t.ok(roundsOf(ADOPTED).mayBeStored)
  },
)
