/** From drafts to a graph: names, edges, dead letters, and what follows from the inputs. */

import { assert } from '../base/assert.js'
import { checkGraph } from './check.js'
import type { NodeDraft } from './draft.js'
import {
  DEAD_LETTERS,
  type Graph,
  type GraphEdge,
  type GraphNode,
  type GraphOptions,
  MAIN,
} from './graph.js'
import { keyScopes } from './key-scope.js'
import { nameNodes } from './names.js'
import { inOrder, reachableFrom } from './order.js'
import { type Problem, problemAt, throwProblems } from './problem.js'

/** Builds and checks. Throws one `MillraceError` that names every problem. */
export function buildGraph(
  pipeline: string,
  drafts: readonly NodeDraft[],
  options: GraphOptions,
): Graph {
  const { names, problems: nameProblems } = nameNodes(drafts)
  const main = mainEdges(drafts)
  const letters = connectDeadLetters(drafts, main)
  const edges = [...main, ...letters.edges].map((edge, id): GraphEdge => ({ id, ...edge }))
  const nodes = drafts.map((draft, id) =>
    nodeOf(
      draft,
      id,
      names[id]!,
      letters.edges.some((edge) => edge.from === id),
    ),
  )
  const graph: Graph = { pipeline, nodes: withBounds(nodes, drafts, edges), edges, options }
  throwProblems(pipeline, [...nameProblems, ...letters.problems, ...checkGraph(graph)])
  return graph
}

type EdgeDraft = Omit<GraphEdge, 'id'>

function mainEdges(drafts: readonly NodeDraft[]): EdgeDraft[] {
  return drafts.flatMap((draft, to) => {
    const { inputs } = draft.traits
    assert(inputs === undefined || inputs.length === draft.inputs.length, ONE_STREAM_PER_INPUT)
    return draft.inputs.map((from, i) => ({
      from,
      output: draft.outputs?.[i] ?? MAIN,
      to,
      input: inputs === undefined ? 0 : i,
    }))
  })
}

const ONE_STREAM_PER_INPUT = 'an operator is attached to as many streams as it has inputs'

/**
 * Leads the dead letters of every node that may have some into `flow.deadLetters()`. What is behind
 * it has no dead letters of its own: they would come back as its input.
 */
function connectDeadLetters(
  drafts: readonly NodeDraft[],
  main: readonly EdgeDraft[],
): { edges: EdgeDraft[]; problems: Problem[] } {
  const to = drafts.findIndex((draft) => draft.kind === DEAD_LETTERS)
  const behind = to < 0 ? new Set<number>() : reachableFrom(to, main)
  const edges: EdgeDraft[] = []
  const problems: Problem[] = []
  drafts.forEach((draft, from) => {
    if (draft.deadLetterUse === 'never') return
    if (to >= 0 && !behind.has(from)) edges.push({ from, output: DEAD_LETTERS, to, input: 0 })
    else if (draft.deadLetterUse === 'always' && (to < 0 || draft.onRecordError !== null)) {
      problems.push(noWayOut(draft, to < 0))
    }
  })
  return { edges, problems: problems.slice(0, DEAD_LETTER_PROBLEMS_MAX) }
}

/** One policy of the whole pipeline would give the same problem for every operator. */
const DEAD_LETTER_PROBLEMS_MAX = 1

const noWayOut = (draft: NodeDraft, unread: boolean): Problem =>
  unread
    ? problemAt(
        'E_DEAD_LETTERS_UNREAD',
        draft,
        "turns failing records into dead letters, but nothing reads them: add flow.deadLetters().to(…), or choose 'skip' or 'fail'.",
      )
    : problemAt(
        'E_DEAD_LETTERS_CYCLE',
        draft,
        "stands behind flow.deadLetters(), so its own dead letters would be its input again: choose 'skip' or 'fail'.",
      )

function nodeOf(draft: NodeDraft, id: number, name: string, deadLetters: boolean): GraphNode {
  return {
    id,
    role: draft.role,
    kind: draft.kind,
    label: draft.givenName ?? draft.label,
    name,
    named: draft.givenName !== null,
    traits: draft.traits,
    parallelism: draft.parallelism,
    chain: draft.chain,
    fusable: draft.fusable,
    bounded: draft.bounded ?? true,
    replays: draft.replays,
    restarts: draft.restarts,
    pauses: draft.pauses,
    deadLetters,
    onRecordError: draft.onRecordError,
    ...(draft.state !== undefined && { state: draft.state }),
    settings: draft.settings,
    code: draft.code,
    at: draft.at,
  }
}

/** Bounded: a source by itself; what ends its stream without a key; else, as its inputs are. */
function withBounds(
  nodes: readonly GraphNode[],
  drafts: readonly NodeDraft[],
  edges: readonly GraphEdge[],
): GraphNode[] {
  const bounded: boolean[] = nodes.map((node) => node.bounded)
  const ids = nodes.map((node) => node.id)
  const scopes = keyScopes(nodes, edges)
  for (const id of inOrder(ids, edges)) {
    if (drafts[id]!.bounded !== null) continue
    const ends = nodes[id]!.traits.endsStream === true && !scopes.get(id)!.keyedIn
    bounded[id] = ends || endsWithInputs(nodes[id]!, edges, bounded)
  }
  return nodes.map((node) => ({ ...node, bounded: bounded[node.id]! }))
}

/** Dead letters end with the operator they come from; where an input reads nothing, it ends at once. */
function endsWithInputs(
  { id, traits }: GraphNode,
  edges: readonly GraphEdge[],
  bounded: readonly boolean[],
): boolean {
  const feeding = edges.filter((edge) => edge.to === id)
  switch (traits.endsWith ?? 'all') {
    case 'all':
      return feeding.every((edge) => bounded[edge.from])
    case 'any':
      return feeding.some((edge) => bounded[edge.from])
    case 'first':
      return feeding.every((edge) => edge.input !== 0 || bounded[edge.from])
  }
}
