/**
 * The weakest guarantee on a plan, with its reason.
 *
 * Without checkpoints a failure restarts a region from the beginning of its sources: at best every record
 * is processed at least once. With them it goes on from the last one: state holds each record exactly
 * once, and so does output where every sink can withdraw or hold back what it wrote since. Where a
 * source cannot be read again there is no restart: the job fails, or, if `best-effort` was demanded,
 * goes on without what was lost.
 */
import type { Graph, GraphNode, Guarantee } from './graph.js'
import { placed } from './problem.js'

export interface Weakest {
  readonly guarantee: Guarantee
  readonly weakest: string | null
}

/** What checkpoints a run takes; null: none. */
export type Checkpoints = 'exactly-once' | 'at-least-once' | null

export function weakestOf(graph: Graph, checkpoints: Checkpoints = null): Weakest {
  const lost = graph.nodes.filter((node) => node.role === 'source' && !node.replays)
  const bestEffort = graph.options.guarantee === 'best-effort'
  if (lost.length > 0) {
    const then =
      bestEffort || lost.every((source) => source.restarts)
        ? 'what it had delivered before a failure is lost'
        : 'nothing can be recovered: after a failure the job fails'
    return { guarantee: 'best-effort', weakest: `${listed(lost)} cannot be read again; ${then}` }
  }
  if (bestEffort) {
    const weakest =
      'a subtask that fails is replaced by itself: its state, and what it had not finished, is lost'
    return { guarantee: 'best-effort', weakest }
  }
  const sinks = graph.nodes.filter((node) => node.role === 'sink' && !node.replays)
  if (checkpoints === 'exactly-once') {
    const rx = graph.nodes.filter((node) => node.role === 'operator' && !node.replays)
    if (rx.length > 0) {
      return {
        guarantee: 'best-effort',
        weakest: `what ${listed(rx)} holds is in no checkpoint, and lost with a restart`,
      }
    }
    if (sinks.length === 0) return { guarantee: 'exactly-once', weakest: null }
    const weakest = `after a failure ${listed(sinks)} repeats what it wrote since the last checkpoint`
    return { guarantee: 'at-least-once', weakest }
  }
  if (checkpoints === 'at-least-once') {
    const weakest =
      'barriers are not aligned: what overtakes one is processed again after a failure'
    return { guarantee: 'at-least-once', weakest }
  }
  const again = 'without checkpoints a restart begins at the beginning of the sources'
  const repeats = sinks.length === 0 ? '' : `, and ${listed(sinks)} then repeats its output`
  return { guarantee: 'at-least-once', weakest: `${again}${repeats}` }
}

const listed = (nodes: readonly GraphNode[]): string => nodes.map(placed).join(' and ')
