/**
 * Stands before an operator whose state is larger than memory: while one batch is worked on, what the next
 * one needs is read. So it holds a batch back until its rows have come, and takes another meanwhile; marks
 * keep their place among batches.
 *
 * What it holds is no state: a barrier leaves behind it, as soon as the rows are there.
 */
import type { OperatorFunction } from 'rxjs'
import { keyGroupOf } from '../base/key.js'
import type { ReadAhead, ReadsAhead } from '../state/read-ahead.js'
import type { Deferred, Gate } from './operator.js'
import { BARRIER, BATCH, type Batch, batch, END, type Signal } from './signal.js'
import { signalOperator } from './signal-operator.js'

/** One is worked on while the rows of another come. */
const BATCHES_MAX = 2
const SIGNALS_MAX = 8

interface Held {
  readonly signal: Signal
  /** Null where nothing is awaited. */
  readonly ahead: ReadAhead | null
  hasLanded: boolean
}

export interface ReadAheadSettings {
  readonly gate: Gate
  readonly wake: (work: Deferred) => void
  readonly maxParallelism: number
  /** The state of the operator that follows; null: it cannot read ahead. */
  readonly state: () => ReadsAhead | null
}

export function readAhead({
  gate,
  wake,
  maxParallelism,
  state,
}: ReadAheadSettings): OperatorFunction<Signal, Signal> {
  return signalOperator((out) => {
    let held: Held[] = []
    let batches = 0

    const work = out.deferred(() => {
      const isDone = passOn()
      // Nobody drains what waits for rows before they wake it.
      return isDone || !isFull()
    })

    /** Emits what is ready; true when nothing is left. */
    function passOn(): boolean {
      while (held.length > 0 && !out.closed) {
        const { signal, ahead, hasLanded } = held[0]!
        if (!hasLanded || !gate.open) return false
        held.shift()
        if (signal.tag === BATCH) batches--
        out.emit(signal)
        ahead?.done()
      }
      return true
    }

    const isFull = (): boolean => {
      const last = held.at(-1)
      if (last === undefined) return false
      const isLast = last.signal.tag === BARRIER || last.signal.tag === END
      return held[0]!.hasLanded || isLast || batches === BATCHES_MAX || held.length >= SIGNALS_MAX
    }

    function take(signal: Signal, ahead: ReadAhead | null): void {
      const taken: Held = { signal, ahead, hasLanded: ahead === null }
      held.push(taken)
      void ahead?.landed.then(() => {
        taken.hasLanded = true
        if (held[0] === taken) wake(work)
      })
      if (!passOn() && isFull()) gate.defer(work)
    }

    return {
      batch(input) {
        const reads = state()
        batches++
        if (reads === null || input.keys === null) return take(input, null)
        const known = withGroups(input, maxParallelism)
        take(known, reads.readAhead(known.groups!, known.keys!))
      },
      mark: (signal) => take(signal, null),
      close() {
        for (const { ahead } of held) ahead?.done()
        held = []
      },
    }
  })
}

function withGroups(input: Batch, maxParallelism: number): Batch {
  const { records, keys, groups, times } = input
  if (groups !== null) return input
  const found = new Uint16Array(records.length)
  for (let i = 0; i < found.length; i++) found[i] = keyGroupOf(keys![i], maxParallelism)
  return batch(records, keys, found, times, input.input)
}
