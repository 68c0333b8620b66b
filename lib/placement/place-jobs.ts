/**
 * Which of the slots that are wanted get a place now. Pure: the placement actor asks, and reserves what
 * comes back.
 *
 * What a job waits for it gets all at once or not at all: of two jobs that each hold half of what they need,
 * neither would ever run. Who has asked first is looked at first; who cannot be served holds up nobody.
 * Nodes that do not reach each other are never both given to one job.
 */
import { choicesOf, type Pair } from './apart.js'
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

/** `apart`: nodes that do not reach each other. */
export function placeJobs(
  waiting: readonly Waiting[],
  nodes: readonly NodeOffer[],
  apart: readonly Pair[] = [],
): Placings {
  const placed = new Map<string, string>()
  const missing = new Map<string, string>()
  let offers = nodes
  for (const wishes of byJob(waiting)) {
    const { places, lacks } = placeAround(wishes, offers, apart)
    if (lacks === null) {
      for (const [ref, node] of places) placed.set(ref, node)
      offers = afterPlacing(wishes, places, offers)
    } else
      for (const { ref } of wishes) missing.set(ref, together(wishes.length, places.size, lacks))
  }
  return { placed, missing }
}

/** The first choice of nodes with room for all of them; else what is said of the one with room for most. */
function placeAround(
  wishes: readonly Waiting[],
  nodes: readonly NodeOffer[],
  apart: readonly Pair[],
): Trial {
  const { job } = wishes[0]!.wish
  const held = new Set(nodes.filter(({ taken }) => taken.includes(job)).map(({ id }) => id))
  let best: Trial | null = null
  for (const choice of choicesOf(nodes, apart, held)) {
    const trial = placeAll(wishes, choice)
    if (trial.lacks === null) return trial
    if (best === null || trial.places.size > best.places.size) best = trial
  }
  const names = new Set(nodes.map(({ id }) => id))
  const known = apart.filter(([a, b]) => names.has(a) && names.has(b))
  if (known.length === 0) return best!
  const pairs = known.map(([a, b]) => `${a} and ${b}`).join(', ')
  const why = `one job cannot have slots on both of nodes that do not reach each other: ${pairs}`
  return { places: best!.places, lacks: `${best!.lacks}; ${why}` }
}

function afterPlacing(
  wishes: readonly Waiting[],
  places: ReadonlyMap<string, string>,
  nodes: readonly NodeOffer[],
): readonly NodeOffer[] {
  return nodes.map((node) => {
    const here = wishes.filter(({ ref }) => places.get(ref) === node.id)
    return { ...node, taken: [...node.taken, ...here.map(({ wish }) => wish.job)] }
  })
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
  /** Null: each has its place. */
  readonly lacks: string | null
}

function placeAll(wishes: readonly Waiting[], nodes: readonly NodeOffer[]): Trial {
  const places = new Map<string, string>()
  let after = nodes
  for (const { ref, wish } of wishes) {
    const placing = placeSlot(wish, after)
    if (placing.kind === 'waits') return { places, lacks: placing.missing }
    places.set(ref, placing.node)
    after = after.map((node) =>
      node.id === placing.node ? { ...node, taken: [...node.taken, wish.job] } : node,
    )
  }
  return { places, lacks: null }
}

const together = (wanted: number, found: number, lacks: string): string =>
  wanted === 1
    ? lacks
    : `${wanted} slots are wanted together, and there is room for ${found}; ${lacks}`
