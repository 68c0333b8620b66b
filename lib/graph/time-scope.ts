/**
 * Where a stream has event time: behind `timestamps`, up to what loses it, and where all streams that
 * are put together have it. Side outputs have the time of the operator's input.
 */
import { DEAD_LETTERS, type GraphEdge, type GraphNode, MAIN } from './graph.js'
import { hasSeveralInputs, isMainInput } from './key-scope.js'
import { inOrder } from './order.js'

export interface TimeScope {
  readonly timedIn: boolean
  readonly timedOut: boolean
}

/** By node id. */
export function timeScopes(
  nodes: readonly GraphNode[],
  edges: readonly GraphEdge[],
): ReadonlyMap<number, TimeScope> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const scopes = new Map<number, TimeScope>()
  const isTimed = ({ from, output }: GraphEdge): boolean => {
    if (output === DEAD_LETTERS) return false
    const scope = scopes.get(from)!
    return output === MAIN ? scope.timedOut : scope.timedIn
  }
  for (const id of inOrder([...byId.keys()], edges)) {
    const node = byId.get(id)!
    const inputs = edges.filter((edge) => edge.to === id && isMainInput(node, edge.input))
    const timedIn = inputs.length > 0 && inputs.every(isTimed)
    scopes.set(id, { timedIn, timedOut: isTimedBehind(node, timedIn) })
  }
  return scopes
}

function isTimedBehind(node: GraphNode, timedIn: boolean): boolean {
  const { timeAfter = 'kept' } = node.traits
  if (timeAfter === 'kept') return timedIn
  return timeAfter === 'set'
}

/** The main inputs without event time, of an operator that needs it; they count from 0. */
export function untimedInputs(
  node: GraphNode,
  edges: readonly GraphEdge[],
  scopes: ReadonlyMap<number, TimeScope>,
): readonly number[] {
  if (!hasSeveralInputs(node)) return []
  const untimed = edges.filter(
    ({ from, to, input, output }) =>
      to === node.id &&
      isMainInput(node, input) &&
      !(output === MAIN ? scopes.get(from)!.timedOut : scopes.get(from)!.timedIn),
  )
  return [...new Set(untimed.map(({ input }) => input))]
}
