/**
 * How many slots a reactive job has: as many as there are, up to its maximum. Pure; times in ms of one
 * monotonic clock.
 *
 * Nodes come and go in groups, and some come back at once; and each change costs the job a pause. So a
 * change is made when the same number has been right for `SETTLE_MS`, and a job that has changed grows
 * no sooner than `COOLDOWN_MS` later. It shrinks without that pause: what it has lost it waits for.
 */

/** So long a number must be right before it is taken. */
export const REACTIVE_SETTLE_MS = 2_000
/** Between a change and the next growth. */
export const REACTIVE_COOLDOWN_MS = 10_000

export interface ReactiveRecord {
  /** A number that would be right, and since when; null where what it has is. */
  readonly wanted: { readonly slots: number; readonly sinceMs: number } | null
  /** When its slots were changed last; it begins with a change. */
  readonly changedMs: number
}

export interface ReactiveFacts {
  readonly nowMs: number
  /** As many as it has, or waits for. */
  readonly slots: number
  /** As many as it could have: `room.ts`. 0: none, and it waits with what it has. */
  readonly room: number
  /** Another job waits for slots: what is free is not for those that have enough to run. */
  readonly othersWait: boolean
}

export interface ReactiveStep {
  readonly record: ReactiveRecord
  /** Null: nothing is to be done. */
  readonly rescaleTo: number | null
}

export const createReactiveRecord = (nowMs: number): ReactiveRecord => ({
  wanted: null,
  changedMs: nowMs,
})

export function stepReactive(record: ReactiveRecord, facts: ReactiveFacts): ReactiveStep {
  const { nowMs, slots, room, othersWait } = facts
  const isRight = room === 0 || room === slots || (room > slots && othersWait)
  if (isRight) return { record: { ...record, wanted: null }, rescaleTo: null }
  const sinceMs = record.wanted?.slots === room ? record.wanted.sinceMs : nowMs
  const isSettled = nowMs - sinceMs >= REACTIVE_SETTLE_MS
  const mayChange = room < slots || nowMs - record.changedMs >= REACTIVE_COOLDOWN_MS
  if (isSettled && mayChange) return { record: createReactiveRecord(nowMs), rescaleTo: room }
  return { record: { ...record, wanted: { slots: room, sinceMs } }, rescaleTo: null }
}
