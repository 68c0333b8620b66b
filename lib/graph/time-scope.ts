/**
 * Where a stream has event time: behind `timestamps`, up to what loses it, and where all streams that
 * are put together have it. Side outputs have the time of the operator's input, dead letters have none.
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
  for (const id of inOrder([...byId.keys()], edges)) {
    const node = byId.get(id)!
    const inputs = edges.filter((edge) => edge.to === id && givesTime(node, edge.input))
    const timedIn = inputs.length > 0 && inputs.every((edge) => isTimedOutput(edge, scopes))
    scopes.set(id, { timedIn, timedOut: isTimedBehind(node, timedIn) })
  }
  return scopes
}

/** Has what comes out there event time? */
export function isTimedOutput(
  { from, output }: Pick<GraphEdge, 'from' | 'output'>,
  scopes: ReadonlyMap<number, TimeScope>,
): boolean {
  if (output === DEAD_LETTERS) return false
  const scope = scopes.get(from)!
  return output === MAIN ? scope.timedOut : scope.timedIn
}

function givesTime(node: GraphNode, input: number): boolean {
  const { timeOf = 'main' } = node.traits
  return timeOf === 'all' || (timeOf === 'first' ? input === 0 : isMainInput(node, input))
}

function isTimedBehind(node: GraphNode, timedIn: boolean): boolean {
  const { timeAfter = 'kept' } = node.traits
  if (timeAfter === 'kept') return timedIn
  return timeAfter === 'set'
}

/** The inputs without event time, of an operator that needs it; they count from 0. */
export function untimedInputs(
  node: GraphNode,
  edges: readonly GraphEdge[],
  scopes: ReadonlyMap<number, TimeScope>,
): readonly number[] {
  if (!hasSeveralInputs(node)) return []
  const untimed = edges.filter(
    (edge) => edge.to === node.id && givesTime(node, edge.input) && !isTimedOutput(edge, scopes),
  )
  return [...new Set(untimed.map(({ input }) => input))]
}
