/**
 * State as rows: how it goes into a snapshot and comes out of one.
 *
 * A row says that something is there; the others say what is not there any more. What a record is, by kind:
 * - value, reducing, aggregating, single: the value (of a folding state its accumulator)
 * - list, operatorList: one element, and its number in the list; numbers ascend without gap
 * - map, broadcast: one entry, and its place: entries lie in order of their places
 * - timers: name and place: timers of one time fire in order of their places
 *
 * What has no key lies in group 0 under the key undefined.
 */
import type { Epochs } from '../base/epochs.js'
import type { Pace } from '../base/pace.js'
import type { Ttl } from './state.js'

export type StateKind =
  | 'value'
  | 'list'
  | 'map'
  | 'reducing'
  | 'aggregating'
  | 'single'
  | 'operatorList'
  | 'broadcast'
  | 'timers'

export const STATE_KINDS: readonly StateKind[] = [
  'value',
  'list',
  'map',
  'reducing',
  'aggregating',
  'single',
  'operatorList',
  'broadcast',
  'timers',
]

export interface ElementRecord {
  readonly at: number
  readonly value: unknown
}

export interface EntryRecord {
  readonly key: unknown
  readonly at: number
  readonly value: unknown
}

export interface TimerRecord {
  readonly name: string
  readonly at: number
}

/** Keys and records side by side, `size` of them: the lists may be longer, for they are filled several times. */
export interface Run {
  readonly keys: unknown[]
  readonly records: unknown[]
  size: number
}

/** Takes rows. Rows of one snapshot take effect in this order, whatever that of the calls. */
export interface Rows {
  /** All keys of a group are gone. */
  dropGroup(group: number): void
  dropKey(group: number, key: unknown): void
  /** Of a map the key of an entry; of a list the number of the first element left; of timers a place. */
  dropPart(group: number, key: unknown, part: unknown): void
  /** `timeMs`: with a TTL the end of life; of timers their time; otherwise 0. */
  put(group: number, key: unknown, record: unknown, timeMs: number): void
  /**
   * As `put` of rows of a run, without times, from place `from` on: of so many as fill a frame or, where they
   * do not, of `max`. Returns the place to go on from. Absent: rows are taken one by one. *Caller must* not
   * change the run until it is through.
   */
  putRun?(group: number, run: Run, from: number, max: number): number
}

/** One state of a store. */
export interface StoredState {
  readonly name: string
  readonly kind: StateKind
  readonly ttl: Ttl | null
  /**
   * Entries: keys, or elements and timers where it has no keys. Known without going through them; rows are as many, or
   * more where a key has a list or a map.
   */
  readonly size: number
  /**
   * Gives rows of the state as it was when this epoch began, as many per step as `pace` says, while the state
   * goes on to change: those changed since the beginning of epoch `from`, or all where that is null. While no
   * epoch's beginning is read: as it is. *Caller must* walk over a state once in an epoch: what has been given
   * is not kept any more.
   */
  walk(rows: Rows, from: number | null, pace: Pace): Iterator<void>
}

export interface UnclaimedState {
  readonly name: string
  readonly kind: StateKind
  readonly entries: number
}

/** Rows that become state. `done` once all are there. */
export interface Restoring extends Rows {
  done(): void
}

/** What a state backend is, beside a StateStore, to be snapshotted. */
export interface SnapshotSource {
  readonly maxParallelism: number
  readonly epochs: Epochs
  /** What giving a row takes at most, where a row of the heap takes 1. */
  readonly rowCost: number
  states(): readonly StoredState[]
  /** Fills a state that its operator has not declared yet. */
  restore(name: string, kind: StateKind, ttl: Ttl | null): Restoring
  /** What was restored, holds something, and was not declared by its operator. */
  unclaimed(): readonly UnclaimedState[]
  /** Of what was restored, whatever is not declared by now is gone: no later snapshot has it. */
  dropUnclaimed(): void
}
