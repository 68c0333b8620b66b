/**
 * The contract of spilled data: runs of blocks that an operator writes when its memory is used up, and
 * reads again later, in the same subtask and attempt. It is no state: nothing of it outlives the attempt.
 *
 * Calls are synchronous, so that an operator needs no queue around them. Caller must write and read in
 * steps of a few blocks, and give its thread to others in between.
 */

/** Where a subtask spills to. */
export interface SpillStore {
  /** Begins a run. Throws E_SPILL. */
  create(): SpillWriter
  /** About how many bytes a value takes in a run; used to guess what it takes in memory. */
  bytesOf(value: unknown): number
  /** Removes all runs. Idempotent; afterwards nothing can be created. */
  close(): void
}

export interface SpillWriter {
  /** Appends a block. Throws E_SPILL (disk full, no permission), E_CANNOT_TRAVEL for what has no bytes. */
  write(block: unknown): void
  /** Nothing more comes; the run can be read. */
  finish(): SpillRun
}

export interface SpillRun {
  readonly bytes: number
  /** From its beginning; may be read once. */
  read(): SpillReader
}

export interface SpillReader {
  /** The next block, null behind the last one; then the run is gone. Throws E_SPILL. */
  next(): unknown
}
