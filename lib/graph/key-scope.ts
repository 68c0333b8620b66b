/**
 * Where a stream is keyed. A key's scope begins at `keyBy` and ends at an operator that ends it, at
 * a partitioner, and where a keyed stream is merged with one that is not. Dead letters have no key.
 */
import { type GraphEdge, type GraphNode, MAIN } from './graph.js'
import { inOrder } from './order.js'

export interface KeyScope {
  readonly keyedIn: boolean
  readonly keyedOut: boolean
}

/** By node id. */
export function keyScopes(
  nodes: readonly GraphNode[],
  edges: readonly GraphEdge[],
): ReadonlyMap<number, KeyScope> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const scopes = new Map<number, KeyScope>()
  for (const id of inOrder([...byId.keys()], edges)) {
    const inputs = edges.filter((edge) => edge.to === id)
    const keyedIn =
      inputs.length > 0 &&
      inputs.every((edge) => edge.output === MAIN && scopes.get(edge.from)!.keyedOut)
    scopes.set(id, { keyedIn, keyedOut: isKeyedBehind(byId.get(id)!, keyedIn) })
  }
  return scopes
}

function isKeyedBehind(node: GraphNode, keyedIn: boolean): boolean {
  if (node.role === 'partition' || node.role === 'source') return false
  if (node.traits.keyAfter === 'set') return true
  return keyedIn && node.traits.keyAfter === 'kept'
}

/**
 * True where an operator needs to see all records: of its key, so that it stands behind the
 * exchange; or, when there is no key, of the whole stream, so that it runs in one subtask.
 * What may not be keyed keeps what it keeps per subtask.
 */
export const seesAll = ({ traits }: GraphNode): boolean =>
  traits.key !== 'forbidden' &&
  (traits.key === 'required' || traits.orderSensitive || traits.speaksAtEnd || traits.stateful)
