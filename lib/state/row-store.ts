/**
 * The database below state that is larger than memory: rows of text by text, on this machine's disk.
 *
 * It is a working copy, not a safe: it begins empty, and what a crash leaves of it is thrown away. So
 * nothing is synced; snapshots are what survives.
 *
 * *Contract.* Reading is synchronous, writing is not: a batch takes effect as a whole at some time after
 * `write` has returned, at the latest when `wait` has, or when `landed` has resolved. Batches take effect
 * in the order of their calls. A failed batch rejects `landed`, and every later one does too.
 *
 * *Caller must* keep what it has written until the batch has landed, and have at most one batch under way.
 */

/** A row, or null where it is to be gone. */
export type RowChange = readonly [key: string, row: string | null]

export interface RowWrite {
  /** Rejects with a MillraceError that says what is wrong with the place. */
  readonly landed: Promise<void>
  /** Blocks this thread until all of it can be read. Throws as `landed` rejects. */
  wait(): void
}

export interface RowStore {
  /** Throws a MillraceError where the place cannot be read. */
  get(key: string): string | undefined
  /**
   * Reads beside this thread. Undefined where there is no such row. Rejects where one cannot be read: `get`
   * says why.
   */
  getMany(keys: readonly string[]): Promise<readonly (string | undefined)[]>
  write(changes: readonly RowChange[]): RowWrite
  /** Removes every row whose key begins with `prefix`, some time. Caller must not write such a row again. */
  forget(prefix: string): void
}

/** Rows from what state keeps, and back. */
export interface RowCodec {
  /** Throws a MillraceError for what is no plain data. */
  encode(value: unknown): string
  decode(row: string): unknown
}
