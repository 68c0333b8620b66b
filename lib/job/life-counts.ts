/**
 * What a job has counted over its lives: on a cluster, being moved, rescaled or evacuated begins another
 * life, and so does a coordinator that is started again and cannot adopt what runs. Each counts for itself; here
 * they are added up.
 *
 * The counts of a life are known when it has ended in order. Of one that died with its coordinator only
 * that it was there is known. Pure.
 */

/** Of one life, or of several together. Records, but for `wallMs`. */
export interface Counts {
  readonly recordsIn: number
  readonly recordsOut: number
  readonly skipped: number
  readonly deadLetters: number
  /** Under `best-effort`, records known to be lost; what is not counted: lib/metrics/counters.ts. */
  readonly lost: number
  /** From the moment it first ran: planning and starting threads are not in it. */
  readonly wallMs: number
}

export interface Lives {
  readonly lives: number
  /** Those of them whose counts are known. */
  readonly livesCounted: number
}

/** Of the lives before the present one. */
export interface LifeCounts extends Counts, Lives {
  /** Nothing of a life after them has been deployed: one that dies before then was none. */
  readonly isAtRest: boolean
}

export const NO_LIVES: LifeCounts = {
  recordsIn: 0,
  recordsOut: 0,
  skipped: 0,
  deadLetters: 0,
  lost: 0,
  wallMs: 0,
  lives: 0,
  livesCounted: 0,
  isAtRest: true,
}

/** A life after them is still to be deployed. */
export const atRest = (before: LifeCounts): LifeCounts => ({ ...before, isAtRest: true })

/** Something of a life after them is to be opened. */
export const deployed = (before: LifeCounts): LifeCounts => ({ ...before, isAtRest: false })

/** As far as a record tells: one from before lives were counted says only whether something of one was deployed. */
export const livesTold = (before: LifeCounts | undefined, hasDeployed: boolean): LifeCounts =>
  before ?? (hasDeployed ? deployed(NO_LIVES) : NO_LIVES)

/** A coordinator goes on with the job in a life of its own, still to be deployed: what was has died uncounted. */
export const takenOver = (before: LifeCounts): LifeCounts =>
  atRest({ ...before, lives: before.lives + (before.isAtRest ? 0 : 1) })

/** A life has ended in order. */
export const withLife = (before: LifeCounts, life: Counts): LifeCounts => ({
  recordsIn: before.recordsIn + life.recordsIn,
  recordsOut: before.recordsOut + life.recordsOut,
  skipped: before.skipped + life.skipped,
  deadLetters: before.deadLetters + life.deadLetters,
  lost: before.lost + life.lost,
  wallMs: before.wallMs + life.wallMs,
  lives: before.lives + 1,
  livesCounted: before.livesCounted + 1,
  isAtRest: true,
})

/** The last life, as if it had been the only one. One of which nothing has been deployed was none. */
export const summed = <S extends Counts>(life: S, before: LifeCounts): S & Lives => ({
  ...life,
  ...countsOf(before.isAtRest ? before : withLife(before, life)),
})

/** Of all of them together. */
export const countsOf = ({ isAtRest: _isAtRest, ...counts }: LifeCounts): Counts & Lives => counts
