/** Failover regions: chains connected by channels fail and restart together. */
import type { Graph } from './graph.js'
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
  return firsts.map((first, id) => {
    const members = chains.filter((chain) => regionOf[chain.id] === first)
    return {
      id,
      chains: members.map((chain) => chain.id),
      replays: members.every((chain) => replays(graph, chain)),
    }
  })
}

const replays = (graph: Graph, chain: Chain): boolean =>
  chain.steps.every(({ node: id }) => {
    const node = graph.nodes.find((candidate) => candidate.id === id)!
    return node.role !== 'source' || node.replays
  })
