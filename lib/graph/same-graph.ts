/**
 * The determinism check: a job module must build the same graph in every thread and on every host,
 * because records are sent to operators by number.
 */
import { MillraceError } from '../base/errors.js'
import { canonicalJson } from './fingerprint.js'
import type { Graph, GraphEdge, GraphNode } from './graph.js'

const ADVICE =
  'A job module is evaluated in every worker and must build the same graph each time. Usual causes: ' +
  'Math.random(), the date, process.env, threadId or a counter where the pipeline is built. Compute such ' +
  'values before the job starts and pass them as arguments (--arg name=value).'

/**
 * Throws E_DIFFERENT_GRAPH unless `composed` has the fingerprint that was planned. With the planned
 * `graph` the message says which operator differs and in what.
 */
export function assertSameFingerprint(
  expected: string,
  built: { readonly graph: Graph; readonly fingerprint: string },
  graph: Graph | null = null,
): void {
  if (built.fingerprint === expected) return
  const difference = graph === null ? null : graphDifference(graph, built.graph)
  const what =
    difference ?? `fingerprint ${short(expected)} was planned, this is ${short(built.fingerprint)}`
  throw new MillraceError(
    'E_DIFFERENT_GRAPH',
    `The pipeline '${built.graph.pipeline}' was built differently than it was planned: ${what}. ${ADVICE}`,
    { details: { pipeline: built.graph.pipeline, expected, actual: built.fingerprint } },
  )
}

const short = (fingerprint: string) => fingerprint.slice(0, 12)

/** The first difference of two graphs as text; null where they are the same. Places do not count. */
export function graphDifference(planned: Graph, built: Graph): string | null {
  const own = (graph: Graph) => ({ pipeline: graph.pipeline, options: graph.options })
  return (
    differentNode(planned.nodes, built.nodes) ??
    differentEdge(planned.edges, built.edges) ??
    differentFields('the pipeline', own(planned), own(built))
  )
}

function differentNode(planned: readonly GraphNode[], built: readonly GraphNode[]): string | null {
  for (let i = 0; i < Math.max(planned.length, built.length); i++) {
    const [before, after] = [planned[i], built[i]]
    if (before === undefined) return `there is an additional ${placed(after!)}`
    if (after === undefined) return `${placed(before)} is missing`
    if (before.kind !== after.kind) return `${placed(before)} is now ${placed(after)}`
    const { at: _, ...own } = before
    const { at: __, ...other } = after
    const difference = differentFields(placed(before), own, other)
    if (difference !== null) return difference
  }
  return null
}

function differentEdge(planned: readonly GraphEdge[], built: readonly GraphEdge[]): string | null {
  const same = planned.length === built.length && canonicalJson(planned) === canonicalJson(built)
  return same ? null : 'its operators are connected in another way'
}

function differentFields(what: string, before: object, after: object): string | null {
  const fields = new Set([...Object.keys(before), ...Object.keys(after)])
  for (const field of fields) {
    const [was, is] = [read(before, field), read(after, field)]
    if (was === is) continue
    if (field === 'code') return `${what} was given other functions`
    return `${what} has ${field} ${is} instead of ${was}`
  }
  return null
}

const read = (from: object, field: string): string =>
  canonicalJson((from as Record<string, unknown>)[field]) ?? 'nothing'

const placed = ({ kind, name, at }: GraphNode): string =>
  `${kind === name ? kind : `${kind} '${name}'`} (${at})`
