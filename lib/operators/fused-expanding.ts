/**
 * A fused run that may have to stop in the middle of its input: one with expansions, or one that goes on
 * with what a former life held.
 *
 * Its output is cut at BATCH_RECORDS_MAX, and where the gate closes, or the turn is over, the input batch waits
 * in the pass (`fused-pass.ts`). A barrier that comes meanwhile finds what the pass holds written into the state of
 * the steps that hold it. What a former life held comes first, downstream first: each step's records are
 * led from that step on.
 */
import type { Caught } from './caught.js'
import { type Compile, FusedPass } from './fused-pass.js'
import type { FusedPart } from './fused-run.js'
import { type HeldRecord, HeldRecords } from './held-records.js'
import type { OperatorContext } from './operator.js'
import { BARRIER, BATCH_RECORDS_MAX, type Barrier, type Batch, batch } from './signal.js'
import { createPump, NOTHING_YET, type Outlet, type SignalHandlers } from './signal-operator.js'

/** What a former life held, of one step. */
interface Rest {
  readonly step: number
  readonly records: readonly HeldRecord[]
}

/** What a former life held, downstream first. */
export function takeRest(parts: readonly FusedPart[]): readonly Rest[] {
  const rest = parts.map(({ context }, step) => ({
    step,
    records: new HeldRecords(context).take(),
  }))
  return rest.filter(({ records }) => records.length > 0).reverse()
}

export function expanding(
  parts: readonly FusedPart[],
  compile: Compile,
  out: Outlet<unknown>,
  caught: Caught,
  restored: readonly Rest[],
): SignalHandlers<unknown> {
  const { gate, wake } = parts.at(-1)!.context
  /** Output that replacements were put into, as far as it has not been emitted: it cannot be stored. */
  let merged: (() => Batch | null) | null = null
  const pump = createPump(
    gate,
    out,
    () => merged === null,
    () => pass.busy,
  )
  const straight = new FusedPass(parts, compile)
  let pass = straight
  let rest = restored.flatMap(inPortions)

  function next(): Batch | typeof NOTHING_YET | null {
    for (;;) {
      const more = merged?.() ?? null
      if (more !== null) return more
      merged = null
      if (!pass.busy && !goOn()) return null
      const output = pass.advance()
      if (!caught.isEmpty) merged = caught.merge(output, pass.source)
      else if (output !== null) return output
      else if (pass.busy) return NOTHING_YET
    }
  }

  /** Begins with the next of what a former life held; false where nothing is left. */
  function goOn(): boolean {
    const [first, ...others] = rest
    if (first === undefined) return false
    rest = others
    const { step, records } = first
    pass = new FusedPass(parts, compile, step, records[0]!.sent)
    pass.start(asBatch(records, parts[step]!.context))
    return true
  }

  const settle = () => pass.release()

  /** What is held is state while the barrier passes, and is none behind it. */
  function store(barrier: Barrier): void {
    const held: HeldRecord[][] = parts.map(() => [])
    pass.held((step, record) => held[step]!.push(record))
    for (const { step, records } of rest) held[step]!.push(...records)
    const states = held.map((records, step) => {
      if (records.length === 0) return null
      const state = new HeldRecords(parts[step]!.context)
      state.save(records)
      return state
    })
    out.emit(barrier)
    for (const state of states) state?.forget()
  }

  if (rest.length > 0) wake(pump.prepare(next, settle))
  return {
    batch(input) {
      pass = straight
      straight.start(input)
      pump.start(next, settle)
    },
    mark(signal) {
      if (signal.tag === BARRIER && pump.busy) store(signal)
      else out.emit(signal)
    },
    close() {
      rest = []
      merged = null
      pass.close()
    },
  }
}

/** Of whole records of one split a batch at a time; each that was sent in part by itself. */
function inPortions({ step, records }: Rest): readonly Rest[] {
  const portions: { step: number; records: HeldRecord[] }[] = []
  for (const held of records) {
    const last = portions.at(-1)?.records
    const joins =
      last !== undefined &&
      held.sent === 0 &&
      last[0]!.sent === 0 &&
      last[0]!.split === held.split &&
      last.length < BATCH_RECORDS_MAX
    if (joins) last.push(held)
    else portions.push({ step, records: [held] })
  }
  return portions
}

function asBatch(held: readonly HeldRecord[], { keyed, lanes }: OperatorContext): Batch {
  const timed = held[0]!.timeMs !== null
  return batch(
    held.map(({ record }) => record),
    keyed ? held.map(({ key }) => key) : null,
    null,
    timed ? Float64Array.from(held, ({ timeMs }) => timeMs!) : null,
    lanes.inputOf(held[0]!.split),
  )
}
