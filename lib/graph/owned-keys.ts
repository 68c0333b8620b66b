/**
 * Where all that is of one key is brought into one subtask: behind an exchange by key, as far as the key is kept.
 *
 * How an operator is fed may change though its own parallelism does not: with that of what stands in front of it,
 * an exchange comes or goes.
 */
import type { OperatorTraits } from '../operators/operator.js'
import type { Chain, Plan, PlanEdge } from './plan.js'

/** What is to be known of a node of the graph. */
export interface KeyingNode {
  readonly traits: Pick<OperatorTraits, 'keyAfter'>
}

/** Per step of the chain: the operator's key is the one by which records were brought into the subtask. `nodes`: by id. */
export function ownedKeys(
  plan: Plan,
  nodes: readonly KeyingNode[],
  chain: Chain,
): readonly boolean[] {
  let owned = ownsAtHead(plan, nodes, chain)
  return chain.steps.map(({ node }) => {
    const before = owned
    owned &&= keepsKey(nodes[node]!)
    return before
  })
}

function ownsAtHead(plan: Plan, nodes: readonly KeyingNode[], chain: Chain): boolean {
  if (!chain.keyed || chain.inputs.length === 0) return false
  return edgesInto(plan, chain).every(({ from, partitioner: { kind } }) => {
    if (kind === 'hash' || kind === 'broadcast') return true
    // Subtask to subtask: what the sender owns.
    const sender = plan.chains[from]!
    return (
      kind === 'forward' &&
      ownsAtHead(plan, nodes, sender) &&
      sender.steps.every(({ node }) => keepsKey(nodes[node]!))
    )
  })
}

export const edgesInto = (plan: Plan, { inputs }: Chain): readonly PlanEdge[] =>
  inputs.map((id) => plan.edges[id]!)

export const keepsKey = ({ traits }: KeyingNode): boolean => traits.keyAfter === 'kept'
