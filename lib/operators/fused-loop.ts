/**
 * The fused loop: adjacent record-wise operators as one operator with one loop.
 *
 * `fuse` takes the steps with the contexts of their operators and gives one signal operator. User
 * functions stay ordinary calls, each in a `try` of its own, so that an error is that of one record
 * of one operator. Keys and event times travel beside the records; `keyBy` sets keys anew. A batch in which no
 * record was changed or dropped passes by reference, and key groups stay as long as keys do.
 *
 * Without expansions a batch gives at most one batch. With them the output is cut at
 * BATCH_RECORDS_MAX, and where the gate closes the input batch waits in the cursor (`fused-run.ts`).
 */
import type { OperatorFunction } from 'rxjs'
import { assert } from '../base/assert.js'
import { Caught } from './caught.js'
import { interpretRun } from './fused-closures.js'
import { generateRun, mayGenerateCode } from './fused-code.js'
import { Cursor, type FusedPart, type Run, shapeOf } from './fused-run.js'
import { type Batch, batch, type Signal } from './signal.js'
import { createPump, type Outlet, type SignalHandlers, signalOperator } from './signal-operator.js'

export type { FusedPart } from './fused-run.js'

export interface FuseOptions {
  /** False interprets the steps instead. Default: generate where the process may. */
  readonly generate?: boolean
  /** What takes the place of records whose errors the last step catches. */
  readonly caught?: Caught
}

/** Fuses steps, upstream first. Each keeps its own error policy and its own counters. */
export function fuse(
  parts: readonly FusedPart[],
  options: FuseOptions = {},
): OperatorFunction<Signal, Signal> {
  assert(parts.length > 0, 'a fused run has a step')
  const generate = options.generate ?? mayGenerateCode()
  const caught = options.caught ?? new Caught()
  const compile = generate ? generateRun : interpretRun
  return signalOperator((out) => {
    // Compiled when the first batch shows what comes beside the records.
    const runs: (Run | null)[] = [null, null, null, null]
    const runFor = ({ keys, times }: Batch): Run => {
      const kind = (keys === null ? 0 : 1) + (times === null ? 0 : 2)
      const run = runs[kind] ?? compile(parts, { keyed: keys !== null, timed: times !== null })
      runs[kind] = run
      return run
    }
    return shapeOf(parts, { keyed: false, timed: false }).expands
      ? expanding(parts, runFor, out, caught)
      : oneToOne(parts, runFor, out, caught)
  })
}

function oneToOne(
  parts: readonly FusedPart[],
  runFor: (input: Batch) => Run,
  out: Outlet<unknown>,
  caught: Caught,
): SignalHandlers<unknown> {
  const cursor = new Cursor(parts)
  const pump = createPump(parts.at(-1)!.context.gate, out)

  /** What came out, null where nothing did. */
  function outputOf(input: Batch): Batch | null {
    const { out: records, outKeys, outTimes } = cursor
    if (records === null && outKeys === null) return input
    const kept = records ?? input.records
    if (kept.length === 0) return null
    const times = outTimes ?? input.times
    return outKeys !== null
      ? batch(kept, outKeys, null, times, input.input)
      : batch(kept, input.keys, input.groups, times, input.input)
  }

  return {
    batch(input) {
      cursor.start(input)
      runFor(input)(cursor)
      const output = outputOf(input)
      cursor.release()
      if (!caught.isEmpty) pump.start(caught.merge(output, input), () => {})
      else if (output !== null) out.emit(output)
    },
  }
}

function expanding(
  parts: readonly FusedPart[],
  runFor: (input: Batch) => Run,
  out: Outlet<unknown>,
  caught: Caught,
): SignalHandlers<unknown> {
  const pump = createPump(parts.at(-1)!.context.gate, out)
  const cursor = new Cursor(parts)
  let run: Run | null = null
  let source: Batch | null = null
  /** Output that replacements were put into, as far as it has not been emitted. */
  let merged: (() => Batch | null) | null = null

  function next(): Batch | null {
    for (;;) {
      const more = merged?.() ?? null
      if (more !== null) return more
      merged = null
      if (run === null) return null
      if (run(cursor)) run = null
      const { out: records, outKeys, outTimes } = cursor
      const some = records !== null && records.length > 0
      const output = some ? batch(records, outKeys, null, outTimes, source!.input) : null
      if (!caught.isEmpty) merged = caught.merge(output, source!)
      else if (output !== null) return output
    }
  }

  return {
    batch(input) {
      run = runFor(input)
      source = input
      cursor.start(input)
      pump.start(next, () => cursor.release())
    },
    close() {
      run = null
      merged = null
      cursor.release()
      for (const expansion of cursor.expansions.toReversed()) expansion.close()
    },
  }
}
