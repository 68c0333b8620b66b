/** What a slot does while it reads the state of a region that is to open. */
import t, { type Test } from 'tap'
import { createLocalSlot } from '../../actors/job/local-slot.js'
import type { Slot, SlotEvent, SlotSetup } from '../../actors/worker/protocol.js'
import { systemClock } from '../../lib/base/clock.js'
import { blackhole } from '../../lib/connectors/blackhole.js'
import { collection } from '../../lib/connectors/collection.js'
import { pipeline } from '../../lib/flow/pipeline.js'
import { planGraph } from '../../lib/graph/planner.js'
import { subtaskName, subtasksOf } from '../../lib/graph/subtasks.js'
import { createCounterTable, createOperatorTable } from '../../lib/metrics/counters.js'
import { keyBy } from '../../lib/operators/key-by.js'
import { scan } from '../../lib/operators/scan.js'
import { refOf } from '../../lib/snapshot/chunk-ref.js'
import type { RestoreOrder } from '../../lib/snapshot/restore-plan.js'
import { createStateSnapshots } from '../../lib/snapshot/state-rounds.js'
import { createHeapState } from '../../lib/state/heap-state.js'

const counting = pipeline('counting', (flow) =>
  flow
    .from(collection([1, 2, 3]))
    .pipe(
      keyBy((n) => n),
      scan((count: number) => count + 1, 0, { name: 'counts' }),
    )
    .to(blackhole()),
)

/** A chunk that the operator could go on from. */
function chunkOf(operator: string) {
  const store = createHeapState(128)
  store.value<number>('count').set(0, 'a', 1)
  const snapshots = createStateSnapshots(store, operator)
  snapshots.begin(1, true)
  const [chunk] = [...snapshots.step(1_000)]
  return { bytes: chunk!.bytes, ref: refOf('run/1/1/0.0/0/0', chunk!.bytes, chunk!.count) }
}

const { bytes, ref } = chunkOf('counts')

async function slotOf(t: Test, read: () => Promise<Uint8Array | null>) {
  const composed = counting.compose()
  const plan = planGraph(composed.graph, { parallelism: 1 })
  const slot: Slot = createLocalSlot(0, { clock: systemClock, random: Math.random, watch: false })
  t.teardown(() => slot.commands.close())
  const events: SlotEvent[] = []
  slot.onEvent = (event) => events.push(event)
  slot.chunks = { put: async () => {}, get: read }
  const setup: SlotSetup = {
    run: 'run',
    job: 'counting-0a1b2c3d',
    slot: 0,
    slots: 1,
    plan,
    settings: {
      inletCredits: 2,
      floatingCredits: 8,
      freeze: false,
      accountIntervalMs: 0,
      hotKeys: false,
      snapshots: null,
      memoryBytesMax: 0,
      state: { backend: 'heap' },
    },
    counters: createCounterTable(subtasksOf(plan).length),
    operatorCounters: createOperatorTable(16),
  }
  await slot.commands.setUp(setup, { kind: 'pipeline', pipeline: counting })
  const orders = new Map<string, RestoreOrder>()
  for (const subtask of subtasksOf(plan)) {
    const { steps } = plan.chains[subtask.chain]!
    orders.set(subtaskName(subtask), {
      round: 1,
      formerMaxParallelism: plan.maxParallelism,
      readers: [],
      hasEnded: false,
      steps: steps.map(({ node }) => ({
        former:
          composed.graph.nodes[node]!.name === 'counts' ? [{ subtask: 0, chunks: [ref] }] : [],
        formerParallelism: 1,
        ownsKeys: false,
        dealsAnew: false,
        version: 1,
        splits: null,
        transactions: { own: [], all: [] },
        timeMs: null,
        flights: [],
      })),
    })
  }
  return { slot, events, orders }
}

t.test('a region that is aborted while its state is read is not opened', async (t) => {
  let give: (bytes: Uint8Array) => void = () => {}
  let asked: () => void = () => {}
  const reading = new Promise<void>((resolve) => {
    asked = resolve
  })
  const { slot, events, orders } = await slotOf(t, () => {
    asked()
    return new Promise((resolve) => {
      give = resolve
    })
  })
  const opened = slot.commands.open(0, 1, orders)
  opened.catch(() => {})
  await reading
  await slot.commands.abort(0, 1)
  const again = slot.commands.open(0, 2, null)
  give(bytes)
  await t.rejects(opened, { code: 'E_ABORTED' })
  await again
  await slot.commands.start(0, 2)
  t.same(
    events.filter(({ kind }) => kind === 'SubtaskFailed'),
    [],
  )
  await slot.commands.abort(0, 2)
})

t.test('a chunk that is not what was written fails the opening, and nobody else', async (t) => {
  const { slot, events, orders } = await slotOf(t, async () => bytes.map((byte) => byte ^ 1))
  await t.rejects(slot.commands.open(0, 1, orders), {
    code: 'E_SNAPSHOT_DAMAGED',
    details: { chunk: ref.id },
  })
  t.same(
    events.filter(({ kind }) => kind === 'SubtaskFailed'),
    [],
  )
  await slot.commands.open(0, 2, null)
})
