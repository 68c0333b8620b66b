/** How many slots a job could have, were it placed anew. Pure. */
import { type NodeOffer, placeSlot, type SlotWish } from './place.js'

/** At most `max`; the slots that it has now count as free. */
export function roomFor(wish: SlotWish, max: number, nodes: readonly NodeOffer[]): number {
  let offers = nodes.map((node) => ({
    ...node,
    taken: node.taken.filter((job) => job !== wish.job),
  }))
  for (let room = 0; room < max; room++) {
    const placing = placeSlot(wish, offers)
    if (placing.kind === 'waits') return room
    offers = offers.map((node) =>
      node.id === placing.node ? { ...node, taken: [...node.taken, wish.job] } : node,
    )
  }
  return max
}
