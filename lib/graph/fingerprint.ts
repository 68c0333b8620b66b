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

/** 64 hex digits. */
export function fingerprint(graph: Graph): string {
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
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    const fields = Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(fields)
  })
}

const byId = (a: { readonly id: number }, b: { readonly id: number }) => a.id - b.id

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
