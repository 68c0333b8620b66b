/**
 * The runtime of `timestamps`: a column of times beside the records, and the watermark of the inputs.
 *
 * In a chain that begins with a source the inputs are its splits: they are announced, and go idle as
 * the source says. Elsewhere there is one input, which goes idle when nothing has come for `idleMs`
 * while the chain was free to take it.
 *
 * Order: records, then the watermark they have brought about, then idleness. While a source has more to
 * read at once, one watermark stands for a few batches. Watermarks from upstream
 * end here. Of the generators a snapshot holds what they have brought about, the watermark: after a
 * restart it is said again before any record, and goes on when one generator of each input is beyond it. What
 * operators before it held in a former life (`held-records.ts`) comes next: of several splits it says nothing.
 */
import type { OperatorFunction } from 'rxjs'
import type { Cancel } from '../../base/clock.js'
import { MillraceError } from '../../base/errors.js'
import { InputWatermarks } from '../../time/input-watermarks.js'
import type { WatermarkGenerator } from '../../time/watermark-generator.js'
import type { OperatorContext } from '../operator.js'
import { SKIP } from '../record-error.js'
import {
  BARRIER,
  type Batch,
  batch,
  IDLE,
  type Idle,
  INPUT,
  REST,
  type Signal,
  WATERMARK,
  type Watermark,
} from '../signal.js'
import { signalOperator } from '../signal-operator.js'
import { alignInputs } from './align-inputs.js'

export interface StampSettings {
  readonly timeOf: (record: unknown) => unknown
  readonly createGenerator: () => WatermarkGenerator
  /** 0: never idle. */
  readonly idleMs: number
  readonly align: { readonly group: string; readonly driftMs: number } | null
}

/** Farthest time that a Date can have. */
const TIME_MAX_MS = 8.64e15
/**
 * A watermark may wait for so many batches, and so long, while others follow at once: each brings what is
 * under way to an end, in small batches. Nexmark's q11 on two slots sent a message for 20 records.
 */
const HELD_BATCHES_MAX = 16
const HELD_MS_MAX = 5
/** A look that comes this late says nothing: the subtask was held up, or its thread busy. */
const LOOK_LATE_MS = 50

export function stampRecords(
  context: OperatorContext,
  { timeOf, createGenerator, idleMs, align }: StampSettings,
): OperatorFunction<Signal, Signal> {
  const { errors, clock, operator, gate, restoredTimeMs } = context

  /** A time in spite of the error, where the record is tried again. */
  function recovered(error: unknown, record: unknown, key: unknown): number | typeof SKIP {
    return errors.recover(error, record, key, () => {
      const timeMs = timeOf(record)
      if (!isTime(timeMs)) throw badTime(timeMs, operator)
      return timeMs
    })
  }

  return signalOperator((out) => {
    const generators = new Map<number, WatermarkGenerator>()
    const watermarks = new InputWatermarks()
    const alignment = align === null ? null : alignInputs(context, align, watermarks)
    let saidMs = Number.NEGATIVE_INFINITY
    let saidActive = true
    /** Batches since the last watermark, and the time of the first of them. */
    let held = 0
    let heldSinceMs = 0
    /** Inputs are announced: the source tells which of them are idle. */
    let announced = false
    let lastMs = clock.now()
    let stopLooking: Cancel = () => {}
    let lookDueMs = Number.NaN

    /** What is still to be said, first things first; null when there is nothing. */
    function nextMark(): Watermark | Idle | null {
      const { active } = watermarks
      const timeMs = Math.max(watermarks.timeMs, restoredTimeMs)
      if (active && !saidActive) return { tag: IDLE, active: true }
      if (timeMs > saidMs) return { tag: WATERMARK, timeMs }
      if (!active && saidActive) return { tag: IDLE, active: false }
      return null
    }

    /** Time must not overtake records: while they are still being taken in downstream, it waits. */
    function say(): boolean {
      held = 0
      for (let mark = nextMark(); mark !== null; mark = nextMark()) {
        if (!gate.open) {
          gate.defer(saying)
          return false
        }
        if (mark.tag === IDLE) saidActive = mark.active
        else saidMs = mark.timeMs
        out.emit(mark)
      }
      alignment?.update()
      return true
    }

    /** What is not said when a barrier passes would be forgotten by a source that then goes quiet. */
    function owe(): void {
      const { timeMs } = watermarks
      if (timeMs > saidMs && Number.isFinite(timeMs)) context.owesTime(timeMs)
    }

    // A barrier may come ahead of it: what time has come is stored with that.
    const saying = out.deferred(say, () => true)

    /** True where the watermark waits for the batch that follows. */
    function waits(): boolean {
      if (!announced || !context.inputFollows()) return false
      if (held === 0) heldSinceMs = clock.now()
      else if (held >= HELD_BATCHES_MAX || clock.now() - heldSinceMs >= HELD_MS_MAX) return false
      held++
      alignment?.update()
      return true
    }

    function generatorFor(input: number): WatermarkGenerator {
      let generator = generators.get(input)
      if (generator === undefined) {
        generator = createGenerator()
        generators.set(input, generator)
      }
      return generator
    }

    /** With the times of its records; without those that have none. */
    function stamp(input: Batch): Batch | null {
      const { records, keys } = input
      const times = new Float64Array(records.length)
      let kept: unknown[] | null = null
      let keptKeys: unknown[] | null = null
      let n = 0
      for (let i = 0; i < records.length; i++) {
        try {
          const timeMs = timeOf(records[i])
          // Also false for what is no number.
          if (!isTime(timeMs)) throw badTime(timeMs, operator)
          times[n] = timeMs
        } catch (error) {
          const timeMs = recovered(error, records[i], keys === null ? undefined : keys[i])
          if (timeMs === SKIP) {
            kept ??= records.slice(0, i)
            if (keys !== null) keptKeys ??= keys.slice(0, i)
            continue
          }
          times[n] = timeMs
        }
        n++
        if (kept !== null) kept.push(records[i])
        if (keptKeys !== null) keptKeys.push(keys![i])
      }
      context.count(records.length, n)
      if (n === 0) return null
      return kept === null
        ? batch(records, keys, input.groups, times, input.input)
        : batch(kept, keptKeys, null, times.subarray(0, n), input.input)
    }

    /** Records must not come from an idle input. */
    function wakeUp(): void {
      if (saidActive) return
      saidActive = true
      out.emit({ tag: IDLE, active: true })
    }

    /** It was read in a former life: it says nothing about the time of a split. */
    function passRest(rest: Batch): void {
      const stamped = stamp(rest)
      if (stamped === null) return
      wakeUp()
      out.emit(stamped)
    }

    /** Without a source that says so: nothing has come for a while, though it could have. */
    function lookForIdle(): void {
      const nowMs = clock.now()
      const isLate = nowMs > lookDueMs + LOOK_LATE_MS
      lookDueMs = Number.NaN
      if (announced || out.closed) return
      if (isLate) lastMs = nowMs
      const dueMs = lastMs + idleMs
      if (dueMs > nowMs) return lookLater(dueMs)
      // It may never have spoken.
      watermarks.advance(0, Number.NEGATIVE_INFINITY)
      watermarks.setIdle(0, true)
      say()
    }

    function lookLater(dueMs: number): void {
      if (idleMs === 0 || announced || !Number.isNaN(lookDueMs)) return
      lookDueMs = dueMs
      stopLooking = clock.after(Math.max(0, dueMs - clock.now()), () => context.wake(look))
    }

    // Deferred work runs when the chain is free: never while it is held up.
    const look = out.deferred(
      () => {
        lookForIdle()
        return true
      },
      () => true,
    )

    lookLater(lastMs + idleMs)
    return {
      batch(input) {
        if (saidMs < restoredTimeMs) say()
        const isRest = input.input <= REST
        if (isRest && context.readsSplits) return passRest(input)
        lastMs = announced ? lastMs : clock.now()
        const stamped = stamp(input)
        // Elsewhere, and where another one before it has heard of them, inputs are not told apart.
        const at = announced ? input.input : 0
        const generator = generatorFor(at)
        if (stamped !== null) observe(generator, stamped.records, stamped.times!)
        const wasActive = watermarks.active
        watermarks.advance(at, generator.watermarkMs)
        if (!wasActive) wakeUp()
        if (stamped !== null) out.emit(stamped)
        if (!waits()) say()
        lookLater(lastMs + idleMs)
      },
      mark(signal) {
        if (signal.tag === WATERMARK) return
        if (signal.tag === BARRIER) owe()
        if (signal.tag !== INPUT) return out.emit(signal)
        announced = true
        if (signal.state === 'ended') {
          watermarks.close(signal.input)
          generators.delete(signal.input)
          alignment?.forget(signal.input)
        } else if (signal.state === 'idle') watermarks.setIdle(signal.input, true)
        else if (generators.has(signal.input)) watermarks.setIdle(signal.input, false)
        else watermarks.open(signal.input)
        say()
      },
      end(signal) {
        alignment?.leave()
        out.emit(signal)
      },
      close() {
        stopLooking()
        alignment?.leave()
      },
    }
  })
}

function observe(generator: WatermarkGenerator, records: unknown[], times: Float64Array): void {
  if (generator.onTimes !== undefined) return generator.onTimes(times)
  for (let i = 0; i < records.length; i++) generator.onRecord(records[i], times[i]!)
}

const isTime = (timeMs: unknown): timeMs is number =>
  typeof timeMs === 'number' && timeMs >= -TIME_MAX_MS && timeMs <= TIME_MAX_MS

function badTime(timeMs: unknown, operator: string): MillraceError {
  const seen = timeMs instanceof Date ? 'a Date; give its getTime()' : String(timeMs)
  return new MillraceError(
    'E_BAD_TIME',
    `operator "${operator}": the event time of a record must be a number of milliseconds since 1970, ` +
      `from −8.64e15 to 8.64e15; seen: ${seen}`,
    { details: { operator } },
  )
}
