/** Order of a graph: every node behind all that it reads from, the smallest id first. */
import { assert } from '../base/assert.js'

interface Link {
  readonly from: number
  readonly to: number
}

/** Ids in topological order; independent of the order of its arguments. */
export function inOrder(ids: readonly number[], links: readonly Link[]): number[] {
  const waiting = new Map(ids.map((id) => [id, links.filter((link) => link.to === id).length]))
  const order: number[] = []
  for (;;) {
    const ready = [...waiting].filter(([, inputs]) => inputs === 0).map(([id]) => id)
    if (ready.length === 0) break
    const next = Math.min(...ready)
    waiting.delete(next)
    order.push(next)
    for (const { from, to } of links) {
      if (from === next) waiting.set(to, waiting.get(to)! - 1)
    }
  }
  assert(waiting.size === 0, 'a graph of streams has no cycle')
  return order
}

/** All ids that can be reached from `start`, without it unless it lies on a cycle. */
export function reachableFrom(start: number, links: readonly Link[]): ReadonlySet<number> {
  const reached = new Set<number>()
  const open = [start]
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const link of links) {
      if (link.from !== id || reached.has(link.to)) continue
      reached.add(link.to)
      open.push(link.to)
    }
  }
  return reached
}
