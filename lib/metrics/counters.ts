/**
 * Counters that every thread can read while one thread writes them: a table in shared memory with
 * one row per subtask. The subtask's thread is the only writer of its row; readers see values that
 * may be a moment old, never torn (each is one 64-bit float, written whole).
 *
 * Counts run from 0 to 2^53; times are in milliseconds of monotonic time. They start at 0 with each
 * attempt of the region; a subtask that is replaced by itself counts on.
 *
 * `lost` counts under `best-effort` what is known to be lost when a subtask is replaced, per channel:
 * what waited at its neighbours for it and in itself for them, what had arrived, or was on its way,
 * and was not read, on either side; and the batch that it was working on, whole. Not counted: its
 * state and with it the records that this stood for, what an operator had put off or a sink had taken
 * and not written, a record on its way in fragments, and what a slot takes with it when it dies.
 */

/** Columns of a row. The order is not part of any format. */
export const COUNTER_NAMES = [
  /** Records taken from channels, or read by the source. */
  'recordsIn',
  /** Records written to channels, or given to the sink. */
  'recordsOut',
  'batchesIn',
  'batchesOut',
  /** Records dropped by `skip`. */
  'skipped',
  'deadLetters',
  /** Records lost under the `best-effort` guarantee. */
  'lost',
  /** Time spent in turns. */
  'busyMs',
  /** Time spent with input waiting, without credit to send. */
  'backPressuredMs',
  /** Raised once per turn and per batch: the stall watch sees whether it moves. */
  'progress',
  /** 1 while a turn runs, else 0. */
  'inTurn',
  /** 1 while input is waiting, else 0. */
  'hasInput',
  'attempt',
  /** The cell of its alignment group: see lib/time/alignment.ts. */
  'alignState',
  'alignMs',
] as const

export type CounterName = (typeof COUNTER_NAMES)[number]

/** Column of each counter by name: `row[column.recordsIn]`. */
export const column = Object.fromEntries(COUNTER_NAMES.map((name, index) => [name, index])) as {
  readonly [name in CounterName]: number
}

export type CounterValues = { readonly [name in CounterName]: number }

const WIDTH = COUNTER_NAMES.length

export function createCounterTable(rows: number): SharedArrayBuffer {
  return new SharedArrayBuffer(rows * WIDTH * Float64Array.BYTES_PER_ELEMENT)
}

/** One subtask's row, for its writer. */
export function counterRow(table: SharedArrayBuffer, row: number): Float64Array {
  return new Float64Array(table, row * WIDTH * Float64Array.BYTES_PER_ELEMENT, WIDTH)
}

/** For a row whose thread may have died in a turn, before the next thread writes it. */
export function leaveTurn(row: Float64Array): void {
  row[column.inTurn] = 0
  row[column.hasInput] = 0
}

export function readCounters(row: Float64Array): CounterValues {
  const values: Partial<Record<CounterName, number>> = {}
  for (let i = 0; i < WIDTH; i++) values[COUNTER_NAMES[i]!] = row[i]!
  return values as CounterValues
}

/** Records that one operator of a subtask has taken and given: two columns, one row per operator. */
const OPERATOR_WIDTH = 2

export interface OperatorCounts {
  readonly recordsIn: number
  readonly recordsOut: number
}

export function createOperatorTable(rows: number): SharedArrayBuffer {
  return new SharedArrayBuffer(rows * OPERATOR_WIDTH * Float64Array.BYTES_PER_ELEMENT)
}

/** For its writer: adds up batch by batch. The row begins at zero, unless it is to `goOn`. */
export function operatorCounter(
  table: SharedArrayBuffer,
  row: number,
  goOn = false,
): (recordsIn: number, recordsOut: number) => void {
  const cells = operatorRow(table, row)
  if (!goOn) cells.fill(0)
  return (recordsIn, recordsOut) => {
    cells[0]! += recordsIn
    cells[1]! += recordsOut
  }
}

export function readOperator(table: SharedArrayBuffer, row: number): OperatorCounts {
  const cells = operatorRow(table, row)
  return { recordsIn: cells[0]!, recordsOut: cells[1]! }
}

/** One operator's row. */
export function operatorRow(table: SharedArrayBuffer, row: number): Float64Array {
  const bytes = OPERATOR_WIDTH * Float64Array.BYTES_PER_ELEMENT
  return new Float64Array(table, row * bytes, OPERATOR_WIDTH)
}
