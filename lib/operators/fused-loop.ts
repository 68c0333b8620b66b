/**
 * The fused loop: adjacent record-wise operators as one operator with one loop.
 *
 * `fuse` takes the steps with the contexts of their operators and gives one signal operator. User
 * functions stay ordinary calls, each in a `try` of its own, so that an error is that of one record
 * of one operator. Keys travel beside the records; `keyBy` sets them anew. A batch in which no
 * record was changed or dropped passes by reference, and key groups stay as long as keys do.
 *
 * Without expansions a batch gives at most one batch. With them the output is cut at
 * BATCH_RECORDS_MAX, and where the gate closes the input batch waits in the cursor (`fused-run.ts`).
 */
import type { OperatorFunction } from 'rxjs'
import { assert } from '../base/assert.js'
import { interpretRun } from './fused-closures.js'
import { generateRun, mayGenerateCode } from './fused-code.js'
import { Cursor, type FusedPart, type Run, shapeOf } from './fused-run.js'
import { type Batch, batch, type Signal } from './signal.js'
import { createPump, type Outlet, type SignalHandlers, signalOperator } from './signal-operator.js'

export type { FusedPart } from './fused-run.js'

export interface FuseOptions {
  /** False interprets the steps instead. Default: generate where the process may. */
  readonly generate?: boolean
}

/** Fuses steps, upstream first. Each keeps its own error policy and its own counters. */
export function fuse(
  parts: readonly FusedPart[],
  options: FuseOptions = {},
): OperatorFunction<Signal, Signal> {
  assert(parts.length > 0, 'a fused run has a step')
  const generate = options.generate ?? mayGenerateCode()
  const compile = generate ? generateRun : interpretRun
  return signalOperator((out) => {
    // Compiled when the first batch shows whether keys come along.
    const runs: { keyed: Run | null; bare: Run | null } = { keyed: null, bare: null }
    const runFor = (input: Batch): Run => {
      const kind = input.keys === null ? 'bare' : 'keyed'
      const run = runs[kind] ?? compile(parts, kind === 'keyed')
      runs[kind] = run
      return run
    }
    return shapeOf(parts, false).expands
      ? expanding(parts, runFor, out)
      : oneToOne(parts, runFor, out)
  })
}

function oneToOne(
  parts: readonly FusedPart[],
  runFor: (input: Batch) => Run,
  out: Outlet<unknown>,
): SignalHandlers<unknown> {
  const cursor = new Cursor(parts)
  return {
    batch(input) {
      cursor.start(input.records, input.keys)
      runFor(input)(cursor)
      const { out: records, outKeys } = cursor
      cursor.release()
      if (records === null && outKeys === null) return out.emit(input)
      const kept = records ?? input.records
      if (kept.length === 0) return
      out.emit(outKeys === null ? batch(kept, input.keys, input.groups) : batch(kept, outKeys))
    },
  }
}

function expanding(
  parts: readonly FusedPart[],
  runFor: (input: Batch) => Run,
  out: Outlet<unknown>,
): SignalHandlers<unknown> {
  const pump = createPump(parts.at(-1)!.context.gate, out)
  const cursor = new Cursor(parts)
  let run: Run | null = null

  function next(): Batch | null {
    while (run !== null) {
      if (run(cursor)) run = null
      const { out: records, outKeys } = cursor
      if (records !== null && records.length > 0) return batch(records, outKeys)
    }
    return null
  }

  return {
    batch(input) {
      run = runFor(input)
      cursor.start(input.records, input.keys)
      pump.start(next, () => cursor.release())
    },
    close() {
      run = null
      cursor.release()
      for (const expansion of cursor.expansions.toReversed()) expansion.close()
    },
  }
}
