/** How many slots a job could have, were it placed anew. Pure. */
import { choicesOf, type Pair } from './apart.js'
import { mayHost, type NodeOffer, placeSlot, type SlotWish } from './place.js'
import { placeJobs } from './place-jobs.js'

/** At most `max`; the slots that it has now count as free. `apart`: nodes that do not reach each other. */
export function roomFor(
  wish: SlotWish,
  max: number,
  nodes: readonly NodeOffer[],
  apart: readonly Pair[] = [],
): number {
  const offers = withoutJob(wish, nodes)
  const rooms = choicesOf(offers, apart, new Set()).map((choice) => roomOn(choice, wish, max))
  return Math.max(...rooms)
}

/** What is not there for so many slots, for people; null: there is room for all of them. */
export function lackingFor(
  wish: SlotWish,
  slots: number,
  nodes: readonly NodeOffer[],
  apart: readonly Pair[] = [],
): string | null {
  const room = roomFor(wish, slots, nodes, apart)
  if (room === slots) return null
  const able = withoutJob(wish, nodes).filter((node) => mayHost(wish, node))
  const all = able.reduce((sum, node) => sum + node.slots, 0)
  const others = able.reduce((sum, { taken }) => sum + taken.length, 0)
  // Where nodes have slots enough that it cannot have together, or none has any, placement says why.
  if (all === 0 || all - others > room) return reasonOf(wish, slots, nodes, apart)
  const names = able.map(({ id }) => id).toSorted()
  const own = countOwn(wish, able, nodes)
  const has = names.length === 1 ? `node ${names[0]} has` : `nodes ${names.join(', ')} have`
  const more = slots - room === 1 ? '1 more slot' : `${slots - room} more slots`
  return (
    `${slots} slots are wanted, and there is room for ${room}: ${has} ${all}, of which ${all - others - own} ` +
    `are free, ${own} its own and ${others} of other jobs; ${more} would have to be there`
  )
}

function reasonOf(
  wish: SlotWish,
  slots: number,
  nodes: readonly NodeOffer[],
  apart: readonly Pair[],
): string {
  const wishes = Array.from({ length: slots }, (_, i) => ({ ref: String(i), wish }))
  return [...placeJobs(wishes, withoutJob(wish, nodes), apart).missing.values()][0]!
}

const withoutJob = ({ job }: SlotWish, nodes: readonly NodeOffer[]): readonly NodeOffer[] =>
  nodes.map((node) => ({ ...node, taken: node.taken.filter((each) => each !== job) }))

/** Slots that the job has on those of the nodes. */
function countOwn(
  { job }: SlotWish,
  able: readonly NodeOffer[],
  nodes: readonly NodeOffer[],
): number {
  const names = new Set(able.map(({ id }) => id))
  return nodes
    .filter(({ id }) => names.has(id))
    .flatMap(({ taken }) => taken)
    .filter((each) => each === job).length
}

function roomOn(nodes: readonly NodeOffer[], wish: SlotWish, max: number): number {
  let offers = nodes
  for (let room = 0; room < max; room++) {
    const placing = placeSlot(wish, offers)
    if (placing.kind === 'waits') return room
    offers = offers.map((node) =>
      node.id === placing.node ? { ...node, taken: [...node.taken, wish.job] } : node,
    )
  }
  return max
}
