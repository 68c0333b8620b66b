import t from 'tap'
import { explainText } from '../../../lib/graph/explain.js'
import { fingerprint } from '../../../lib/graph/fingerprint.js'
import type { Graph } from '../../../lib/graph/graph.js'
import type { Plan } from '../../../lib/graph/plan.js'
import { planGraph } from '../../../lib/graph/planner.js'
import {
  count,
  type Flow,
  keyBy,
  map,
  merge,
  pipeline,
  rebalance,
  reduce,
  timestamps,
} from '../../../lib/index.js'
import { lines, sink, source, together } from '../../support/fake-parts.js'

const graphOf = (build: (flow: Flow) => void): Graph => pipeline('job', build).compose().graph
const planOf = (parallelism: number, build: (flow: Flow) => void): Plan =>
  planGraph(graphOf(build), { parallelism })

/** Chains as `0×2 a → b`, edges as `0 hash 1`, with the number of the input behind a point. */
function shape(plan: Plan): string[] {
  const chains = plan.chains.map((chain) => `${chain.id}×${chain.parallelism} ${chain.name}`)
  const edges = plan.edges.map(
    ({ from, partitioner, to, input }) => `${from} ${partitioner.kind} ${to}.${input}`,
  )
  return [...chains, ...edges]
}

const byLine = () => keyBy((line: string) => line)

t.test('each edge knows the input it leads to, also through unions and partitioners', async (t) => {
  const build = (flow: Flow) => {
    const [a, b, c] = [flow.from(lines('a')), flow.from(lines('b')), flow.from(lines('c'))]
    a.pipe(together(['main', 'main'], [merge(b.pipe(rebalance()), c)])).to(sink())
  }
  t.same(shape(planOf(1, build)), [
    '0×1 lines(a)',
    '1×1 lines(b)',
    '2×1 lines(c)',
    '3×1 together → print',
    '0 forward 3.0',
    '1 forward 3.1',
    '2 forward 3.1',
  ])
  const { warnings, ...plan } = planOf(2, build)
  t.same(shape({ ...plan, warnings }).slice(3, 7), [
    '3×1 together → print',
    '0 global 3.0',
    '1 rebalance 3.1',
    '2 global 3.1',
  ])
  t.match(warnings, [
    /^together \(.*\) keeps state of the whole stream, so it runs at parallelism 1/,
  ])
})

t.test('inputs with keys are exchanged by key, whatever has set it', async (t) => {
  const plan = planOf(2, (flow) => {
    const a = flow.from(lines('a')).pipe(byLine())
    const b = flow.from(lines('b', { parallelism: 1 })).pipe(keyBy((line) => line.trim()))
    a.pipe(together(['main', 'main'], [b])).to(sink())
  })
  t.same(shape(plan), [
    '0×2 lines(a) → keyBy',
    '1×1 lines(b) → keyBy',
    '2×2 together → print',
    '0 hash 2.0',
    '1 hash 2.1',
  ])
  t.equal(plan.chains[2]!.keyed, true)
  t.same(plan.warnings, [])
})

t.test('a stream may be all inputs of one operator', async (t) => {
  const build = (flow: Flow) => {
    const a = flow.from(lines('a')).pipe(map((line) => line))
    a.pipe(together(['main', 'main'], [a])).to(sink())
  }
  t.same(shape(planOf(1, build)), [
    '0×1 lines(a) → map',
    '1×1 together → print',
    '0 forward 1.0',
    '0 forward 1.1',
  ])
})

t.test('a broadcast input goes whole to every subtask, and decides nothing', async (t) => {
  const build = (flow: Flow) => {
    const rules = flow.from(lines('rules', { parallelism: 1 })).pipe(byLine())
    const keyed = flow.from(lines('a')).pipe(byLine())
    keyed.pipe(together(['main', 'broadcast'], [rules])).to(sink('one'))
    const open = flow.from(lines('b'))
    open.pipe(together(['main', 'broadcast'], [rules.pipe(rebalance())])).to(sink('two'))
  }
  const plan = planOf(2, build)
  t.same(shape(plan), [
    '0×1 lines(rules) → keyBy',
    '1×2 lines(a) → keyBy',
    '2×2 together → one',
    '3×2 lines(b)',
    '4×2 together → two',
    '1 hash 2.0',
    '0 broadcast 2.1',
    '3 forward 4.0',
    '0 broadcast 4.1',
  ])
  t.same([plan.chains[2]!.keyed, plan.chains[4]!.keyed], [true, false])
  t.same(plan.warnings, [], 'what every subtask is told keeps nothing in one place')
})

t.test(
  'keys on some inputs only are refused, and the message names the inputs without',
  async (t) => {
    const build = (flow: Flow) => {
      const a = flow.from(lines('a'))
      a.pipe(
        byLine(),
        together(['main', 'main', 'broadcast', 'main'], [a.pipe(byLine()), a, a.pipe(map(String))]),
      ).to(sink())
    }
    t.throws(() => graphOf(build), {
      code: 'E_NOT_CO_KEYED',
      message:
        /^pipeline 'job': together \(.*several-inputs\.test\.ts:\d+:\d+\) needs a key on all of its inputs or on none, but input 4, map \(.*several-inputs\.test\.ts:\d+:\d+\), has none: put keyBy/,
    })
  },
)

t.test('the number of an input is part of the fingerprint', async (t) => {
  const build = (turned: boolean) => (flow: Flow) => {
    const [a, b] = [flow.from(lines('a')), flow.from(lines('b'))]
    const [first, second] = turned ? [b, a] : [a, b]
    first.pipe(together(['main', 'main'], [second], { stateful: false })).to(sink())
  }
  const [one, two] = [graphOf(build(false)), graphOf(build(true))]
  t.equal(fingerprint(one), fingerprint(graphOf(build(false))))
  t.not(fingerprint(one), fingerprint(two))
})

t.test('all inputs of an operator fail together', async (t) => {
  const { regions } = planOf(1, (flow) => {
    const [a, b] = [flow.from(lines('a')), flow.from(lines('b', { replays: false }))]
    a.pipe(together(['main', 'broadcast'], [b])).to(sink())
    flow.from(lines('c')).to(sink())
  })
  t.match(regions, [
    { chains: [0, 1, 2], replays: false },
    { chains: [3], replays: true },
  ])
})

t.test('explain numbers inputs from 1, where there are several', async (t) => {
  const build = (flow: Flow) => {
    const [a, b] = [flow.from(lines('a')), flow.from(lines('b'))]
    a.pipe(together(['main', 'main'], [b]))
      .pipe(count())
      .to(sink())
  }
  const graph = graphOf(build)
  const text = explainText(planGraph(graph, { parallelism: 1 }), graph)
  t.match(text, /── forward ──▶ \[2\] input 1 {2}1 channel\n/)
  t.match(text, /── forward ──▶ \[2\] input 2 {2}1 channel\n/)
})

t.test(
  'a stream ends with all inputs, with any, or with the first, as its operator says',
  async (t) => {
    const ends = (endsWith: 'all' | 'any' | 'first', endlessInput: number) => (flow: Flow) => {
      const from = (i: number) => flow.from(source(`s${i}`, { bounded: i !== endlessInput }))
      const streams = [from(0).pipe(map(String)), from(1).pipe(map(String))]
      streams[0]!
        .pipe(together(['main', 'main'], [streams[1]!], { stateful: true, endsWith }))
        .pipe(reduce((all, line) => all + line, ''))
        .to(sink())
    }
    t.throws(() => graphOf(ends('all', 0)), { code: 'E_NEVER_SPEAKS' })
    t.throws(() => graphOf(ends('all', 1)), { code: 'E_NEVER_SPEAKS' })
    t.throws(() => graphOf(ends('first', 0)), { code: 'E_NEVER_SPEAKS' })
    graphOf(ends('first', 1))
    graphOf(ends('any', 0))
    graphOf(ends('any', 1))
  },
)

t.test('what has no event time beside inputs that have holds no watermark back', async (t) => {
  const holding = (plan: Plan) => plan.edges.map(({ holdsTime }) => holdsTime)
  const build = (timeOf: 'main' | 'first' | 'all', inputs: readonly ('main' | 'broadcast')[]) =>
    planOf(1, (flow) => {
      const bids = flow.from(lines('bids')).pipe(timestamps((line) => line.length))
      const rules = flow.from(lines('rules'))
      bids.pipe(together(inputs, [rules], { timeOf })).to(sink())
    })
  t.same(holding(build('main', ['main', 'broadcast'])), [true, false])
  t.same(holding(build('first', ['main', 'main'])), [true, false])
  t.same(holding(build('main', ['main', 'main'])), [true, true], 'the result has no event time')
  t.same(holding(build('all', ['main', 'broadcast'])), [true, true])
})
