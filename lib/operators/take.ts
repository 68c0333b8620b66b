import type { OperatorFunction } from 'rxjs'
import { commonOptions, requireCount } from './arguments.js'
import { cellsOf } from './cells.js'
import { operate } from './operate.js'
import type { OperatorContext, OperatorOptions } from './operator.js'
import { recordWiseTraits } from './record-wise.js'
import { batch, end, type Signal } from './signal.js'
import { signalOperator } from './signal-operator.js'
import { keepWhere } from './stateful-filter.js'
import type { Op, Stream, Time } from './stream.js'

/**
 * Passes the first `count` records. Without a key, as RxJS `take`: it runs at parallelism 1, then ends
 * its stream and asks upstream to stop. Behind `keyBy`, the first `count` of each key: a finished key
 * stops nothing. State: one number per key, kept for ever, so that a finished key stays finished.
 *
 *     take(10)
 */
export function take<T, E extends Time, Key>(
  count: number,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, E, Key>> {
  requireCount('take', 'count', count, 0)
  return operate({
    kind: 'take',
    traits: { ...recordWiseTraits, stateful: true, orderSensitive: true, endsStream: true },
    options: commonOptions('take', options),
    settings: { count },
    functions: [],
    open: (context) => (context.keyed ? takePerKey(context, count) : takeOfAll(context, count)),
  })
}

function takePerKey(context: OperatorContext, count: number): OperatorFunction<Signal, Signal> {
  const taken = cellsOf<number>(context, 'taken')
  return keepWhere(context, (_record, key, group) => {
    const seen = taken.get(group, key) ?? 0
    if (seen >= count) return false
    taken.set(group, key, seen + 1)
    return true
  })
}

function takeOfAll(context: OperatorContext, count: number): OperatorFunction<Signal, Signal> {
  const taken = context.state.single<number>('taken')
  return signalOperator((out) => {
    let ended = false

    function finish(): void {
      if (ended) return
      ended = true
      out.emit(end)
      context.complete()
      out.stop()
    }

    // Nothing to wait for: ends at its first turn, not while the chain is being put together.
    const finishing = out.deferred(() => {
      finish()
      return true
    })
    if ((taken.get() ?? 0) >= count) context.wake(finishing)
    return {
      batch(input) {
        if (ended) return
        const seen = taken.get() ?? 0
        const records = input.records.slice(0, Math.max(0, count - seen))
        taken.set(seen + records.length)
        context.count(input.records.length, records.length)
        const times = input.times === null ? null : input.times.subarray(0, records.length)
        if (records.length > 0) out.emit(batch(records, null, null, times, input.input))
        if (seen + records.length < count) return
        // The end must not overtake records that are still being taken in downstream.
        if (context.gate.open) finish()
        else context.gate.defer(finishing)
      },
      mark(signal) {
        if (!ended) out.emit(signal)
      },
      end: finish,
    }
  })
}
