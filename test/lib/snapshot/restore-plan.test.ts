/** What each subtask of a plan goes on from, where the plan is no longer that of the snapshot. */
import t from 'tap'
import { planGraph } from '../../../lib/graph/planner.js'
import { subtasksOf } from '../../../lib/graph/subtasks.js'
import { type Flow, keyBy, map, mergeMap, pipeline, rebalance, scan } from '../../../lib/index.js'
import { buildManifest } from '../../../lib/snapshot/build-manifest.js'
import type { Round } from '../../../lib/snapshot/checkpoint.js'
import type { OperatorSnapshot, SubtaskPhase } from '../../../lib/snapshot/manifest.js'
import { reportRestore, restoreOrders } from '../../../lib/snapshot/restore-plan.js'
import { lines, sink } from '../../support/fake-parts.js'
import { manifestOf, operatorOf, subtaskOf } from '../../support/snapshots.js'

const ROUND: Round = {
  round: 1,
  kind: 'checkpoint',
  request: null,
  phase: 'Committing',
  isUnaligned: false,
  startedMs: 0,
  awaited: new Set(),
  acks: new Map(),
}
const FACTS = {
  run: 'run-1',
  mode: 'aligned' as const,
  startedMs: 0,
  durationMs: 1,
  forkOf: null,
  unassigned: new Map(),
  former: null,
}

/** Subtasks that do nothing more, in a plan `lines → first ⇢ second` of these parallelisms. */
function endedIn(
  [first, second]: readonly [number, number],
  phases: Readonly<Record<string, readonly SubtaskPhase[]>>,
  maxParallelism = 128,
): readonly string[] {
  const { graph } = pipeline('sales', (flow) => {
    flow
      .from(lines('a'), { name: 'lines', parallelism: first })
      .pipe(
        map((line: string) => line, { name: 'first', parallelism: first }),
        rebalance(),
        map((line: string) => line, { name: 'second', parallelism: second }),
      )
      .to(sink(), { name: 'sink', parallelism: second })
  }).compose()
  const plan = planGraph(graph, { parallelism: 1, maxParallelism })
  const names = graph.nodes.map(({ name, kind, role, traits }) => ({ name, kind, role, traits }))
  const operators = Object.entries(phases).map(([name, all]) =>
    operatorOf(name, ...all.map((phase) => ({ ...subtaskOf(), phase }))),
  )
  const orders = restoreOrders(manifestOf(1, ...operators), plan, names, subtasksOf(plan))
  return [...orders].filter(([, order]) => order.hasEnded).map(([name]) => name)
}

const both = (phases: readonly SubtaskPhase[], names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, phases]))

t.test('what had ended has nothing left to do', async (t) => {
  const first = both(['ended', 'running'], ['lines', 'first'])
  const second = both(['running'], ['second', 'sink'])
  t.same(endedIn([2, 1], { ...first, ...second }), ['0:0'])
})

t.test('but where what feeds it goes on, it goes on', async (t) => {
  // Then they were one chain: the second half of it knew no more than the first.
  const phases = both(['ended', 'running'], ['lines', 'first', 'second', 'sink'])
  t.same(endedIn([1, 2], phases), [])
  t.same(endedIn([2, 2], phases), ['0:0'])
})

t.test('nor has what may be given keys of others, since there are more key groups', async (t) => {
  const first = both(['ended', 'ended'], ['lines', 'first'])
  const second = both(['ended', 'running'], ['second', 'sink'])
  t.same(endedIn([2, 2], { ...first, ...second }), ['0:0', '0:1', '1:0'])
  t.same(endedIn([2, 2], { ...first, ...second }, 256), ['0:0', '0:1'])
})

t.test('all that had ended stays so, whatever the parallelism', async (t) => {
  const phases = both(['ended', 'finished'], ['lines', 'first', 'second', 'sink'])
  t.same(endedIn([1, 3], phases), ['0:0', '1:0', '1:1', '1:2'])
})

t.test('what is new has not ended, nor has what is behind it', async (t) => {
  const phases = both(['ended'], ['lines', 'second', 'sink'])
  t.same(endedIn([1, 1], phases), [])
})

t.test(
  'who reads a split is known to all that go on beside it with another parallelism',
  async (t) => {
    const ordersAt = (parallelism: number) => {
      const { graph } = pipeline('sales', (flow) => {
        flow
          .from(lines('a'), { name: 'lines', parallelism })
          .to(sink(), { name: 'sink', parallelism })
      }).compose()
      const names = graph.nodes.map(({ name, kind, role, traits }) => ({
        name,
        kind,
        role,
        traits,
      }))
      const reading = (...ids: readonly string[]) => ({
        ...subtaskOf(),
        splits: ids.map((id) => ({ id, data: {}, position: 1 })),
      })
      const manifest = manifestOf(1, operatorOf('lines', reading('a', 'b'), reading('c')))
      const plan = planGraph(graph, { parallelism: 1 })
      return [...restoreOrders(manifest, plan, names, subtasksOf(plan)).values()]
    }
    for (const { readers } of ordersAt(2)) t.same(readers, [], 'each goes on with its own')
    const three = ordersAt(3)
    t.equal(three.length, 3)
    for (const [index, { readers, steps }] of three.entries()) {
      t.same(new Map(readers), new Map(Object.entries({ a: 0, b: 1, c: 2 })))
      const own = steps[0]!.splits!.map(({ split }) => split.id)
      t.same(
        own,
        readers.filter(([, reader]) => reader === index).map(([id]) => id),
      )
    }
  },
)

/** What it expands is dealt by key, or each subtask's own where there are two in front. */
const expanding = (flow: Flow) =>
  flow.from(lines('a'), { name: 'lines' }).pipe(
    keyBy((line: string) => line, { name: 'key' }),
    mergeMap((line: string) => [line], { name: 'expand', parallelism: 2 }),
  )

t.test('what was in hand is dealt out where keys are brought together and were not', async (t) => {
  const { graph } = pipeline('sales', (flow) => {
    expanding(flow).to(sink(), { name: 'sink', parallelism: 2 })
  }).compose()
  const chunk = (id: string) => ({ id, sha256: '0'.repeat(64), bytes: 1, count: 1 })
  const had = [
    { ...subtaskOf(), phase: 'ended' as const, timeMs: 20 },
    { ...subtaskOf(chunk('rows')), timeMs: 10 },
  ]
  const stepsAt = (parallelism: number, expand: Partial<OperatorSnapshot>, subtasks = had) => {
    const plan = planGraph(graph, { parallelism })
    const ended = Array.from({ length: 2 }, () => ({ ...subtaskOf(), phase: 'ended' as const }))
    const manifest = manifestOf(
      1,
      operatorOf('lines', ...ended),
      operatorOf('key', ...ended),
      { ...operatorOf('expand', ...subtasks), keeps: 'records in hand', ...expand },
      operatorOf(
        'sink',
        ...subtasks.map(({ phase, timeMs }) => ({ ...subtaskOf(), phase, timeMs })),
      ),
    )
    const orders = restoreOrders(manifest, plan, graph.nodes, subtasksOf(plan))
    const { id, steps } = plan.chains.find(({ steps: all }) =>
      all.some(({ node }) => graph.nodes[node]!.name === 'expand'),
    )!
    const at = steps.findIndex(({ node }) => graph.nodes[node]!.name === 'expand')
    return [0, 1].map((index) => {
      const { hasEnded, steps: all } = orders.get(`${id}:${index}`)!
      const { former, dealsAnew } = all[at]!
      const timesMs = all.slice(at).map(({ timeMs }) => timeMs)
      return { hasEnded, from: former.map(({ subtask }) => subtask), dealsAnew, timesMs }
    })
  }
  const anew = { hasEnded: false, from: [1], dealsAnew: true, timesMs: [10, 10] }
  t.same(stepsAt(3, {}), [anew, anew], 'who had ended may have to go on with it')
  const own = [
    { hasEnded: true, from: [], dealsAnew: false, timesMs: [null, null] },
    { hasEnded: false, from: [1], dealsAnew: false, timesMs: [10, 10] },
  ]
  t.same(stepsAt(3, { ownsKeys: true }), own, 'they were together: each has its own')
  t.same(stepsAt(2, {}), own, 'they are not brought together')
  const idle = had.map((subtask) => ({ ...subtask, chunks: [] }))
  t.same(
    stepsAt(3, {}, idle).map(({ hasEnded }) => hasEnded),
    [true, false],
    'nothing was in hand',
  )
})

t.test('a manifest says of whom keys were together, and of nothing that keeps more', (t) => {
  const { graph } = pipeline('sales', (flow) => {
    expanding(flow)
      .pipe(
        scan((n: number) => n + 1, 0, { name: 'counts' }),
        map(([line]: readonly [string, number]) => line, { name: 'lines again' }),
      )
      .to(sink(), { name: 'sink' })
  }).compose()
  const owningAt = (parallelism: number) => {
    const plan = planGraph(graph, { parallelism })
    const manifest = buildManifest(plan, ROUND, { ...FACTS, nodes: graph.nodes })
    return manifest.operators.filter(({ ownsKeys }) => ownsKeys === true).map(({ name }) => name)
  }
  t.same(owningAt(3), ['expand'])
  t.same(owningAt(2), [])
  t.end()
})

t.test(
  'a report names what holds anything, and of the operators without state those with records in hand',
  async (t) => {
    const { graph } = pipeline('sales', (flow) => {
      flow
        .from(lines('a'), { name: 'lines' })
        .pipe(
          map((line: string) => line, { name: 'busy' }),
          map((line: string) => line, { name: 'idle' }),
          map((line: string) => line, { name: 'fresh' }),
          scan((n: number) => n + 1, 0, { name: 'counts' }),
          scan((n: number) => n + 1, 0, { name: 'tallies' }),
        )
        .to(sink(), { name: 'sink' })
    }).compose()
    const plan = planGraph(graph, { parallelism: 1 })
    const chunk = { id: 'c', sha256: '0'.repeat(64), bytes: 1, count: 1 }
    const manifest = manifestOf(
      1,
      ...['lines', 'idle', 'counts', 'sink', 'filtered'].map((name) =>
        operatorOf(name, subtaskOf()),
      ),
      operatorOf('busy', subtaskOf(chunk)),
      operatorOf('sums', subtaskOf(chunk)),
    )
    t.same(reportRestore(manifest, plan, graph.nodes), {
      kept: ['lines', 'busy', 'counts', 'sink'],
      added: ['tallies'],
      dropped: ['sums'],
    })
  },
)
