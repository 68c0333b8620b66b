/** How many slots a job could have, were it placed anew. Pure. */
import { choicesOf, type Pair } from './apart.js'
import { type NodeOffer, placeSlot, type SlotWish } from './place.js'

/** At most `max`; the slots that it has now count as free. `apart`: nodes that do not reach each other. */
export function roomFor(
  wish: SlotWish,
  max: number,
  nodes: readonly NodeOffer[],
  apart: readonly Pair[] = [],
): number {
  const offers = nodes.map((node) => ({
    ...node,
    taken: node.taken.filter((job) => job !== wish.job),
  }))
  const rooms = choicesOf(offers, apart, new Set()).map((choice) => roomOn(choice, wish, max))
  return Math.max(...rooms)
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
