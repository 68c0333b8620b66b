/**
 * Which of the slots that are wanted get a place now. Pure: the placement actor asks, and reserves what
 * comes back.
 *
 * What a job waits for it gets all at once or not at all: of two jobs that each hold half of what they need,
 * neither would ever run. Who has asked first is looked at first; who cannot be served holds up nobody.
 */
import { type NodeOffer, placeSlot, type SlotWish } from './place.js'

/** A slot that is wanted, under a name of its own. */
export interface Waiting {
  readonly ref: string
  readonly wish: SlotWish
}

export interface Placings {
  /** Nodes by ref. */
  readonly placed: ReadonlyMap<string, string>
  /** By ref, what would have to be there, for people. */
  readonly missing: ReadonlyMap<string, string>
}

export function placeJobs(waiting: readonly Waiting[], nodes: readonly NodeOffer[]): Placings {
  const placed = new Map<string, string>()
  const missing = new Map<string, string>()
  let offers = nodes
  for (const wishes of byJob(waiting)) {
    const { places, after, lacks } = placeAll(wishes, offers)
    if (lacks === null) {
      for (const [ref, node] of places) placed.set(ref, node)
      offers = after
    } else
      for (const { ref } of wishes) missing.set(ref, together(wishes.length, places.size, lacks))
  }
  return { placed, missing }
}

/** In the order in which jobs have asked first. */
function byJob(waiting: readonly Waiting[]): readonly (readonly Waiting[])[] {
  const jobs = new Map<string, Waiting[]>()
  for (const one of waiting) {
    const others = jobs.get(one.wish.job)
    if (others === undefined) jobs.set(one.wish.job, [one])
    else others.push(one)
  }
  return [...jobs.values()]
}

interface Trial {
  readonly places: ReadonlyMap<string, string>
  readonly after: readonly NodeOffer[]
  /** Null: each has its place. */
  readonly lacks: string | null
}

function placeAll(wishes: readonly Waiting[], nodes: readonly NodeOffer[]): Trial {
  const places = new Map<string, string>()
  let after = nodes
  for (const { ref, wish } of wishes) {
    const placing = placeSlot(wish, after)
    if (placing.kind === 'waits') return { places, after, lacks: placing.missing }
    places.set(ref, placing.node)
    after = after.map((node) =>
      node.id === placing.node ? { ...node, taken: [...node.taken, wish.job] } : node,
    )
  }
  return { places, after, lacks: null }
}

const together = (wanted: number, found: number, lacks: string): string =>
  wanted === 1
    ? lacks
    : `${wanted} slots are wanted together, and there is room for ${found}; ${lacks}`
