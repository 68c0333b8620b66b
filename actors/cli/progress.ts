/**
 * Progress as text: from a sample of a job's metrics to the lines of the live display, or to one plain
 * line for a log. Pure.
 *
 * What enters a job is what its sources read; what leaves it is what its sinks were given.
 */
import type { Plan } from '../../lib/graph/plan.js'
import type { ChainMetrics } from '../../lib/metrics/sample.js'
import type { JobMetrics } from '../index.js'
import type { Colors } from './colors.js'
import { showCount, showDuration, showPercent, showRate } from './quantity.js'

/** One sample, and what is needed to understand it. */
export interface Progress {
  readonly plan: Plan
  readonly metrics: JobMetrics
  /** Since the job began to run. */
  readonly elapsedMs: number
}

export interface Flows {
  readonly recordsIn: number
  readonly recordsOut: number
  readonly inPerSecond: number
  readonly outPerSecond: number
}

/** What enters and leaves the job as a whole. */
export function jobFlows({ plan, metrics }: Progress): Flows {
  const sum = (chains: readonly ChainMetrics[], value: (chain: ChainMetrics) => number) =>
    chains.reduce((total, chain) => total + value(chain), 0)
  const sources = metrics.chains.filter((_, i) => plan.chains[i]?.inputs.length === 0)
  const sinks = metrics.chains.filter((_, i) => plan.chains[i]?.outputs.length === 0)
  return {
    recordsIn: sum(sources, (chain) => chain.totals.recordsIn),
    recordsOut: sum(sinks, (chain) => chain.totals.recordsOut),
    inPerSecond: sum(sources, (chain) => chain.recordsInPerSecond),
    outPerSecond: sum(sinks, (chain) => chain.recordsOutPerSecond),
  }
}

/** One line for a log: what flows, then each chain with how its time was spent. */
export function plainLine(progress: Progress): string {
  const { metrics, elapsedMs } = progress
  const chains = metrics.chains.map(
    (chain) => `${chain.chain} ×${chain.parallelism}: ${timeSpent(chain).join(', ')}`,
  )
  return [
    `${showDuration(elapsedMs)}: ${stateText(metrics.state)}${flowText(progress)}`,
    ...chains,
  ].join('; ')
}

/** Number of lines that {@link liveLines} gives for a plan. */
export const liveHeight = (plan: Plan, heightMax: number): number =>
  Math.min(1 + plan.chains.length, heightMax)

/**
 * The live display: a line for the job and one per chain, as many as fit into `heightMax`; the busiest
 * chains where they are too many.
 */
export function liveLines(
  progress: Progress,
  colors: Colors,
  widthMax: number,
  heightMax: number,
): string[] {
  const { plan, metrics, elapsedMs } = progress
  const height = liveHeight(plan, heightMax)
  const shown = busiest(metrics.chains, height - 1)
  const hidden = metrics.chains.length - shown.length
  const more = hidden > 0 ? `, ${hidden} less busy chains` : ''
  const head = `${plan.pipeline}  ${showDuration(elapsedMs)}  ${stateText(metrics.state)}${flowText(progress)}${more}`
  const names = shown.map((chain) => `${chain.chain} ×${chain.parallelism}`)
  const nameWidth = Math.min(
    Math.max(0, ...names.map((name) => name.length)),
    Math.floor(widthMax / 2),
  )
  return [
    colors.bold(cut(head, widthMax)),
    ...shown.map((chain, i) => {
      const name = cut(names[i]!, nameWidth).padEnd(nameWidth)
      return paint(chain, cut(`  ${name}  ${timeSpent(chain).join('  ')}`, widthMax), colors)
    }),
  ]
}

/** The chain that holds the others up stands out. */
const paint = (chain: ChainMetrics, line: string, colors: Colors): string =>
  chain.busy >= 0.9 ? colors.yellow(line) : chain.idle >= 0.9 ? colors.dim(line) : line

const timeSpent = (chain: ChainMetrics): string[] => [
  `busy ${showPercent(chain.busy)}`,
  `idle ${showPercent(chain.idle)}`,
  `back-pressured ${showPercent(chain.backPressured)}`,
]

function flowText(progress: Progress): string {
  const flows = jobFlows(progress)
  const read = `in ${showRate(flows.inPerSecond)} (${showCount(flows.recordsIn)})`
  return `${read}, out ${showRate(flows.outPerSecond)} (${showCount(flows.recordsOut)})`
}

/** Said only where it is not the usual one. */
const stateText = (state: JobMetrics['state']): string =>
  state === 'Running' ? '' : `${state.toLowerCase()}, `

/** The `count` busiest, in the order of the plan. */
function busiest(chains: readonly ChainMetrics[], count: number): readonly ChainMetrics[] {
  if (chains.length <= count) return chains
  const chosen = new Set([...chains].sort((a, b) => b.busy - a.busy).slice(0, count))
  return chains.filter((chain) => chosen.has(chain))
}

export const cut = (text: string, widthMax: number): string =>
  text.length <= widthMax ? text : `${text.slice(0, Math.max(0, widthMax - 1))}…`
