/**
 * Which node hosts a slot. Pure: the placement actor asks, and reserves what comes back.
 *
 * A node takes a slot when it has one free, is not cordoned, and carries every label that the job
 * demands. Among those that may, `spread` takes the one with the smallest part of its slots taken, then
 * with the fewest slots of this job, so that a node's death costs each job as little as it can; `pack` takes the one
 * with the largest part taken, so that others stay empty and can go. Ties go by name: the same question
 * has the same answer.
 *
 * Before all that, a node that has failed to set up a slot a short while ago comes last: it would have the
 * smallest part taken, and fail again and again. Where no other has a slot free it gets the slot all the same.
 */

/** A node as placement sees it. */
export interface NodeOffer {
  readonly id: string
  readonly slots: number
  readonly labels: Readonly<Record<string, string>>
  /** Keeps what it has, and gets nothing new. */
  readonly cordoned: boolean
  /** It could not set up a slot, a short while ago. */
  readonly isInDoubt?: boolean
  /** Jobs of the slots that are taken, one entry for each. */
  readonly taken: readonly string[]
}

export type Strategy = 'spread' | 'pack'

/** One slot is wanted. */
export interface SlotWish {
  readonly job: string
  readonly strategy: Strategy
  /** Labels that the node must carry, with these values. */
  readonly labels: Readonly<Record<string, string>>
  /** The slots of this job must be on nodes that host none of these jobs. */
  readonly apartFrom?: readonly string[]
  /** The slots of this job must be on nodes that host one of this other job. */
  readonly besides?: string
}

export type Placing =
  | { readonly kind: 'placed'; readonly node: string }
  /** `missing`: what would have to be there, for people. */
  | { readonly kind: 'waits'; readonly missing: string }

export function placeSlot(wish: SlotWish, nodes: readonly NodeOffer[]): Placing {
  const able = nodes.filter((node) => mayHost(wish, node))
  const free = able.filter(({ slots, taken }) => taken.length < slots)
  const [best] = free.toSorted((a, b) => compare(wish, a, b))
  return best === undefined
    ? { kind: 'waits', missing: missingFor(wish, nodes, able) }
    : { kind: 'placed', node: best.id }
}

/** Whether it is a node for that job at all, be there a slot free or not. */
export function mayHost({ labels, apartFrom = [], besides }: SlotWish, node: NodeOffer): boolean {
  return (
    !node.cordoned &&
    Object.entries(labels).every(([name, value]) => node.labels[name] === value) &&
    !apartFrom.some((job) => node.taken.includes(job)) &&
    (besides === undefined || node.taken.includes(besides))
  )
}

function compare({ job, strategy }: SlotWish, a: NodeOffer, b: NodeOffer): number {
  const direction = strategy === 'spread' ? 1 : -1
  return (
    Number(a.isInDoubt ?? false) - Number(b.isInDoubt ?? false) ||
    direction * (load(a) - load(b)) ||
    direction * (countOf(a, job) - countOf(b, job)) ||
    (a.id < b.id ? -1 : 1)
  )
}

const load = ({ slots, taken }: NodeOffer): number => taken.length / slots

const countOf = ({ taken }: NodeOffer, job: string): number =>
  taken.filter((each) => each === job).length

function missingFor(
  wish: SlotWish,
  nodes: readonly NodeOffer[],
  able: readonly NodeOffer[],
): string {
  if (nodes.length === 0) return 'no node has joined: start one with millrace node --join'
  if (able.length > 0) {
    const slots = able.reduce((sum, node) => sum + node.slots, 0)
    const names = able.map(({ id }) => id).join(', ')
    const taken = slots === 1 ? `the slot of ${names} is` : `all ${slots} slots of ${names} are`
    return `${taken} taken: start a node, or end a job`
  }
  const demands = [
    ...Object.entries(wish.labels).map(([name, value]) => `label ${name}=${value}`),
    ...(wish.apartFrom ?? []).map((job) => `no slot of job ${job}`),
    ...(wish.besides === undefined ? [] : [`a slot of job ${wish.besides}`]),
  ]
  const cordoned = nodes.filter((node) => node.cordoned).map(({ id }) => id)
  const wanted = demands.length === 0 ? '' : ` with ${demands.join(' and ')}`
  const closed = cordoned.length === 0 ? '' : `; cordoned: ${cordoned.join(', ')}`
  return `none of ${nodes.length} nodes may host it: wanted is a node${wanted}${closed}`
}
