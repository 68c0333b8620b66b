/**
 * Signals: what flows through a chain. Records travel in batches, so RxJS costs per batch, not per
 * record. Tags are small integers because the hot path switches on them.
 */

export const BATCH = 0
export const WATERMARK = 1
export const BARRIER = 2
export const IDLE = 3
export const END = 4
export const INPUT = 5

/** Records that travel together. A batch is never empty, and never touched after it was emitted. */
export interface Batch<T = unknown> {
  readonly tag: typeof BATCH
  readonly records: T[]
  /** Parallel to `records` after `keyBy`, else null. */
  readonly keys: unknown[] | null
  /** Key group of each record where a sender has hashed it already, else null. */
  readonly groups: Uint16Array | null
  /** Event time of each record, in ms since 1970, behind `timestamps`; else null. */
  readonly times: Float64Array | null
  /**
   * Which input of the chain it came by: the port of an operator with several inputs, or the number
   * of the split in a chain that begins with a source. 0 where there is but one, and behind an operator
   * with several. REST or below for what a former life held (`lanes.ts`).
   */
  readonly input: number
}

/** No record with a time ≤ `timeMs` follows; one that does is late. In ms since 1970; event time. */
export interface Watermark {
  readonly tag: typeof WATERMARK
  readonly timeMs: number
}

/** Chandy–Lamport marker: separates what belongs to snapshot `round` from what follows. */
export interface Barrier {
  readonly tag: typeof BARRIER
  readonly round: number
  /** Everything is to be stored, not only what has changed: for a savepoint. */
  readonly full: boolean
  /**
   * Present where it goes ahead of data: what it overtakes is stored with the snapshot. Else it keeps
   * its place among them.
   */
  readonly unaligned?: true
}

/** The input has gone quiet (`active: false`) or speaks again, as seen by the watermark merge. */
export interface Idle {
  readonly tag: typeof IDLE
  readonly active: boolean
}

/**
 * One of several inputs has changed: `ended` (nothing more comes by it), `idle` (a split of an endless
 * source has given nothing for a while, though it was asked), or `active` again. Made by the chain's
 * input, used up by the operator that tells inputs apart; it never leaves the chain.
 */
export interface InputChange {
  readonly tag: typeof INPUT
  readonly input: number
  readonly state: 'active' | 'idle' | 'ended'
}

/** The last signal: nothing follows. */
export interface End {
  readonly tag: typeof END
}

export type Signal<T = unknown> = Batch<T> | Watermark | Barrier | Idle | InputChange | End

/** What crosses a channel beside batches. */
export type Marker = Watermark | Barrier | Idle | End

/**
 * `batch.input` of what a former life held is this or below: splits have other numbers in each life. It
 * comes before any input has been announced.
 */
export const REST = -1

export const end: End = { tag: END }

/** Fields in one order, always, so that every batch has one hidden class. */
export function batch<T>(
  records: T[],
  keys: unknown[] | null = null,
  groups: Uint16Array | null = null,
  times: Float64Array | null = null,
  input = 0,
): Batch<T> {
  return { tag: BATCH, records, keys, groups, times, input }
}

/** Operators cut their output into batches of at most this many records. */
export const BATCH_RECORDS_MAX = 1024
