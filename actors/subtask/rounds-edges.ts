/** The edges of a subtask's chain, as its rounds see them: what is stored of records that are on them. */
import { assert } from '../../lib/base/assert.js'
import type { KeySelector } from '../../lib/channel/inlet.js'
import type { PlanEdge } from '../../lib/graph/plan.js'
import type { FlightDeal, FlightHead } from '../../lib/snapshot/flight-chunk.js'
import type { SubtaskPlace } from './subtask-place.js'
import type { RoundsEdges } from './subtask-rounds.js'

export function roundsEdges(place: SubtaskPlace): RoundsEdges {
  const { plan, chain } = place
  const selectors = selectorsOf(place)
  const heads = new Map<string, FlightHead>()
  const headLike = (head: FlightHead): FlightHead => {
    const name = `${head.to} ${head.input} ${head.deal}`
    const known = heads.get(name) ?? head
    heads.set(name, known)
    return known
  }
  return {
    chain: chain.name,
    headOf(edge, to) {
      const { input, partitioner } = plan.edges[edge]!
      return headLike({ to, input, deal: dealOf(partitioner.kind) })
    },
    headLike,
    selectorOf: (edge) => selectors.get(edge) ?? null,
  }
}

/** By edge into the chain, where the keys do not travel. */
export function selectorsOf({ plan, chain, composed }: SubtaskPlace): Map<number, KeySelector> {
  const selectors = new Map<number, KeySelector>()
  for (const { id, partitioner } of chain.inputs.map((id) => plan.edges[id]!)) {
    if (partitioner.kind !== 'hash' || partitioner.key !== 'derived') continue
    const by = composed.runtime.get(partitioner.by)
    assert(by?.role === 'operator' && by.operator.kind === 'keyBy', 'keys come from keyBy')
    // Its only function; a test kit may have taken it out of its fused run.
    selectors.set(id, by.operator.functions[0] as KeySelector)
  }
  return selectors
}

function dealOf(kind: PlanEdge['partitioner']['kind']): FlightDeal {
  if (kind === 'hash') return 'group'
  return kind === 'global' ? 'first' : 'any'
}
