/** For which chains a barrier may go ahead of expansions, and whose keys an operator has. */
import t from 'tap'
import type { SubtaskPlace } from '../../actors/subtask/subtask-place.js'
import { isDealable, ownedKeys } from '../../actors/subtask/ways.js'
import { planGraph } from '../../lib/graph/planner.js'
import { keyBy, map, mergeMap, type Pipeline, pipeline, rebalance, scan } from '../../lib/index.js'
import { lines, sink } from '../support/fake-parts.js'

type Flow = Parameters<Parameters<typeof pipeline>[1]>[0]

/** The chain that has the operator of that name, and its place there. */
function placeOf(composing: Pipeline, name: string) {
  const composed = composing.compose()
  const { graph } = composed
  const plan = planGraph(graph, { parallelism: 2 })
  const isThere = ({ node }: { readonly node: number }) => graph.nodes[node]!.name === name
  const chain = plan.chains.find(({ steps }) => steps.some(isThere))!
  const place = { plan, chain, composed } as unknown as SubtaskPlace
  return { place, at: chain.steps.findIndex(isThere) }
}

const keyed = keyBy((line: string) => line)
const expand = mergeMap((line: string) => [line], { name: 'expand' })
const total = scan((sum: number) => sum + 1, 0, { name: 'total' })
// biome-ignore lint/suspicious/noExplicitAny: stages are joined in many ways.
const from = (flow: Flow): any => flow.from(lines('a'))

for (const [where, build, dealable, owned] of [
  ['behind a source', (flow: Flow) => from(flow).pipe(expand), true, false],
  ['behind a source and keyBy', (flow: Flow) => from(flow).pipe(keyed, expand), true, false],
  ['behind rebalance', (flow: Flow) => from(flow).pipe(rebalance(), expand), true, false],
  [
    'behind a keyed exchange',
    (flow: Flow) =>
      from(flow).pipe(
        keyed,
        mergeMap((line: string) => [line], { name: 'expand', parallelism: 3 }),
      ),
    true,
    true,
  ],
  [
    'behind what has ended the key',
    (flow: Flow) =>
      from(flow).pipe(
        keyed,
        total,
        map(([line]: readonly [string, number]) => line),
        expand,
      ),
    false,
    false,
  ],
  [
    'behind what has changed the key',
    (flow: Flow) =>
      from(flow).pipe(
        keyed,
        total,
        map(([line]: readonly [string, number]) => line),
        keyed,
        expand,
      ),
    false,
    false,
  ],
] as const) {
  t.test(`an expansion ${where}: ${dealable ? 'stored' : 'waited for'}`, async (t) => {
    const pipe = pipeline('ways', (flow) => {
      build(flow).to(sink())
    })
    const { place, at } = placeOf(pipe, 'expand')
    t.equal(isDealable(place), dealable)
    t.equal(ownedKeys(place)[at], owned, 'owns its keys')
  })
}
