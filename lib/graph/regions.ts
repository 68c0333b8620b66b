/** Failover regions: chains connected by channels fail and restart together. */
import type { Graph, GraphNode } from './graph.js'
import type { Chain, PlanEdge, Region } from './plan.js'

export function regionsOf(
  graph: Graph,
  chains: readonly Chain[],
  edges: readonly PlanEdge[],
): readonly Region[] {
  const regionOf = chains.map((chain) => chain.id)
  for (const { from, to } of edges) {
    const [kept, merged] = [regionOf[from]!, regionOf[to]!].sort((a, b) => a - b)
    regionOf.forEach((region, chain) => {
      if (region === merged) regionOf[chain] = kept!
    })
  }
  const firsts = [...new Set(regionOf)]
  const bestEffort = graph.options.guarantee === 'best-effort'
  return firsts.map((first, id) => {
    const members = chains.filter((chain) => regionOf[chain.id] === first)
    const sources = members.flatMap((chain) => sourcesOf(graph, chain))
    const unrepeatable = bestEffort
      ? []
      : sources.filter((source) => !source.restarts).map(({ name }) => name)
    return {
      id,
      chains: members.map((chain) => chain.id),
      replays: sources.every((source) => source.replays),
      restarts: unrepeatable.length === 0,
      unrepeatable,
    }
  })
}

const sourcesOf = (graph: Graph, chain: Chain): readonly GraphNode[] =>
  graph.nodes.filter(
    (node) => node.role === 'source' && chain.steps.some((step) => step.node === node.id),
  )
