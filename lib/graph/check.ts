/**
 * What every graph must fulfil, and what is worth a warning. Each problem names the operator, the
 * line of the user's code that made it, and what to do. Pure: a graph in, findings out.
 */
import { DEAD_LETTERS, type Graph, type GraphEdge, type GraphNode, MAIN } from './graph.js'
import { type KeyScope, keyScopes, seesWhole } from './key-scope.js'
import { type Problem, placed, problemAt } from './problem.js'
import { timeScopes, untimedInputs } from './time-scope.js'

/** Key groups are numbered in 16 bits; the same limit as Flink's. */
export const MAX_PARALLELISM_LIMIT = 32_768

/** All problems, in the order in which a reader would fix them. */
export function checkGraph(graph: Graph): Problem[] {
  const scopes = keyScopes(graph.nodes, graph.edges)
  return [
    ...outputProblems(graph),
    ...graph.edges.flatMap((edge) => sideProblems(graph, edge)),
    ...parallelismProblems(graph, graph.options.maxParallelism),
    ...graph.nodes.flatMap((node) => keyProblems(graph, node, scopes.get(node.id)!)),
    ...timeProblems(graph),
    ...graph.nodes.flatMap((node) => guardProblems(graph, node)),
    ...graph.nodes.flatMap((node) => endProblems(graph, node)),
    ...guaranteeProblems(graph),
  ]
}

/** A pipeline has a sink, and every stream of it leads somewhere. */
function outputProblems(graph: Graph): Problem[] {
  const read = graph.edges.filter((edge) => edge.output !== DEAD_LETTERS)
  const used = new Set(read.map((edge) => edge.from))
  const ends = graph.nodes.filter((node) => node.role !== 'sink' && !used.has(node.id))
  if (graph.nodes.some((node) => node.role === 'sink')) {
    return ends.map((node) => problemAt('E_DANGLING_STREAM', node, DANGLING))
  }
  const open = ends.map(placed).join(' and ')
  const what = open === '' ? 'it is empty' : `nothing reads ${open}`
  return [
    {
      code: 'E_NO_SINK',
      message: `a pipeline needs a sink, but ${what}: end it with .to(…), for example .to(print()).`,
      details: ends[0] === undefined ? {} : { operator: ends[0].label, at: ends[0].at },
    },
  ]
}

const DANGLING =
  'makes a stream that nothing reads: end it with .to(…), merge it into another stream, or remove it.'

/** What is read as a side output is one. */
function sideProblems(graph: Graph, { from, output }: GraphEdge): Problem[] {
  if (output === MAIN || output === DEAD_LETTERS) return []
  const node = graph.nodes[from]!
  const { sides = [] } = node.traits
  if (sides === 'any' || sides.includes(output)) return []
  const known = sides.length === 0 ? 'none' : `only '${sides.join("', '")}'`
  const text =
    `has no side output '${output}', it has ${known}: put sideOutput(…) directly behind the operator ` +
    'that sends there.'
  return [problemAt('E_NO_SIDE_OUTPUT', node, text)]
}

/** Every parallelism is a whole number from 1 to `max`, and `max` one that key groups allow. */
export function parallelismProblems(graph: Graph, max: number): Problem[] {
  if (!isCount(max) || max > MAX_PARALLELISM_LIMIT) {
    const message = `maxParallelism must be a whole number from 1 to ${MAX_PARALLELISM_LIMIT}, but it is ${max}.`
    return [{ code: 'E_PARALLELISM', message, details: { maxParallelism: max } }]
  }
  const own = graph.nodes.flatMap((node) => {
    const text = node.parallelism === null ? null : parallelismText(node.parallelism, max)
    return text === null ? [] : [problemAt('E_PARALLELISM', node, `has ${text}`)]
  })
  const { parallelism } = graph.options
  const text = parallelism === null ? null : parallelismText(parallelism, max)
  return text === null ? own : [{ code: 'E_PARALLELISM', message: `it has ${text}`, details: {} }]
}

/** Says what is wrong with a parallelism, or null. */
export function parallelismText(parallelism: number, max: number): string | null {
  if (!isCount(parallelism)) {
    return `parallelism ${parallelism}: it must be a whole number from 1 to ${max}.`
  }
  if (parallelism <= max) return null
  return `parallelism ${parallelism}, above maxParallelism ${max}: lower it, or raise maxParallelism in the pipeline's options.`
}

const isCount = (value: number) => Number.isInteger(value) && value >= 1

function keyProblems(
  graph: Graph,
  node: GraphNode,
  { keyedIn, unkeyedInputs }: KeyScope,
): Problem[] {
  if (node.role !== 'operator') return []
  if (unkeyedInputs.length > 0) return [notCoKeyed(graph, node, unkeyedInputs)]
  if (node.traits.key === 'required' && !keyedIn) {
    return [problemAt('E_NEEDS_KEY', node, 'needs keyBy(…) earlier in the pipe.')]
  }
  if (node.traits.key === 'forbidden' && keyedIn) {
    const text =
      'cannot stand behind keyBy(…): put it before keyBy, or end the key with rebalance().'
    return [problemAt('E_KEY_FORBIDDEN', node, text)]
  }
  if (!keyedIn && seesWhole(node) && node.parallelism !== null && node.parallelism > 1) {
    const text = `sees the whole stream, so it cannot have parallelism ${node.parallelism}: remove the option, or put keyBy(…) before it.`
    return [problemAt('E_WHOLE_STREAM', node, text)]
  }
  return []
}

/** Inputs count from 1 in words: the first is the stream that the operator was piped to. */
function notCoKeyed(graph: Graph, node: GraphNode, unkeyed: readonly number[]): Problem {
  const named = [...new Set(unkeyed)].map((input) => {
    const edge = graph.edges.find(({ to, input: number }) => to === node.id && number === input)!
    return `input ${input + 1}, ${placed(graph.nodes.find(({ id }) => id === edge.from)!)}, has none`
  })
  const text = `needs a key on all of its inputs or on none, but ${named.join(', and ')}: put keyBy(…) before it there, or end the key of the others with rebalance().`
  return problemAt('E_NOT_CO_KEYED', node, text)
}

/** What guards needs something to guard, in the same loop. */
function guardProblems(graph: Graph, node: GraphNode): Problem[] {
  if (node.traits.guards !== true || isGuarding(graph, node)) return []
  const text =
    'guards nothing: directly before it, in the same chain and read by nobody else, there must be a map, ' +
    'filter, tap or mergeMap over arrays or other iterables; for other operators use their onRecordError.'
  return [problemAt('E_NOTHING_GUARDED', node, text)]
}

function isGuarding(graph: Graph, node: GraphNode): boolean {
  const [edge, ...others] = graph.edges.filter(({ to }) => to === node.id)
  if (edge === undefined || others.length > 0 || edge.output !== MAIN || !node.chain) return false
  const before = graph.nodes.find(({ id }) => id === edge.from)!
  const readers = graph.edges.filter(({ from, output }) => from === before.id && output === MAIN)
  if (readers.length > 1 || !before.fusable || before.traits.keyAfter === 'set') return false
  if (node.parallelism !== null && node.parallelism !== before.parallelism) return false
  return before.traits.guards !== true || isGuarding(graph, before)
}

/** What works on event time needs streams that have it. */
function timeProblems(graph: Graph): Problem[] {
  const scopes = timeScopes(graph.nodes, graph.edges)
  return graph.nodes.flatMap((node) => {
    if (node.traits.time !== 'required' || scopes.get(node.id)!.timedIn) return []
    const inputs = untimedInputs(node, graph.edges, scopes).map((input) => input + 1)
    const where = inputs.length === 0 ? '' : ` on input ${inputs.join(' and ')}`
    const text = `works on event time: put timestamps(…) earlier in the pipe${where}.`
    return [problemAt('E_NEEDS_TIME', node, text)]
  })
}

/** What speaks at the end of its stream needs a stream that ends. */
function endProblems(graph: Graph, node: GraphNode): Problem[] {
  if (!node.traits.speaksAtEnd) return []
  const endless = graph.edges.some(
    (edge) =>
      edge.to === node.id && graph.nodes.some((from) => from.id === edge.from && !from.bounded),
  )
  if (!endless) return []
  const sources = endlessSources(graph, node.id).map(placed).join(' and ')
  const { insteadOfEnd = USE_SCAN } = node.traits
  const text = `speaks when its stream ends, but ${sources} never ends: ${insteadOfEnd}.`
  return [problemAt('E_NEVER_SPEAKS', node, text)]
}

const USE_SCAN = 'use scan(…), which speaks at every record, or put window(…) before it'

function endlessSources(graph: Graph, id: number): GraphNode[] {
  const node = graph.nodes.find((candidate) => candidate.id === id)!
  if (node.role === 'source') return node.bounded ? [] : [node]
  const inputs = graph.edges.filter((edge) => edge.to === id).map((edge) => edge.from)
  const endless = inputs.filter((input) => !graph.nodes.find(({ id }) => id === input)!.bounded)
  return [...new Set(endless.flatMap((input) => endlessSources(graph, input)))]
}

/** `exactly-once` is only promised where every part can hold it. */
function guaranteeProblems(graph: Graph): Problem[] {
  if (graph.options.guarantee !== 'exactly-once') return []
  return graph.nodes.flatMap((node) => {
    const text = node.replays ? null : WEAKER[node.role]
    return text === undefined || text === null
      ? []
      : [
          problemAt(
            'E_GUARANTEE',
            node,
            `${text}, but the pipeline demands exactly-once: use another, or demand less with guarantee: 'at-least-once'.`,
          ),
        ]
  })
}

const WEAKER: Partial<Record<GraphNode['role'], string>> = {
  source: 'cannot be read again after a failure',
  operator: 'cannot be replayed after a failure',
  sink: 'repeats its output after a failure',
}

/** What is allowed but hardly meant. */
export function graphWarnings(graph: Graph): string[] {
  const letters = graph.nodes.find((node) => node.kind === DEAD_LETTERS && node.role === 'union')
  const warnings: string[] = []
  if (letters !== undefined && !graph.edges.some((edge) => edge.to === letters.id)) {
    warnings.push(
      `flow.deadLetters() (${letters.at}) reads nothing: no operator has onRecordError: 'deadLetter'. What stands behind it is left out.`,
    )
  }
  const idOfRole = new Map(graph.nodes.map((node) => [node.id, node]))
  for (const edge of graph.edges) {
    const [first, second] = [idOfRole.get(edge.from)!, idOfRole.get(edge.to)!]
    if (first.role === 'partition' && second.role === 'partition') {
      warnings.push(`${placed(first)} is followed by ${placed(second)}: only the last one counts.`)
    }
  }
  return warnings
}
