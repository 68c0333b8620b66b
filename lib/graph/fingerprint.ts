/**
 * The fingerprint: SHA-256 over a graph as canonical JSON. Two threads that evaluate a pipeline
 * module run the same graph exactly when their fingerprints are equal.
 *
 * Everything counts — names, kinds, settings, edges, options, the source text of the user's
 * functions — except where in the user's files it stands (`at`): a comment above a pipeline, or a
 * thread without source maps, makes no other graph.
 */
import { createHash } from 'node:crypto'
import type { Graph } from './graph.js'
import type { Plan } from './plan.js'

/** By graph, which never changes: each life of a job plans anew. */
const known = new WeakMap<Graph, string>()

/** 64 hex digits. */
export function fingerprint(graph: Graph): string {
  const hash = known.get(graph) ?? fingerprintOf(graph)
  known.set(graph, hash)
  return hash
}

function fingerprintOf(graph: Graph): string {
  const nodes = graph.nodes.map(({ at: _, ...node }) => node).sort(byId)
  const edges = [...graph.edges].sort(byId)
  return sha256(canonicalJson({ ...graph, nodes, edges }))
}

/** 64 hex digits: equal where a graph was planned in the same way, whichever release has planned it. */
export function planHash(plan: Plan): string {
  return sha256(canonicalJson(plan))
}

/** 16 hex digits over the source text of `functions`; empty where there is none. */
export function codeHash(functions: readonly ((...args: never[]) => unknown)[]): string {
  if (functions.length === 0) return ''
  return sha256(canonicalJson(functions.map(String))).slice(0, 16)
}

/** JSON with the fields of every object in the order of their names. */
export const canonicalJson = (value: unknown): string => JSON.stringify(inOrder(value))

/** A copy, since `JSON.stringify` takes several times as long where it has to ask for each part. */
function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(inOrder)
  if ('toJSON' in value && typeof value.toJSON === 'function') return value
  const copy: Record<string, unknown> = Object.create(null)
  for (const name of Object.keys(value).sort()) copy[name] = inOrder(value[name as never])
  return copy
}

const byId = (a: { readonly id: number }, b: { readonly id: number }) => a.id - b.id

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
