/**
 * Stands before an operator in the middle of a chain, where that was the first of its chain when an
 * unaligned snapshot was taken: gives it the records that were in flight to it before anything else.
 * (For the first operator of a chain the inlet does.) They come behind the watermark that the operator had
 * reached, so event time does not run ahead of them, and none is late that was not.
 *
 * It is deferred until all of them have been taken, so nothing enters the chain before: neither input nor
 * the barrier of another round, which waits.
 */
import type { OperatorFunction } from 'rxjs'
import type { Deferred, Gate } from './operator.js'
import { type Batch, type Signal, WATERMARK } from './signal.js'
import { signalOperator } from './signal-operator.js'

/** `timeMs`: watermark of the operator; null: it had none. */
export function replay(
  gate: Gate,
  wake: (work: Deferred) => void,
  batches: readonly Batch[],
  timeMs: number | null,
): OperatorFunction<Signal, Signal> {
  return signalOperator((out) => {
    let saidMs = Number.NEGATIVE_INFINITY
    let next = 0
    const say = (mark: Exclude<Signal, Batch>) => {
      if (mark.tag === WATERMARK) {
        // What the chain begins with may be behind what the operator had reached.
        if (mark.timeMs <= saidMs) return
        saidMs = mark.timeMs
      }
      out.emit(mark)
    }
    const work = out.deferred(() => {
      if (next === 0 && timeMs !== null) say({ tag: WATERMARK, timeMs })
      while (next < batches.length && !out.closed) {
        if (!gate.open) return false
        out.emit(batches[next++]!)
      }
      return true
    })
    if (batches.length > 0) wake(work)
    return { batch: (batch) => out.emit(batch), mark: say }
  })
}
