/**
 * Nodes that do not reach each other though both are members: which pairs, for how long that is believed,
 * and how jobs are placed around them. Pure; times in ms of one monotonic clock.
 *
 * All slots of a job are joined with each other, so of two nodes that are apart one job may have slots on
 * one only. That two could not connect is believed for a while, and longer each time that it happens
 * again (`doubts.ts`): networks heal, and a job that needs both has to try them.
 */
import { Doubts } from './doubts.js'
import type { NodeOffer } from './place.js'

/** Two names of nodes, the smaller first. */
export type Pair = readonly [string, string]

/** What is known of pairs. */
export class PairsApart {
  readonly #doubts = new Doubts<Pair>()

  /** They could not connect. Returns how long that is believed from now on. */
  failed(a: string, b: string, nowMs: number): number {
    const pair: Pair = a < b ? [a, b] : [b, a]
    return this.#doubts.failed(pair.join(' '), pair, nowMs)
  }

  /** Something new is known of a node: it may be reached by now. */
  renewed(node: string): void {
    this.#doubts.renewed((pair) => pair.includes(node))
  }

  pairs(nowMs: number): readonly Pair[] {
    return this.#doubts.present(nowMs)
  }
}

/** More would be for networks of which little works. */
const CHOICES_MAX = 64

/**
 * Sets of nodes of which no two are apart, those with the most free slots first, of nodes that are not in
 * doubt before all; all nodes, where none is apart from another. What `held` names is in each: a job has slots there, joined as they are.
 */
export function choicesOf(
  nodes: readonly NodeOffer[],
  apart: readonly Pair[],
  held: ReadonlySet<string>,
): readonly (readonly NodeOffer[])[] {
  const apartFrom = (a: NodeOffer, b: NodeOffer) =>
    apart.some((pair) => pair.includes(a.id) && pair.includes(b.id) && a !== b)
  const isHeld = ({ id }: NodeOffer) => held.has(id)
  const fixed = nodes.filter(isHeld)
  const open = nodes.filter((node) => !isHeld(node) && !fixed.some((one) => apartFrom(one, node)))
  const choices: (readonly NodeOffer[])[] = []
  const choose = (rest: readonly NodeOffer[]): void => {
    if (choices.length >= CHOICES_MAX) return
    const worst = mostApart(rest, apartFrom)
    if (worst === null) {
      choices.push([...fixed, ...rest])
      return
    }
    choose(rest.filter((node) => node !== worst))
    choose(rest.filter((node) => !apartFrom(node, worst)))
  }
  choose(open)
  const sure = (choice: readonly NodeOffer[]) => choice.filter(({ isInDoubt }) => !isInDoubt)
  return choices.toSorted(
    (a, b) => freeSlots(sure(b)) - freeSlots(sure(a)) || freeSlots(b) - freeSlots(a),
  )
}

/** The one that is apart from the most others; null where no two are. */
function mostApart(
  nodes: readonly NodeOffer[],
  apartFrom: (a: NodeOffer, b: NodeOffer) => boolean,
): NodeOffer | null {
  let worst: NodeOffer | null = null
  let most = 0
  for (const node of nodes) {
    const count = nodes.filter((other) => apartFrom(node, other)).length
    if (count <= most) continue
    worst = node
    most = count
  }
  return worst
}

const freeSlots = (nodes: readonly NodeOffer[]): number =>
  nodes.reduce((sum, { slots, taken, cordoned }) => sum + (cordoned ? 0 : slots - taken.length), 0)
