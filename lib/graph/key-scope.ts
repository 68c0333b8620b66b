/**
 * Where a stream is keyed. A key's scope begins at `keyBy` and ends at an operator that ends it, at
 * a partitioner, and where a keyed stream is merged with one that is not. Side outputs have no key.
 * An operator with several inputs stands behind keys when all its main inputs do; broadcast inputs
 * do not count.
 */
import { type GraphEdge, type GraphNode, MAIN } from './graph.js'
import { inOrder } from './order.js'

export interface KeyScope {
  readonly keyedIn: boolean
  readonly keyedOut: boolean
  /** Main inputs without a key, of an operator of which others have one: it cannot work like that. */
  readonly unkeyedInputs: readonly number[]
}

/** By node id. */
export function keyScopes(
  nodes: readonly GraphNode[],
  edges: readonly GraphEdge[],
): ReadonlyMap<number, KeyScope> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const scopes = new Map<number, KeyScope>()
  for (const id of inOrder([...byId.keys()], edges)) {
    const node = byId.get(id)!
    const inputs = edges.filter((edge) => edge.to === id && isMainInput(node, edge.input))
    const unkeyed = inputs.filter(
      (edge) => edge.output !== MAIN || !scopes.get(edge.from)!.keyedOut,
    )
    const keyedIn = inputs.length > 0 && unkeyed.length === 0
    const mixed = hasSeveralInputs(node) && unkeyed.length < inputs.length
    scopes.set(id, {
      keyedIn,
      keyedOut: isKeyedBehind(node, keyedIn),
      unkeyedInputs: mixed ? unkeyed.map((edge) => edge.input) : [],
    })
  }
  return scopes
}

export const hasSeveralInputs = ({ traits }: GraphNode): boolean =>
  traits.inputs !== undefined && traits.inputs.length > 1

/** False for a `broadcast` input. */
export const isMainInput = ({ traits }: GraphNode, input: number): boolean =>
  traits.inputs === undefined || traits.inputs[input] === 'main'

function isKeyedBehind(node: GraphNode, keyedIn: boolean): boolean {
  if (node.role === 'partition' || node.role === 'source') return false
  if (node.traits.keyAfter === 'set') return true
  return keyedIn && node.traits.keyAfter === 'kept'
}

/**
 * True where an operator needs to see all records: of its key, so that it stands behind the
 * exchange; or, when there is no key, of the whole stream, so that it runs in one subtask.
 * What may not be keyed keeps what it keeps per subtask, unless it depends on the order of the whole stream.
 */
export const seesAll = ({ traits }: Pick<GraphNode, 'traits'>): boolean =>
  traits.orderSensitive ||
  (traits.key !== 'forbidden' &&
    (traits.key === 'required' || traits.speaksAtEnd || traits.stateful))

/**
 * As `seesAll`, where there is no key. What every subtask is told by a broadcast input it knows
 * everywhere, so that state alone does not keep it in one place; nor does it where each subtask may see a part.
 */
export const seesWhole = (node: GraphNode): boolean => {
  const { orderSensitive, speaksAtEnd, inputs = [], wholeStream = true } = node.traits
  return (
    wholeStream && seesAll(node) && (orderSensitive || speaksAtEnd || !inputs.includes('broadcast'))
  )
}
