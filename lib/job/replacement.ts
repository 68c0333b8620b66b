/**
 * The replacement of one failed subtask beside live neighbours; only under `best-effort`.
 *
 * | stage      | does                                     | waits for                                 |
 * |------------|------------------------------------------|-------------------------------------------|
 * | BackingOff | nothing                                  | its back-off                              |
 * | Due        | nothing                                  | the replacement under way in its region   |
 * | Opening    | creates the new subtask and its channels | the answer of the slot that hosts it      |
 * | Joining    | the other slots renew their channel ends | the answers of these slots; then it starts |
 *
 * Both ends of a channel carry the *revision*, a number larger than every attempt and revision
 * before. The receiving end must not lag behind the sending one, so the host renews its ends first,
 * and the new subtask, which could send, starts last. In each region one replacement at a time is
 * beyond `Due`: two that share a channel would give its ends different numbers.
 *
 * A new subtask that fails before it starts begins again at BackingOff. What else happens to the
 * region — a slot dies, the job ends — aborts it whole, and its replacements with it.
 */
import type { SubtaskId } from '../graph/subtasks.js'

export interface Replacement {
  readonly subtask: SubtaskId
  readonly stage: 'BackingOff' | 'Due' | 'Opening' | 'Joining'
  /** Names this try; given anew when it opens. */
  readonly revision: number
  /** The slot that hosts the subtask. */
  readonly slot: number
  /** Slots that have not answered. */
  readonly awaited: readonly number[]
}

export type Replacements = readonly Replacement[]

/** The subtask has failed; a replacement of it that was under way is given up. */
export function begin(
  replacements: Replacements,
  subtask: SubtaskId,
  slot: number,
  revision: number,
): Replacements {
  const others = replacements.filter((other) => !isSame(other.subtask, subtask))
  return [...others, { subtask, slot, revision, stage: 'BackingOff', awaited: [] }]
}

/** The one to open now, if any. */
export function nextDue(replacements: Replacements): Replacement | null {
  const isBusy = replacements.some(({ stage }) => stage === 'Opening' || stage === 'Joining')
  return isBusy ? null : (replacements.find(({ stage }) => stage === 'Due') ?? null)
}

export const change = (
  replacements: Replacements,
  { revision }: { readonly revision: number },
  to: Partial<Replacement>,
): Replacements =>
  replacements.map((other) => (other.revision === revision ? { ...other, ...to } : other))

export const without = (
  replacements: Replacements,
  { revision }: { readonly revision: number },
): Replacements => replacements.filter((other) => other.revision !== revision)

export const withRevision = (replacements: Replacements, revision: number): Replacement | null =>
  replacements.find((other) => other.revision === revision) ?? null

const isSame = (a: SubtaskId, b: SubtaskId): boolean => a.chain === b.chain && a.index === b.index
