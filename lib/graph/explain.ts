/**
 * `explain`: a plan for people and, as data, for programs. It says which operators run together,
 * how many of them, how records travel between them, where in the user's code each one stands, and
 * what the plan guarantees.
 */
import type { Json, JsonObject } from '../base/json.js'
import { type Graph, type GraphNode, MAIN } from './graph.js'
import { hasSeveralInputs } from './key-scope.js'
import type { Chain, ChainStep, Plan, PlanEdge } from './plan.js'
import { channelsOf, subtasksOf } from './subtasks.js'

export interface Explained {
  readonly pipeline: string
  readonly fingerprint: string
  readonly maxParallelism: number
  readonly demanded: string
  readonly guarantee: string
  readonly weakest: string | null
  readonly warnings: readonly string[]
  readonly chains: readonly ExplainedChain[]
  readonly edges: readonly ExplainedEdge[]
  readonly regions: readonly {
    readonly id: number
    readonly chains: readonly number[]
    readonly replays: boolean
    readonly restarts: boolean
  }[]
}

export interface ExplainedChain {
  readonly id: number
  readonly name: string
  readonly parallelism: number
  readonly operators: readonly ExplainedOperator[]
}

export interface ExplainedOperator {
  readonly id: number
  readonly name: string
  readonly label: string
  readonly kind: string
  readonly half: ChainStep['half']
  readonly fused: boolean
  readonly stateful: boolean
  readonly onRecordError: string
  readonly settings: JsonObject
  /** `file:line:column` of the user's code. */
  readonly at: string
}

export interface ExplainedEdge {
  readonly id: number
  readonly from: number
  readonly to: number
  readonly output: string
  /** Number of the consumer's input, where it has several; else 0. */
  readonly input: number
  readonly partitioner: JsonObject
  readonly channels: number
}

/** The plan as plain data, each operator with its place in the user's code. */
export function explainJson(plan: Plan, graph: Graph): Explained {
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]))
  return {
    pipeline: plan.pipeline,
    fingerprint: plan.fingerprint,
    maxParallelism: plan.maxParallelism,
    demanded: plan.demanded,
    guarantee: plan.guarantee,
    weakest: plan.weakest,
    warnings: plan.warnings,
    chains: plan.chains.map(({ id, name, parallelism, steps }) => ({
      id,
      name,
      parallelism,
      operators: steps.map((step) => explainStep(step, nodes.get(step.node)!, graph)),
    })),
    edges: plan.edges.map((edge) => ({
      id: edge.id,
      from: edge.from,
      to: edge.to,
      output: edge.output,
      input: edge.input,
      partitioner: { ...edge.partitioner },
      channels: channelsOf(plan, edge).length,
    })),
    regions: plan.regions,
  }
}

const explainStep = ({ half }: ChainStep, node: GraphNode, graph: Graph): ExplainedOperator => ({
  id: node.id,
  name: node.name,
  label: node.label,
  kind: node.kind,
  half,
  fused: node.fusable,
  stateful: node.traits.stateful,
  onRecordError: node.onRecordError ?? graph.options.onRecordError,
  settings: node.settings,
  at: node.at,
})

/** The plan as text: one block per chain, its operators line by line, then where it sends. */
export function explainText(plan: Plan, graph: Graph): string {
  const explained = explainJson(plan, graph)
  const blocks = [
    heading(plan),
    ...explained.chains.map((chain) => chainBlock(chain, plan, graph)),
    guaranteeBlock(plan),
    ...plan.warnings.map((warning) => `warning: ${warning}`),
  ]
  return `${blocks.join('\n\n')}\n`
}

function heading(plan: Plan): string {
  const counts = [
    counted(plan.chains.length, 'chain'),
    counted(subtasksOf(plan).length, 'subtask'),
    counted(plan.regions.length, 'region'),
  ]
  return `${plan.pipeline}: ${counts.join(', ')}   ${plan.fingerprint.slice(0, 12)}`
}

function chainBlock(chain: ExplainedChain, plan: Plan, graph: Graph): string {
  const rows = chain.operators.map((operator) => operatorRow(operator, graph))
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)))
  const lines = rows.map(
    ([label, what, at]) => `    ${label!.padEnd(widths[0]!)}  ${what!.padEnd(widths[1]!)}  ${at}`,
  )
  const sends = plan.chains[chain.id]!.outputs.map((id) => sending(plan.edges[id]!, plan, graph))
  return [`[${chain.id}] ×${chain.parallelism}  ${chain.name}`, ...lines, ...sends].join('\n')
}

function operatorRow(operator: ExplainedOperator, graph: Graph): string[] {
  const settings = Object.entries(operator.settings)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} ${show(value)}`)
  const policy = operator.onRecordError === 'fail' ? [] : [`on error ${operator.onRecordError}`]
  const role = graph.nodes.find((node) => node.id === operator.id)!.role
  const facts = [
    ...(role !== 'operator' ? [role] : operator.kind === operator.label ? [] : [operator.kind]),
    ...(operator.half === 'whole' ? [] : [HALVES[operator.half]]),
    ...(operator.fused ? ['fused loop'] : []),
    ...(operator.stateful && operator.half !== 'before' ? ['keeps state'] : []),
    ...settings,
    ...(role === 'sink' ? [] : policy),
  ]
  return [operator.label, facts.join(', '), shortPlace(operator.at)]
}

const HALVES = { before: 'before the exchange', behind: 'behind the exchange' }

function sending(edge: PlanEdge, plan: Plan, graph: Graph): string {
  const channels = counted(channelsOf(plan, edge).length, 'channel')
  const what = edge.output === MAIN ? '' : `${edge.output} `
  const to: Chain = plan.chains[edge.to]!
  const head = graph.nodes.find((node) => node.id === to.steps[0]!.node)!
  const input = hasSeveralInputs(head) ? ` input ${edge.input + 1}` : ''
  return `    ── ${what}${partitionText(edge, graph)} ──▶ [${to.id}]${input}  ${channels}`
}

function partitionText({ partitioner }: PlanEdge, graph: Graph): string {
  if (partitioner.kind !== 'hash') return partitioner.kind
  const by = graph.nodes.find((node) => node.id === partitioner.by)!
  const how = partitioner.key === 'derived' ? 'key called again there' : 'key shipped'
  return `hash by ${by.label} (${how})`
}

function guaranteeBlock(plan: Plan): string {
  const demanded = plan.demanded === plan.guarantee ? '' : ` (demanded: ${plan.demanded})`
  return `guarantee: ${plan.guarantee}${demanded}${plan.weakest === null ? '' : `\n    ${plan.weakest}`}`
}

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`

const show = (value: Json): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '')

/** `job.ts:10` of `/home/me/job.ts:10:7`. */
const shortPlace = (at: string): string => at.replace(/^.*[/\\]/, '').replace(/:\d+$/, '')
