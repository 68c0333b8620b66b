/** What becomes of records that come too late: they are counted as dropped, or sent to a side output. */
import type { OperatorContext } from '../operator.js'
import { batch } from '../signal.js'

export interface LateRecords {
  add(record: unknown, timeMs: number): void
  /** True where something is to be sent: `flush` then needs an open gate. */
  readonly pending: boolean
  /** To be called once per batch. */
  flush(): void
}

/** `side`: name of the side output; null: they are dropped, and counted as `droppedLate`. */
export function lateRecords(context: OperatorContext, side: string | null): LateRecords {
  return side === null ? countLate(context) : sendLate(context, side)
}

function countLate(context: OperatorContext): LateRecords {
  const counter = context.metrics.counter('droppedLate')
  let dropped = 0
  return {
    add() {
      dropped++
    },
    pending: false,
    flush() {
      if (dropped > 0) counter.add(dropped)
      dropped = 0
    },
  }
}

/** Of one batch of input at most, so they are at most one batch. */
function sendLate(context: OperatorContext, side: string): LateRecords {
  const output = context.side(side)
  let records: unknown[] = []
  let times: number[] = []
  return {
    add(record, timeMs) {
      records.push(record)
      times.push(timeMs)
    },
    get pending() {
      return records.length > 0
    },
    flush() {
      if (records.length === 0) return
      const late = batch(records, null, null, Float64Array.from(times))
      records = []
      times = []
      output.emit(late)
    },
  }
}
