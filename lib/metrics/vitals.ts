/**
 * A slot's vital signs: a few integers in shared memory, written by the slot's thread and readable
 * after its death. They answer two questions: does the thread's event loop still turn, and which
 * subtask's code was running when it stopped?
 *
 * One writer (the slot's thread); readers see values that may be a moment old.
 */

/** Cells. Chains are stored as id + 1, so that 0 means none. */
const BEATS = 0
const RUNNING_CHAIN = 1
const RUNNING_INDEX = 2
const LAST_CHAIN = 3
const LAST_INDEX = 4
const CELLS = 5

/** How often a slot's thread should call `beat`. */
export const BEAT_MS = 250

/** A subtask by chain id and index. */
export interface VitalsSubtask {
  readonly chain: number
  readonly index: number
}

export interface Vitals {
  /** Says that the event loop has turned. Caller must: every `BEAT_MS`, from a timer. */
  beat(): void
  /** Before a subtask's turn: until `leave`, what happens in this thread is its doing. */
  enter(chain: number, index: number): void
  /** After the turn, also when it threw something that was caught. */
  leave(): void
  /** Number of beats so far; wraps at 2^31. */
  readonly beats: number
  /** The subtask whose turn runs, or was running when the thread died. */
  readonly running: VitalsSubtask | null
  /** The subtask whose turn began last. */
  readonly last: VitalsSubtask | null
}

export function createVitalsMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(CELLS * Int32Array.BYTES_PER_ELEMENT)
}

/** The same memory seen from any thread. */
export function vitalsIn(memory: SharedArrayBuffer): Vitals {
  const cells = new Int32Array(memory)
  const subtask = (chain: number, index: number) =>
    cells[chain] === 0 ? null : { chain: cells[chain]! - 1, index: cells[index]! }
  return {
    beat() {
      Atomics.add(cells, BEATS, 1)
    },
    enter(chain, index) {
      cells[RUNNING_INDEX] = index
      cells[RUNNING_CHAIN] = chain + 1
      cells[LAST_INDEX] = index
      cells[LAST_CHAIN] = chain + 1
    },
    leave() {
      cells[RUNNING_CHAIN] = 0
    },
    get beats() {
      return Atomics.load(cells, BEATS)
    },
    get running() {
      return subtask(RUNNING_CHAIN, RUNNING_INDEX)
    },
    get last() {
      return subtask(LAST_CHAIN, LAST_INDEX)
    },
  }
}
