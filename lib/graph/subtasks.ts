/** Subtasks and channels of a plan: which there are, and which slot hosts which. Pure arithmetic. */
import { assert, unreachable } from '../base/assert.js'
import type { Plan, PlanEdge } from './plan.js'

export interface SubtaskId {
  readonly chain: number
  readonly index: number
}

/** From sending subtask to receiving subtask of one edge, by index in their chains. */
export interface ChannelPair {
  readonly from: number
  readonly to: number
}

/** `2:0` */
export const subtaskName = ({ chain, index }: SubtaskId): string => `${chain}:${index}`

/** The subtask of that name. */
export function subtaskOf(name: string): SubtaskId {
  const [chain, index] = name.split(':').map(Number) as [number, number]
  return { chain, index }
}

/** All subtasks, chain by chain. */
export function subtasksOf(plan: Pick<Plan, 'chains'>): readonly SubtaskId[] {
  return plan.chains.flatMap((chain) =>
    count(chain.parallelism).map((index) => ({ chain: chain.id, index })),
  )
}

/** Position of a subtask in `subtasksOf`: its row in tables of subtasks. */
export function rowOf(plan: Pick<Plan, 'chains'>, { chain, index }: SubtaskId): number {
  const before = plan.chains.slice(0, chain)
  return before.reduce((row, { parallelism }) => row + parallelism, 0) + index
}

/** Row of the operator at `step` of a subtask, in tables of operators. */
export function operatorRowOf(
  plan: Pick<Plan, 'chains'>,
  { chain, index }: SubtaskId,
  step: number,
): number {
  const { steps } = plan.chains[chain]!
  return operatorRows({ chains: plan.chains.slice(0, chain) }) + index * steps.length + step
}

/** How many rows a table of operators has. */
export function operatorRows(plan: Pick<Plan, 'chains'>): number {
  return plan.chains.reduce((rows, { parallelism, steps }) => rows + parallelism * steps.length, 0)
}

/** Subtask `index` of every chain runs in this slot: what goes forward stays in its thread. */
export function slotOf(index: number, slots: number): number {
  assert(Number.isInteger(slots) && slots >= 1, 'there is at least one slot')
  return index % slots
}

/** Those of `subtasksOf` that run in one of `slots` slots. */
export function subtasksIn(
  plan: Pick<Plan, 'chains'>,
  slot: number,
  slots: number,
): readonly SubtaskId[] {
  return subtasksOf(plan).filter(({ index }) => slotOf(index, slots) === slot)
}

/** Id of the region that a chain belongs to. */
export function regionOf({ regions }: Pick<Plan, 'regions'>, chain: number): number {
  const region = regions.find(({ chains }) => chains.includes(chain))
  assert(region !== undefined, 'every chain belongs to a region')
  return region.id
}

/** The channels of an edge, in the order of senders, then receivers. */
export function channelsOf(plan: Pick<Plan, 'chains'>, edge: PlanEdge): readonly ChannelPair[] {
  const senders = plan.chains[edge.from]!.parallelism
  const receivers = plan.chains[edge.to]!.parallelism
  return count(senders).flatMap((from) =>
    receiversOf(edge, from, senders, receivers).map((to) => ({ from, to })),
  )
}

function receiversOf(edge: PlanEdge, from: number, senders: number, receivers: number): number[] {
  const { kind } = edge.partitioner
  switch (kind) {
    case 'forward':
      assert(senders === receivers, 'a forward edge joins chains of equal parallelism')
      return [from]
    case 'rescale':
      return rescaled(from, senders, receivers)
    // Global sends records to subtask 0 only, but every receiver must learn of watermarks and the end.
    case 'global':
    case 'hash':
    case 'rebalance':
    case 'shuffle':
    case 'broadcast':
    case 'custom':
      return count(receivers)
    default:
      return unreachable(kind)
  }
}

/**
 * Each sender has a neighbourhood. 2 → 6: sender 0 feeds 0, 1, 2; 6 → 2: senders 0, 1, 2 feed 0.
 * Every receiver is fed, also where neither number divides the other.
 */
function rescaled(from: number, senders: number, receivers: number): number[] {
  if (senders >= receivers) return [Math.floor((from * receivers) / senders)]
  return count(receivers).filter((to) => Math.floor((to * senders) / receivers) === from)
}

const count = (length: number): number[] => Array.from({ length }, (_, index) => index)
