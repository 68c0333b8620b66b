/**
 * Whether a coordinator may go on with what runs: what one before it has deployed, as it is known durably,
 * against what nodes hold of it. Pure. The steps around it: `actors/node/protocol.ts`.
 *
 * A job is adopted where all of it is as it was deployed and nothing is in doubt; else nothing of it is, and all
 * that runs of it is ended: a region whose node is gone takes the others with it, though under a living coordinator
 * it would have begun again alone. For slots are shared by regions, and rounds of snapshots are of all regions
 * together: what those on the lost slot have acknowledged nobody knows. Where it is adopted
 * - a region goes on at its attempt, with the subtasks that have not finished;
 * - rounds of which slots were told, and not what became of them, are to be given up: who could have written
 *   their manifest is gone. But where it is the newest one in the store the round is complete, and those slots
 *   are to be told so, and no others: a region that was opened from it knows, and prepares what comes later;
 * - numbers of rounds go on above each that was ever told;
 * - of the splits that were listed, those that no slot has been given are handed out again. What was sent and
 *   did not arrive is among them.
 */
import type { Split } from '../connectors/source.js'
import { planHash } from '../graph/fingerprint.js'
import type { Plan } from '../graph/plan.js'
import { subtaskName, subtaskOf, subtasksIn, subtasksOf } from '../graph/subtasks.js'

/** What runs of a job, durable before any of it is opened. */
export interface Deployment {
  /** Names the run in files and chunks. */
  readonly run: string
  /** `planHash`: chains that were planned otherwise would be read and numbered otherwise. */
  readonly plan: string
  /** Largest attempt given out. */
  readonly attempts: number
  /** The present attempt of each region. */
  readonly regions: readonly number[]
  /** By index in the job. */
  readonly slots: readonly DeployedSlot[]
}

export interface DeployedSlot {
  readonly ref: string
  readonly node: string
}

/** What one slot has been told and has said. */
export interface SlotHolding {
  readonly regions: readonly HeldRegion[]
  /** Other slots of its job that it is joined with. */
  readonly joined: number
  /** Rounds of snapshots of which it was told, and not what became of them. */
  readonly rounds: readonly number[]
  /** Those given up since the last one that was complete. */
  readonly givenUp: readonly number[]
  /** The newest of which it was told that it is complete; 0: none. */
  readonly completed: number
  /** The largest of which it was told; 0: none. */
  readonly lastRound: number
}

/** A region, as far as this slot hosts it. */
export interface HeldRegion {
  readonly region: number
  readonly attempt: number
  /** It was opened and started, and nothing has stopped, failed or been replaced since. */
  readonly isWhole: boolean
  /** Round of the snapshot that it was opened from; 0: none. */
  readonly base: number
  /** The first round of which it was told in this attempt; 0: none. */
  readonly firstRound: number
  /** Names of subtasks that have finished. */
  readonly finished: readonly string[]
  /** Names of subtasks that have nothing left to do but commit. */
  readonly committing: readonly string[]
  readonly sources: readonly HeldSource[]
  /** Splits that it has listed in this attempt. */
  readonly listings: readonly HeldListing[]
}

/** A subtask of a source. */
export interface HeldSource {
  readonly subtask: string
  /** Ids of the splits that it was given. */
  readonly given: readonly string[]
  /** It was told that no more follow. */
  readonly isLast: boolean
  /** It has asked for more, and was not answered. */
  readonly asks: boolean
}

export interface HeldListing extends SplitsListed {
  readonly chain: number
}

export interface SplitsListed {
  readonly concurrent: boolean
  readonly splits: readonly Split[]
}

/** The newest manifest, as far as it matters here. */
export interface NewestSnapshot {
  readonly round: number
  /** Splits that were not handed out, by source chain; those not listed by then are left out. */
  readonly unassigned: ReadonlyMap<number, SplitsListed>
}

export type Adoption =
  | { readonly kind: 'adopt'; readonly adopted: Adopted }
  /** `reason`: what is in doubt. */
  | { readonly kind: 'restart'; readonly reason: string }

/** What goes on. */
export interface Adopted {
  readonly attempts: number
  /** By region. */
  readonly regions: readonly AdoptedRegion[]
  /** Names of subtasks. */
  readonly finished: readonly string[]
  readonly committing: readonly string[]
  /** To be given up, oldest first. */
  readonly rounds: readonly number[]
  /** The newest round that is complete, and the slots that have not been told so; null: all have. */
  readonly unheard: { readonly round: number; readonly slots: ReadonlySet<number> } | null
  /** The largest number that was ever given to a round. */
  readonly lastRound: number
  /** Still to be handed out, by chain. */
  readonly splits: ReadonlyMap<number, SplitsListed>
  /** Names of subtasks that wait for splits. */
  readonly asking: readonly string[]
}

export interface AdoptedRegion {
  readonly attempt: number
  /** Subtasks that have not finished. */
  readonly unfinished: number
}

/** `holdings`: by index of the slot, all of them. `newest`: null where there is no snapshot. */
export function adopt(
  deployment: Deployment,
  plan: Plan,
  holdings: readonly SlotHolding[],
  newest: NewestSnapshot | null,
): Adoption {
  const reason = doubtIn(deployment, plan, holdings, newest)
  if (reason !== null) return restart(reason)
  const held = holdings.flatMap(({ regions }) => regions)
  const finished = new Set(held.flatMap((region) => region.finished))
  const isLive = (name: string) => !finished.has(name)
  const live = subtasksOf(plan).map(subtaskName).filter(isLive)
  if (live.length === 0) return restart('it has finished, but for its last snapshot')
  const splits = splitsLeft(plan, held, newest)
  if (typeof splits === 'string') return restart(splits)
  const sources = held.flatMap((region) => region.sources)
  const rounds = new Set(holdings.flatMap((holding) => holding.rounds))
  rounds.delete(newest?.round ?? 0)
  const unheard = holdings.flatMap((holding, slot) =>
    newest !== null && holding.rounds.includes(newest.round) ? [slot] : [],
  )
  return {
    kind: 'adopt',
    adopted: {
      attempts: deployment.attempts,
      regions: plan.regions.map(({ chains }, id) => ({
        attempt: deployment.regions[id]!,
        unfinished: live.filter((name) => chains.includes(subtaskOf(name).chain)).length,
      })),
      finished: [...finished],
      committing: held.flatMap((region) => region.committing).filter(isLive),
      rounds: [...rounds].toSorted((a, b) => a - b),
      unheard: unheard.length === 0 ? null : { round: newest!.round, slots: new Set(unheard) },
      lastRound: Math.max(newest?.round ?? 0, ...holdings.map(({ lastRound }) => lastRound)),
      splits,
      asking: sources.filter(({ asks }) => asks).map(({ subtask }) => subtask),
    },
  }
}

const restart = (reason: string): Adoption => ({ kind: 'restart', reason })

function doubtIn(
  { plan: planned, regions, slots }: Deployment,
  plan: Plan,
  holdings: readonly SlotHolding[],
  newest: NewestSnapshot | null,
): string | null {
  if (planned !== planHash(plan) || regions.length !== plan.regions.length) {
    return 'it is planned otherwise now'
  }
  if (holdings.length !== slots.length) return 'some of its slots are not held any more'
  const round = newest?.round ?? 0
  for (const [index, holding] of holdings.entries()) {
    const { joined, givenUp, completed, regions: held } = holding
    if (joined !== slots.length - 1) return `slot ${index} has lost links with others`
    if (givenUp.includes(round)) {
      return `slot ${index} has given up round ${round}, of which there is a manifest`
    }
    // What it writes next builds on that one.
    if (completed > round) return `round ${completed} is complete, and there is no manifest of it`
    for (const id of regionsOf(plan, index, slots.length)) {
      const found = held.find(({ region }) => region === id)
      if (found?.attempt !== regions[id]) {
        const seen = found === undefined ? 'does not hold it' : `holds attempt ${found.attempt}`
        return `region ${id} was at attempt ${regions[id]}, and slot ${index} ${seen}`
      }
      if (!found.isWhole) return `region ${id} was about to change in slot ${index}`
      if (!isOf(round, found, holding)) {
        return `region ${id} has not gone on from round ${round}, the newest there is`
      }
    }
  }
  return null
}

/** The attempt was opened from that round, or was told of it and of no other outcome. */
const isOf = (
  round: number,
  { base, firstRound }: HeldRegion,
  { completed, rounds }: SlotHolding,
): boolean =>
  round === base ||
  (firstRound > 0 && round >= firstRound && (completed === round || rounds.includes(round)))

/** Regions that have a subtask in this slot. */
function regionsOf(plan: Plan, slot: number, slots: number): readonly number[] {
  const chains = new Set(subtasksIn(plan, slot, slots).map(({ chain }) => chain))
  return plan.regions
    .filter((region) => region.chains.some((id) => chains.has(id)))
    .map(({ id }) => id)
}

/** Text: what is in doubt. */
function splitsLeft(
  plan: Plan,
  held: readonly HeldRegion[],
  newest: NewestSnapshot | null,
): ReadonlyMap<number, SplitsListed> | string {
  const left = new Map<number, SplitsListed>()
  const finished = new Set(held.flatMap((region) => region.finished))
  for (const { id, name, inputs, parallelism } of plan.chains) {
    if (inputs.length > 0) continue
    const sources = held
      .flatMap((region) => region.sources)
      .filter(({ subtask }) => subtaskOf(subtask).chain === id)
    const listing =
      held.flatMap((region) => region.listings).find(({ chain }) => chain === id) ??
      newest?.unassigned.get(id)
    const given = new Set(sources.flatMap((source) => source.given))
    if (listing === undefined) {
      if (given.size > 0) return `nobody knows what splits source "${name}" has`
      continue
    }
    const { concurrent, splits } = listing
    // Each was to have its share at its first request, and never asks again: whose the rest is cannot be told.
    const answered = sources.filter(({ subtask, isLast }) => isLast || finished.has(subtask))
    if (concurrent && answered.length < parallelism) {
      return `source "${name}" had not handed out its splits`
    }
    left.set(id, {
      concurrent,
      splits: concurrent ? [] : splits.filter((split) => !given.has(split.id)),
    })
  }
  return left
}
