/**
 * What becomes of a wish for another number of slots. Pure; times in ms of one monotonic clock.
 *
 * A life ends for it only while there is room for the next: a wish that cannot be had costs the job nothing. Where
 * that room is gone again before the next life has its places, the job goes back to the number that it had, and
 * waits for that one if it must, as any job does that has lost slots.
 */

/** Before the life that is has ended. */
export interface RoomFacts {
  /** What is not there, for people; null: there is room. */
  readonly lacking: string | null
  readonly nowMs: number
  /** Until then it may wait for room. */
  readonly untilMs: number
}

export type RescaleStep = 'move' | 'wait' | 'refuse'

export function stepRescale({ lacking, nowMs, untilMs }: RoomFacts): RescaleStep {
  if (lacking === null) return 'move'
  return nowMs < untilMs ? 'wait' : 'refuse'
}

/** Of a life that has begun with another number of slots than the job had. */
export interface TrialFacts {
  /** It has asked for places, and has not got them. */
  readonly waits: boolean
  /** As of `RoomFacts`: its own places, and those of the life before that are not free yet, count as room. */
  readonly lacking: string | null
}

/** True where it is to go back to the number that it had. */
export const goesBack = ({ waits, lacking }: TrialFacts): boolean => waits && lacking !== null
