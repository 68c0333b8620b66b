/**
 * Planning: a logical graph and a parallelism in, chains with edges and regions out. Pure: equal
 * graphs give equal plans on every host, whatever the order of their nodes and edges.
 *
 * Phases: lay out units (layout.ts), fuse them into chains (chains.ts), find what fails together
 * (regions.ts) and what can be promised (guarantee.ts).
 */
import { fuse } from './chains.js'
import { graphWarnings, parallelismProblems, parallelismText } from './check.js'
import { fingerprint } from './fingerprint.js'
import type { Graph } from './graph.js'
import { type Checkpoints, weakestOf } from './guarantee.js'
import { layOut } from './layout.js'
import type { Plan } from './plan.js'
import { placed, throwProblems } from './problem.js'
import { regionsOf } from './regions.js'

export interface PlanOptions {
  /** Demanded for this run. Default: that of the pipeline, else `slots`, else 1. */
  readonly parallelism?: number
  /** Slots of the run: the parallelism where nobody demands one. */
  readonly slots?: number
  /** Number of key groups. Default: that of the pipeline. */
  readonly maxParallelism?: number
  /** What checkpoints the run takes. Default: none. */
  readonly checkpoints?: Checkpoints
}

/** Throws E_PARALLELISM where a parallelism is no whole number from 1 to `maxParallelism`. */
export function planGraph(given: Graph, options: PlanOptions = {}): Plan {
  const graph = { ...given, nodes: inIdOrder(given.nodes), edges: inIdOrder(given.edges) }
  const maxParallelism = options.maxParallelism ?? graph.options.maxParallelism
  const parallelism =
    options.parallelism ?? graph.options.parallelism ?? Math.min(options.slots ?? 1, maxParallelism)
  checkParallelism(graph, parallelism, maxParallelism)
  const layout = layOut(graph, parallelism)
  const { chains, edges } = fuse(layout)
  const regions = regionsOf(graph, chains, edges)
  const { guarantee, weakest } = weakestOf(graph, options.checkpoints)
  return {
    pipeline: graph.pipeline,
    fingerprint: fingerprint(given),
    maxParallelism,
    chains,
    edges,
    regions,
    demanded: graph.options.guarantee,
    guarantee,
    weakest,
    warnings: [
      ...graphWarnings(graph),
      ...layout.warnings,
      ...unmet(graph, options.checkpoints),
      ...unsaved(graph, options.checkpoints),
    ],
  }
}

function checkParallelism(graph: Graph, parallelism: number, max: number): void {
  const problems = parallelismProblems(graph, max)
  const text = parallelismText(parallelism, max)
  if (problems.length === 0 && text !== null) {
    problems.push({ code: 'E_PARALLELISM', message: `the run has ${text}`, details: {} })
  }
  throwProblems(graph.pipeline, problems)
}

/** All parts could hold exactly-once, but it takes checkpoints to do so. */
const unmet = (graph: Graph, checkpoints: Checkpoints = null): string[] =>
  graph.options.guarantee === 'exactly-once' && checkpoints !== 'exactly-once'
    ? [
        'exactly-once is demanded, but no aligned checkpoints are taken (--checkpoint-dir): records may count twice after a failure.',
      ]
    : []

const unsaved = (graph: Graph, checkpoints: Checkpoints = null): string[] =>
  checkpoints === null
    ? []
    : graph.nodes
        .filter(({ traits }) => traits.saved === false)
        .map(
          (node) =>
            `${placed(node)} keeps its input outside of checkpoints: none is taken before it has ended.`,
        )

const inIdOrder = <Part extends { readonly id: number }>(parts: readonly Part[]): Part[] =>
  [...parts].sort((a, b) => a.id - b.id)
