/** Which of two nodes that do not reach each other a job leaves. Pure. */
import type { Pair } from './apart.js'
import type { NodeOffer, SlotWish } from './place.js'
import { placeJobs } from './place-jobs.js'

/**
 * The one whose slots find a place elsewhere now, rather that with fewer of them; where neither does, that
 * with fewer: they wait. `apart` names the two; `lost`: slots of the job that have no place, and need one
 * beside those that are moved.
 */
export function nodeToLeave(
  wish: SlotWish,
  pair: Pair,
  nodes: readonly NodeOffer[],
  apart: readonly Pair[],
  lost = 0,
): string {
  const countOn = (id: string) => slotsOn(id, wish, nodes)
  const [fewer, more] = pair.toSorted((a, b) => countOn(a) - countOn(b) || (a < b ? 1 : -1))
  if (countOn(fewer!) === 0) return fewer!
  const finds = (id: string) => {
    const others = nodes.map((node) => (node.id === id ? without(node, wish) : node))
    const stays = (each: string) => slotsOn(each, wish, others) > 0
    if (apart.some(([a, b]) => stays(a) && stays(b))) return false
    const waiting = Array.from({ length: countOn(id) + lost }, (_, i) => ({ ref: `${i}`, wish }))
    return placeJobs(waiting, others, apart).missing.size === 0
  }
  return !finds(fewer!) && finds(more!) ? more! : fewer!
}

const slotsOn = (id: string, { job }: SlotWish, nodes: readonly NodeOffer[]): number =>
  nodes.find((node) => node.id === id)?.taken.filter((each) => each === job).length ?? 0

const without = (node: NodeOffer, { job }: SlotWish): NodeOffer => ({
  ...node,
  taken: node.taken.filter((each) => each !== job),
})
