import fc from 'fast-check'
import { identity } from 'rxjs'
import t from 'tap'
import { explainJson, explainText } from '../../../lib/graph/explain.js'
import type { Graph } from '../../../lib/graph/graph.js'
import { isMainInput, keyScopes, seesAll } from '../../../lib/graph/key-scope.js'
import type { ChainStep, Plan } from '../../../lib/graph/plan.js'
import { type PlanOptions, planGraph } from '../../../lib/graph/planner.js'
import { channelsOf, slotOf, subtasksOf } from '../../../lib/graph/subtasks.js'
import {
  aggregate,
  broadcast,
  count,
  distinct,
  type Flow,
  filter,
  global,
  keyBy,
  map,
  merge,
  mergeMap,
  type PipelineOptions,
  partitionBy,
  pipeline,
  rebalance,
  reduce,
  rescale,
  rx,
  type Stream,
  scan,
  shuffle,
  take,
} from '../../../lib/index.js'
import { lines, sink, together } from '../../support/fake-parts.js'
import { testSeed } from '../../support/test-seed.js'

const graphOf = (build: (flow: Flow) => void, options: PipelineOptions = {}): Graph =>
  pipeline('job', build, options).compose().graph

/** Chains as `0×2 a → b`, edges as `0 hash 1`. */
function shape(plan: Plan): string[] {
  const chains = plan.chains.map((chain) => `${chain.id}×${chain.parallelism} ${chain.name}`)
  const edges = plan.edges.map(({ from, output, to, partitioner }) => {
    const key = partitioner.kind === 'hash' ? ` ${partitioner.key}` : ''
    return `${from} ${output === 'main' ? '' : `${output} `}${partitioner.kind}${key} ${to}`
  })
  return [...chains, ...edges]
}

const shapeOf = (parallelism: number, build: (flow: Flow) => void) =>
  shape(planGraph(graphOf(build), { parallelism }))

const words = (flow: Flow) =>
  flow.from(lines('a')).pipe(
    mergeMap((line) => line.split(' ')),
    keyBy((word) => word),
  )

t.test('an aggregate has a half before the exchange, also where nothing is exchanged', (t) => {
  const job = (flow: Flow) => words(flow).pipe(count()).to(sink())
  t.strictSame(shapeOf(1, job), [
    '0×1 lines(a) → mergeMap → keyBy → count (before) → count (behind) → print',
  ])
  t.strictSame(shapeOf(2, job), [
    '0×2 lines(a) → mergeMap → keyBy → count (before)',
    '1×2 count (behind) → print',
    '0 hash shipped 1',
  ])
  t.end()
})

t.test('an operator that only selects before the exchange has two halves as well', (t) => {
  const longest = {
    select: (word: string) => word.length,
    create: () => 0,
    add: (most: number, length: number) => Math.max(most, length),
  }
  const job = (flow: Flow) => words(flow).pipe(aggregate(longest)).to(sink())
  t.strictSame(shapeOf(1, job), [
    '0×1 lines(a) → mergeMap → keyBy → aggregate (before) → aggregate (behind) → print',
  ])
  t.strictSame(shapeOf(2, job), [
    '0×2 lines(a) → mergeMap → keyBy → aggregate (before)',
    '1×2 aggregate (behind) → print',
    '0 hash shipped 1',
  ])
  t.end()
})

t.test('where a partitioner ends the scope of a key, the chain ends as well', (t) => {
  const job = (flow: Flow) => words(flow).pipe(rebalance(), count()).to(sink())
  const plan = planGraph(graphOf(job), { parallelism: 1 })
  t.strictSame(shape(plan), [
    '0×1 lines(a) → mergeMap → keyBy',
    '1×1 count (before) → count (behind) → print',
    '0 forward 1',
  ])
  t.strictSame(
    plan.chains.map((chain) => chain.keyed),
    [false, false],
  )
  t.end()
})

t.test('the exchange comes as late as possible, and the key is derived right behind keyBy', (t) => {
  t.strictSame(
    shapeOf(2, (flow) =>
      words(flow)
        .pipe(
          map((word) => word.length),
          filter(() => true),
          scan((n) => n, 0),
        )
        .to(sink()),
    ),
    ['0×2 lines(a) → mergeMap → keyBy → map → filter', '1×2 scan → print', '0 hash shipped 1'],
  )
  t.strictSame(
    shapeOf(2, (flow) =>
      words(flow)
        .pipe(scan((n) => n, 0))
        .to(sink()),
    ),
    ['0×2 lines(a) → mergeMap → keyBy', '1×2 scan → print', '0 hash derived 1'],
  )
  t.strictSame(
    shapeOf(2, (flow) =>
      words(flow)
        .pipe(map((word) => word))
        .to(sink()),
    ),
    ['0×2 lines(a) → mergeMap → keyBy → map → print'],
    'nobody needs the keys together',
  )
  t.end()
})

t.test(
  'one exchange serves all operators of a key, and each change of parallelism is by key',
  (t) => {
    t.strictSame(
      shapeOf(2, (flow) => words(flow).pipe(distinct(), map(String), take(3), count()).to(sink())),
      [
        '0×2 lines(a) → mergeMap → keyBy',
        '1×2 distinct → map → take → count (before) → count (behind) → print',
        '0 hash derived 1',
      ],
    )
    t.strictSame(
      shapeOf(2, (flow) =>
        words(flow)
          .pipe(map(String, { parallelism: 3 }), distinct())
          .to(sink()),
      ),
      [
        '0×2 lines(a) → mergeMap → keyBy',
        '1×3 map',
        '2×2 distinct → print',
        '0 hash derived 1',
        '1 hash shipped 2',
      ],
    )
    t.strictSame(
      shapeOf(2, (flow) =>
        flow
          .from(lines('a', { parallelism: 1 }))
          .pipe(
            keyBy((line) => line),
            distinct(),
          )
          .to(sink()),
      ),
      ['0×1 lines(a) → keyBy', '1×2 distinct → print', '0 hash derived 1'],
      'keyBy stays with its input',
    )
    t.end()
  },
)

t.test('without a key, what sees the whole stream runs once, and says so', (t) => {
  const graph = graphOf((flow) =>
    flow
      .from(lines('a'))
      .pipe(
        filter(() => true),
        take(3),
        count(),
        map(String),
      )
      .to(sink()),
  )
  const plan = planGraph(graph, { parallelism: 2 })
  t.strictSame(shape(plan), [
    '0×2 lines(a) → filter',
    '1×1 take → count (before) → count (behind)',
    '2×2 map → print',
    '0 global 1',
    '1 rebalance 2',
  ])
  t.match(plan.warnings, [
    /^take \(.*\) depends on the order of the whole stream, so it runs at parallelism 1\. Behind keyBy\(…\) it works per key, in parallel\.$/,
  ])
  t.equal(plan.warnings.length, 1)
  t.strictSame(planGraph(graph, { parallelism: 1 }).warnings, [])
  t.strictSame(
    shapeOf(3, (flow) => flow.from(lines('a')).pipe(count()).to(sink())),
    ['0×3 lines(a) → count (before)', '1×1 count (behind) → print', '0 global 1'],
  )
  t.end()
})

t.test('partitioners dissolve into edges, and the last of several counts', (t) => {
  const parts = { rebalance, rescale, shuffle, broadcast }
  for (const [kind, part] of Object.entries(parts)) {
    const job = (flow: Flow) => flow.from(lines('a')).pipe(part(), map(String)).to(sink())
    t.strictSame(shapeOf(2, job), ['0×2 lines(a)', '1×2 map → print', `0 ${kind} 1`])
    t.strictSame(shapeOf(1, job), ['0×1 lines(a) → map → print'])
  }
  t.strictSame(
    shapeOf(2, (flow) => flow.from(lines('a')).pipe(global(), map(String)).to(sink())),
    ['0×2 lines(a)', '1×1 map → print', '0 global 1'],
  )
  const graph = graphOf((flow) =>
    flow
      .from(lines('a'))
      .pipe(
        shuffle(),
        partitionBy((line) => line.length),
      )
      .to(sink()),
  )
  const plan = planGraph(graph, { parallelism: 2 })
  t.strictSame(plan.edges[0]!.partitioner, { kind: 'custom', by: 2 })
  t.match(plan.warnings, [/^shuffle \(.*\) is followed by partitionBy \(.*\): only the last/])
  t.end()
})

t.test('a union dissolves, and a stream with several consumers ends its chain', (t) => {
  t.strictSame(
    shapeOf(2, (flow) => {
      const a = flow.from(lines('a'))
      const b = flow.from(lines('b', { parallelism: 1 }))
      const both = merge(a.pipe(map(String)), b.pipe(rescale()))
      both.to(sink('one'))
      both.pipe(filter(() => true, { chain: false })).to(sink('two', { parallelism: 1 }))
    }),
    [
      '0×2 lines(a) → map',
      '1×1 lines(b)',
      '2×2 one',
      '3×2 filter',
      '4×1 two',
      '0 forward 2',
      '1 rescale 2',
      '0 forward 3',
      '1 rescale 3',
      '3 global 4',
    ],
  )
  t.strictSame(
    shapeOf(1, (flow) =>
      flow
        .from(lines('a'))
        .pipe(
          map(String, { chain: false }),
          filter(() => true),
        )
        .to(sink()),
    ),
    ['0×1 lines(a)', '1×1 map → filter → print', '0 forward 1'],
  )
  t.strictSame(
    shapeOf(2, (flow) => {
      const [a, b] = [words(flow), flow.from(lines('b')).pipe(keyBy((line) => line))]
      merge(a, b).pipe(count()).to(sink())
    }),
    [
      '0×2 lines(a) → mergeMap → keyBy',
      '1×2 lines(b) → keyBy',
      '2×2 count (before)',
      '3×2 count (behind) → print',
      '0 forward 2',
      '1 forward 2',
      '2 hash shipped 3',
    ],
    'keyed streams stay keyed when merged',
  )
  t.end()
})

t.test('dead letters leave a chain by one edge, and an empty stream of them is left out', (t) => {
  const job = (onRecordError: 'deadLetter' | 'skip') =>
    graphOf(
      (flow) => {
        words(flow).pipe(count()).to(sink())
        flow
          .deadLetters()
          .pipe(map(String))
          .to(sink('letters', { parallelism: 1 }))
      },
      { onRecordError },
    )
  t.strictSame(shape(planGraph(job('deadLetter'), { parallelism: 2 })), [
    '0×2 lines(a) → mergeMap → keyBy → count (before)',
    '1×2 count (behind) → print',
    '2×2 map',
    '3×1 letters',
    '0 hash shipped 1',
    '0 dead-letters forward 2',
    '1 dead-letters forward 2',
    '2 global 3',
  ])
  const none = planGraph(job('skip'), { parallelism: 1 })
  t.equal(none.chains.length, 1)
  t.match(none.warnings, [/^flow\.deadLetters\(\) \(.*\) reads nothing/])
  t.end()
})

t.test('regions are what channels connect, and restart only where every source replays', (t) => {
  const plan = planGraph(
    graphOf((flow) => {
      flow.from(lines('a')).pipe(shuffle()).to(sink('one'))
      flow
        .from(lines('b', { replays: false }))
        .pipe(shuffle())
        .to(sink('two'))
    }),
    { parallelism: 2 },
  )
  t.strictSame(plan.regions, [
    { id: 0, chains: [0, 1], replays: true, restarts: true, unrepeatable: [] },
    { id: 1, chains: [2, 3], replays: false, restarts: false, unrepeatable: ['lines(b)'] },
  ])
  t.equal(plan.guarantee, 'best-effort')
  t.match(plan.weakest, /^lines\(b\) \(.*\) cannot be read again; nothing can be recovered/)
  t.end()
})

t.test(
  'the parallelism of the run goes before that of the pipeline, and that before the slots',
  (t) => {
    const build = (flow: Flow) => flow.from(lines('a')).to(sink())
    const graph = graphOf(build, { parallelism: 3, maxParallelism: 4 })
    const used = (options: PlanOptions) => planGraph(graph, options).chains[0]!.parallelism
    t.equal(used({}), 3)
    t.equal(used({ slots: 2 }), 3)
    t.equal(used({ parallelism: 1, slots: 2 }), 1)
    t.equal(planGraph(graphOf(build)).chains[0]!.parallelism, 1)
    t.equal(planGraph(graphOf(build), { slots: 2 }).chains[0]!.parallelism, 2)
    t.throws(() => used({ parallelism: 5 }), {
      code: 'E_PARALLELISM',
      message:
        "pipeline 'job': the run has parallelism 5, above maxParallelism 4: lower it, or raise maxParallelism in the pipeline's options.",
    })
    t.throws(() => used({ maxParallelism: 2 }), { code: 'E_PARALLELISM' })
    t.end()
  },
)

t.test('explain shows chains, halves, exchanges, places and the guarantee', (t) => {
  const graph = graphOf(
    (flow) => {
      words(flow)
        .pipe(
          count({ name: 'words' }),
          filter(() => true, { onRecordError: 'skip' }),
        )
        .to(sink('top', { parallelism: 1 }))
    },
    { guarantee: 'best-effort' },
  )
  const plan = planGraph(graph, { parallelism: 2 })
  const text = explainText(plan, graph)
    .replace(/\(\/[^\s)]*[/]/g, '(')
    .replace(/planner\.test\.[jt]s:\d+(:\d+)?/g, 'job.ts:N')
    .replace(/[0-9a-f]{12}$/m, 'FINGERPRINT')
  t.equal(
    text,
    `job: 3 chains, 5 subtasks, 1 region   FINGERPRINT

[0] ×2  lines(a) → mergeMap → keyBy → words (before)
    lines(a)  source                      job.ts:N
    mergeMap  fused loop                  job.ts:N
    keyBy     fused loop                  job.ts:N
    words     count, before the exchange  job.ts:N
    ── hash by keyBy (key shipped) ──▶ [1]  4 channels

[1] ×2  words (behind) → filter
    words   count, behind the exchange, keeps state  job.ts:N
    filter  fused loop, on error skip                job.ts:N
    ── global ──▶ [2]  2 channels

[2] ×1  top
    top  sink  job.ts:N

guarantee: best-effort
    a subtask that fails is replaced by itself: its state, and what it had not finished, is lost
`,
  )
  const json = explainJson(plan, graph)
  t.strictSame(JSON.parse(JSON.stringify(json)), json)
  t.match(json.chains[1]!.operators[0], { name: 'words', half: 'behind', at: /planner\.test/ })
  t.end()
})

t.test('explain leaves out what is not set, for people', (t) => {
  const graph = graphOf((flow) => words(flow).to(sink('out', { settings: { at: 7, by: null } })))
  const plan = planGraph(graph, { parallelism: 1 })
  t.match(explainText(plan, graph), /sink, at 7 +planner/)
  t.match(explainJson(plan, graph).chains.at(-1)?.operators.at(-1)?.settings, { at: 7, by: null })
  t.end()
})

t.test('channels: every receiver is fed and every sender heard, for all partitioners', (t) => {
  const pairs = (kind: 'rescale' | 'rebalance', senders: number, receivers: number) => {
    const chain = { id: 0, name: '', steps: [], keyed: false, inputs: [], outputs: [] }
    const chains = [
      { ...chain, parallelism: senders },
      { ...chain, id: 1, parallelism: receivers },
    ]
    const edge = {
      id: 0,
      from: 0,
      output: 'main',
      to: 1,
      input: 0,
      holdsTime: true,
      partitioner: { kind },
    }
    return channelsOf({ chains }, edge).map(({ from, to }) => `${from}>${to}`)
  }
  t.strictSame(pairs('rescale', 2, 4), ['0>0', '0>1', '1>2', '1>3'])
  t.strictSame(pairs('rescale', 4, 2), ['0>0', '1>0', '2>1', '3>1'])
  t.strictSame(pairs('rescale', 2, 3), ['0>0', '0>1', '1>2'])
  t.strictSame(pairs('rebalance', 2, 2), ['0>0', '0>1', '1>0', '1>1'])
  t.strictSame(
    [0, 1, 2, 3].map((index) => slotOf(index, 2)),
    [0, 1, 0, 1],
  )
  t.end()
})

// ---- laws of every plan ---------------------------------------------------------------------------

/** One step of composing a random pipeline: an operator on one or two of the streams so far. */
interface Move {
  readonly kind: number
  readonly on: number
  readonly with: number
  readonly parallelism: number | null
  readonly chain: boolean
}

const move: fc.Arbitrary<Move> = fc.record({
  kind: fc.nat(20),
  on: fc.nat(),
  with: fc.nat(),
  parallelism: fc.option(fc.integer({ min: 1, max: 4 }), { nil: null }),
  chain: fc.boolean(),
})

type Any = Stream<unknown>

function play(moves: readonly Move[]): Graph {
  return graphOf(
    (flow) => {
      const streams: Any[] = [flow.from(lines('first'))]
      const used = new Set<Any>()
      moves.forEach((step, index) => {
        const [on, other] = [
          streams[step.on % streams.length]!,
          streams[step.with % streams.length]!,
        ]
        const next = moved(flow, on, other, step, index)
        if (next === null) {
          used.add(on)
          return
        }
        const begins = step.kind === 15 || step.kind === 18
        if (!begins) used.add(on)
        if ([16, 19, 20].includes(step.kind)) used.add(other)
        if (!streams.includes(next)) streams.push(next)
      })
      for (const stream of streams) if (!used.has(stream)) stream.to(sink())
    },
    { onRecordError: 'skip' },
  )
}

function moved(flow: Flow, on: Any, other: Any, step: Move, index: number): Any | null {
  const options = {
    name: `n${index}`,
    chain: step.chain,
    ...(step.parallelism === null ? {} : { parallelism: step.parallelism }),
  }
  const single = { name: options.name, chain: step.chain }
  switch (step.kind) {
    case 0:
    case 1:
      return on.pipe(map((record) => record, options))
    case 2:
      return on.pipe(filter(() => true, { ...options, onRecordError: () => 'deadLetter' }))
    case 3:
    case 4:
    case 5:
      return on.pipe(keyBy((record) => record, options)) as unknown as Any
    case 6:
      return on.pipe(count(single))
    case 7:
      return on.pipe(reduce((total) => total, 0, single))
    case 8:
      return on.pipe(scan((total) => total, 0, single))
    case 9:
      return on.pipe(distinct(undefined, single))
    case 10:
      return on.pipe(rebalance())
    case 11:
      return on.pipe(rescale())
    case 12:
      return on.pipe(broadcast())
    case 13:
      return on.pipe(global())
    case 14:
      return on.pipe(rebalance(), rx(identity, options))
    case 15:
      return flow.deadLetters() as unknown as Any
    case 16:
      return merge(on, other)
    case 19:
      return on
        .pipe(keyBy((record) => record))
        .pipe(
          together(['main', 'main', 'broadcast'], [other.pipe(keyBy(String)), other], {}, options),
        )
    case 20:
      return on
        .pipe(rebalance())
        .pipe(
          together(['main', 'main'], [other.pipe(rebalance())], { orderSensitive: true }, single),
        )
    case 18:
      return flow.from(lines(`more${index}`, { parallelism: step.parallelism }))
    default:
      on.to(
        sink(`sink${index}`),
        step.parallelism === null ? {} : { parallelism: step.parallelism },
      )
      return null
  }
}

const game = fc.tuple(fc.array(move, { maxLength: 14 }), fc.integer({ min: 1, max: 4 }))
const SEED = testSeed(20_240_601)

const holds = (law: string, check: (graph: Graph, plan: Plan, parallelism: number) => void) =>
  t.test(`of every plan: ${law}`, (t) => {
    const property = fc.property(game, ([moves, parallelism]) => {
      const graph = play(moves)
      check(graph, planGraph(graph, { parallelism }), parallelism)
    })
    fc.assert(property, { seed: SEED, numRuns: 150 })
    t.pass(`seed ${SEED}`)
    t.end()
  })

const require = (law: string, condition: boolean) => {
  if (!condition) throw new Error(law)
}

holds('each node runs once, whole or in two halves', (graph, plan) => {
  const steps = plan.chains.flatMap((chain) => chain.steps)
  require('no step twice', new Set(steps.map((s) => `${s.node}${s.half}`)).size === steps.length)
  for (const node of graph.nodes) {
    const halves = steps.filter((step) => step.node === node.id).map((step) => step.half)
    const text = halves.sort().join('+')
    const allowed = ['partition', 'union'].includes(node.role)
      ? ['']
      : ['whole', 'before+behind', '']
    require(`${node.role} ${node.name} as '${text}'`, allowed.includes(text))
  }
})

holds('every subtask that is not a source is fed by every edge of its chain', (graph, plan) => {
  for (const chain of plan.chains) {
    const first = graph.nodes.find((node) => node.id === chain.steps[0]!.node)!
    require('only sources have no input', (first.role === 'source') === (chain.inputs.length === 0))
    for (const id of chain.inputs) {
      const channels = channelsOf(plan, plan.edges[id]!)
      const fed = new Set(channels.map((channel) => channel.to))
      const heard = new Set(channels.map((channel) => channel.from))
      require('every receiver', fed.size === chain.parallelism)
      require('every sender', heard.size === plan.chains[plan.edges[id]!.from]!.parallelism)
    }
  }
})

holds('regions divide the chains, and no edge leaves its region', (_, plan) => {
  const all = plan.regions.flatMap((region) => region.chains)
  require('each once', all.length === plan.chains.length && new Set(all).size === all.length)
  const regionOf = (chain: number) => plan.regions.find((region) => region.chains.includes(chain))
  for (const edge of plan.edges) require('inside', regionOf(edge.from) === regionOf(edge.to))
  require('subtasks', subtasksOf(plan).length ===
    plan.chains.reduce((n, c) => n + c.parallelism, 0))
})

holds('it does not depend on the order of nodes and edges', (graph, plan, parallelism) => {
  const turned = { ...graph, nodes: [...graph.nodes].reverse(), edges: [...graph.edges].reverse() }
  const again = JSON.stringify(planGraph(turned, { parallelism }))
  require('equal plans', again === JSON.stringify(plan))
})

holds(
  'what sees all of a key stands behind a hash edge, of a stream in one subtask',
  (graph, plan) => {
    const scopes = keyScopes(graph.nodes, graph.edges)
    for (const chain of plan.chains) {
      chain.steps.forEach((step, at) => {
        const node = graph.nodes.find((candidate) => candidate.id === step.node)!
        if (node.role !== 'operator' || step.half === 'before' || !seesAll(node)) return
        if (chain.parallelism === 1) return
        require(`${node.name} has a key`, scopes.get(node.id)!.keyedIn)
        require(`${node.name} is behind an exchange`, comesByKey(graph, plan, chain.id, at))
      })
    }
  },
)

/** Walks back from a step: does every way meet a hash edge before the `keyBy`? */
function comesByKey(graph: Graph, plan: Plan, chainId: number, at: number): boolean {
  const chain = plan.chains[chainId]!
  const setsKey = (step: ChainStep) =>
    graph.nodes.find((node) => node.id === step.node)!.traits.keyAfter === 'set'
  if (chain.steps.slice(0, at).some(setsKey)) return false
  return chain.inputs.every((id) => {
    const edge = plan.edges[id]!
    const head = graph.nodes.find((node) => node.id === chain.steps[0]!.node)!
    if (edge.partitioner.kind === 'hash' || !isMainInput(head, edge.input)) return true
    const sender = plan.chains[edge.from]!
    return (
      edge.partitioner.kind === 'forward' && comesByKey(graph, plan, sender.id, sender.steps.length)
    )
  })
}
