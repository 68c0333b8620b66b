/** For which chains a barrier may go ahead of expansions, and whose keys an operator has. */
import t from 'tap'
import type { SubtaskPlace } from '../../actors/subtask/subtask-place.js'
import { isDealable } from '../../actors/subtask/ways.js'
import { ownedKeys } from '../../lib/graph/owned-keys.js'
import { planGraph } from '../../lib/graph/planner.js'
import {
  distinct,
  keyBy,
  map,
  mergeMap,
  type Pipeline,
  pipeline,
  rebalance,
  scan,
  take,
} from '../../lib/index.js'
import { lines, sink } from '../support/fake-parts.js'

type Flow = Parameters<Parameters<typeof pipeline>[1]>[0]

/** The chain that has the operator of that name, and its place there. */
function placeOf(composing: Pipeline, name: string, parallelism: number) {
  const composed = composing.compose()
  const { graph } = composed
  const plan = planGraph(graph, { parallelism })
  const isThere = ({ node }: { readonly node: number }) => graph.nodes[node]!.name === name
  const chain = plan.chains.find(({ steps }) => steps.some(isThere))!
  const place = { plan, chain, composed } as unknown as SubtaskPlace
  const at = chain.steps.findIndex(isThere)
  return { place, at, owned: ownedKeys(plan, graph.nodes, chain)[at]! }
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
    const { place, owned: isOwned } = placeOf(pipe, 'expand', 2)
    t.equal(isDealable(place), dealable)
    t.equal(isOwned, owned, 'owns its keys')
  })
}

for (const [where, build, dealable] of [
  ['keyBy', (flow: Flow) => from(flow).pipe(keyed, expand), true],
  ['keyed state', (flow: Flow) => from(flow).pipe(keyed, distinct(), expand), true],
  [
    'keyed state that has ended the key',
    (flow: Flow) =>
      from(flow).pipe(
        keyed,
        total,
        map(([line]: readonly [string, number]) => line),
        expand,
      ),
    false,
  ],
  [
    'keyed state and another key',
    (flow: Flow) => from(flow).pipe(keyed, take(9), keyed, expand),
    false,
  ],
  [
    'keyed state of two keys',
    (flow: Flow) => from(flow).pipe(keyed, take(9), keyed, distinct(), expand),
    true,
  ],
  ['state of the whole stream', (flow: Flow) => from(flow).pipe(distinct(), expand), true],
] as const) {
  t.test(
    `one subtask, an expansion behind ${where}: ${dealable ? 'stored' : 'waited for'}`,
    async (t) => {
      const pipe = pipeline('ways', (flow) => {
        build(flow).to(sink())
      })
      const { place, owned } = placeOf(pipe, 'expand', 1)
      t.equal(place.chain.inputs.length, 0, 'it is in the chain of its source')
      t.equal(isDealable(place), dealable)
      // Where it goes from there, the next life says.
      t.equal(owned, false)
      const next = placeOf(pipe, 'expand', 3)
      const hasExchange = next.place.chain.inputs.length > 0
      if (dealable && where.startsWith('keyed')) t.ok(hasExchange && next.owned)
    },
  )
}
