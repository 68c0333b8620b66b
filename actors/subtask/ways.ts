/**
 * What is known, along a chain, of the ways by which records came into it (`lib/operators/lanes.ts`).
 *
 * A chain that is fed by key has the ways of its keys, as far as they are kept; one that begins with a
 * source those of its splits, up to an operator that makes records of its own accord. Who deals records
 * out in turn has promised no order between them.
 */
import type { Chain, Plan, PlanEdge } from '../../lib/graph/plan.js'
import type { OperatorDefinition } from '../../lib/operators/operator.js'
import { isOvertaken } from './open-outlet.js'
import { runtimeOf, type SubtaskPlace } from './subtask-place.js'

/** Per step of the chain: the operator's key is the one by which records were brought into the subtask. */
export function ownedKeys(place: SubtaskPlace): readonly boolean[] {
  let owned = ownsAtHead(place, place.chain)
  return operatorsOf(place, place.chain).map((operator) => {
    const before = owned
    owned &&= keepsKey(operator)
    return before
  })
}

function ownsAtHead(place: SubtaskPlace, chain: Chain): boolean {
  const { plan } = place
  if (!chain.keyed || chain.inputs.length === 0) return false
  return edgesOf(plan, chain).every(({ from, partitioner: { kind } }) => {
    if (kind === 'hash' || kind === 'broadcast') return true
    // Subtask to subtask: what the sender owns.
    const sender = plan.chains[from]!
    return (
      kind === 'forward' &&
      ownsAtHead(place, sender) &&
      operatorsOf(place, sender).every((operator) => keepsKey(operator))
    )
  })
}

/**
 * True where all that expansions of the chain hold can be dealt out anew in its order, so that barriers may go
 * ahead of them.
 */
export function isDealable(place: SubtaskPlace): boolean {
  const { plan, chain } = place
  const edges = edgesOf(plan, chain)
  if (!edges.every((edge) => isOvertaken(plan, edge))) return false
  const readsSplits = edges.length === 0
  const isByKey = edges.some(({ partitioner }) => partitioner.kind === 'hash')
  let known = !isByKey || chain.keyed
  for (const operator of operatorsOf(place, chain)) {
    if (operator?.step?.kind === 'expand' && !known) return false
    if (isByKey) known &&= keepsKey(operator)
    if (readsSplits) known &&= keepsSplit(operator)
  }
  return true
}

const edgesOf = (plan: Plan, { inputs }: Chain): readonly PlanEdge[] =>
  inputs.map((id) => plan.edges[id]!)

/** Null for a source or a sink. */
const operatorsOf = (
  place: SubtaskPlace,
  { steps }: Chain,
): readonly (OperatorDefinition | null)[] =>
  steps.map((step) => {
    const runtime = runtimeOf(place, step)
    return runtime.role === 'operator' ? runtime.operator : null
  })

const keepsKey = (operator: OperatorDefinition | null): boolean =>
  operator === null || operator.traits.keyAfter === 'kept'

/** What sees the whole stream is in one subtask in every life. */
function keepsSplit(operator: OperatorDefinition | null): boolean {
  if (operator === null || operator.step !== undefined) return true
  const { stateful, orderSensitive, wholeStream, key } = operator.traits
  return orderSensitive || (!stateful && wholeStream !== false && key !== 'forbidden')
}
