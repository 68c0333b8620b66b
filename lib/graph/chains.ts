/**
 * Fuses units into chains. A link is fused when it goes forward on the main output, is the only one
 * at both of its ends (dead letters apart), keeps the key, and the consumer does not ask for a new chain. Equal parallelism follows
 * from forward. An operator with several inputs begins a chain: only an inlet tells inputs apart, also
 * where all of them are the same stream. All other links become edges of the plan.
 */
import { DEAD_LETTERS, MAIN } from './graph.js'
import { hasSeveralInputs } from './key-scope.js'
import type { Layout } from './layout.js'
import type { Chain, PlanEdge } from './plan.js'
import type { Unit, UnitLink } from './units.js'

export interface Chains {
  readonly chains: readonly Chain[]
  readonly edges: readonly PlanEdge[]
}

export function fuse({ units, links }: Layout): Chains {
  const fused = links.filter((link) => isFused(link, units, links))
  const next = new Map(fused.map((link) => [link.from, link.to]))
  const inner = new Set(next.values())
  const runs = units.filter((unit) => !inner.has(unit.id)).map((head) => runFrom(head, units, next))
  const chainOf = new Map(runs.flatMap((run, chain) => run.map((unit) => [unit.id, chain])))
  const edges = distinctEdges(
    links.filter((link) => !fused.includes(link)),
    chainOf,
  )
  return { chains: runs.map((run, id) => chainFrom(id, run, edges)), edges }
}

function isFused(link: UnitLink, units: readonly Unit[], links: readonly UnitLink[]): boolean {
  if (link.output !== MAIN || link.partitioner.kind !== 'forward') return false
  if (link.dropsKey || hasSeveralInputs(units[link.to]!.node)) return false
  // A side output has the end of its operator's stream, whatever ends behind it: so it ends a chain.
  const outgoing = links.filter(
    (other) => other.from === link.from && other.output !== DEAD_LETTERS,
  )
  const incoming = links.filter((other) => other.to === link.to)
  return outgoing.length === 1 && incoming.length === 1 && !units[link.to]!.startsChain
}

function runFrom(head: Unit, units: readonly Unit[], next: ReadonlyMap<number, number>): Unit[] {
  const run = [head]
  for (let id = next.get(head.id); id !== undefined; id = next.get(id)) run.push(units[id]!)
  return run
}

/** Dead letters of all units of a chain leave it by one edge per consumer. */
function distinctEdges(
  links: readonly UnitLink[],
  chainOf: ReadonlyMap<number, number>,
): readonly PlanEdge[] {
  const edges: PlanEdge[] = []
  for (const link of links) {
    const { output, input, holdsTime, partitioner } = link
    const [from, to] = [chainOf.get(link.from)!, chainOf.get(link.to)!]
    const edge = { from, output, to, input, holdsTime, partitioner }
    const shared = output === DEAD_LETTERS && edges.some((other) => isSame(other, edge))
    if (!shared) edges.push({ id: edges.length, ...edge })
  }
  return edges
}

const isSame = (a: Omit<PlanEdge, 'id'>, b: Omit<PlanEdge, 'id'>) =>
  a.from === b.from && a.to === b.to && a.input === b.input && a.output === b.output

function chainFrom(id: number, run: readonly Unit[], edges: readonly PlanEdge[]): Chain {
  return {
    id,
    name: run.map(unitLabel).join(' → '),
    steps: run.map((unit) => ({ node: unit.node.id, half: unit.half })),
    parallelism: run[0]!.parallelism,
    keyed: run[0]!.keyed,
    inputs: edges.filter((edge) => edge.to === id).map((edge) => edge.id),
    outputs: edges.filter((edge) => edge.from === id).map((edge) => edge.id),
  }
}

const unitLabel = ({ node, half }: Unit) =>
  half === 'whole' ? node.label : `${node.label} (${half})`
