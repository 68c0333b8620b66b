/**
 * `generate`: values computed from their index, as fast as they are taken or at a steady rate.
 *
 * - Guarantee: replays from any position, as far as the function gives the same value for the same
 *   index; pauses. What the function throws fails the job (`E_GENERATE`), naming the index.
 * - Splits: as many as the source has subtasks. Bounded and unpaced: contiguous ranges, `from-to`.
 *   Endless or paced: interleaved, `i/n` — every n-th index from i on — read side by side.
 * - Position: the next index.
 *
 * Paced, index i is due i/perSecond after the start, whatever the consumer does: when it was held up,
 * the backlog comes at once and keeps its due times. So `dueMs` is the arrival time of an open-loop
 * load, and latency measured from it omits nothing. Timers fire every ms at best: above 1000 per
 * second several values come together, each with its own due time.
 */

import type { Cancel, Clock } from '../base/clock.js'
import { MillraceError } from '../base/errors.js'
import { refuseUnknownOptions } from '../base/unknown-option.js'
import { assertSplits, contiguous } from './collection.js'
import type { ReadStatus, Source, SourceContext, SourceReader, Split } from './source.js'

/** `dueMs`: wall time in ms, with fractions, at which the value is due; NaN where unpaced. */
export type Generator<T> = (index: number, dueMs: number) => T

/** Options of `generate`. */
export interface GenerateOptions {
  /** Values per second, all splits together. Default: as fast as they are taken. */
  readonly perSecond?: number
  /** Default: one per subtask. */
  readonly splits?: number
}

/**
 * `count` values, or endlessly many with `Infinity`.
 *
 * @example
 * flow.from(generate(1_000_000, (i) => i * i))
 * flow.from(generate(Infinity, (i, dueMs) => ({ id: i, at: dueMs }), { perSecond: 2000 }))
 */
export function generate<T>(
  count: number,
  value: Generator<T>,
  options: GenerateOptions = {},
): Source<T> {
  refuseUnknownOptions('generate', options, ['perSecond', 'splits'])
  assertGenerate(count, options)
  const bounded = Number.isFinite(count)
  const interleaves = !bounded || options.perSecond !== undefined
  return {
    kind: 'generate',
    label: `generate(${bounded ? count : 'Infinity'})`,
    bounded,
    replays: true,
    pauses: true,
    parallelism: options.splits === 1 ? 1 : null,
    concurrentSplits: interleaves,
    settings: { count: bounded ? count : 'Infinity', ...options },
    functions: [value],
    splits: async (parallelism) => {
      const parts = options.splits ?? parallelism
      return interleaves ? interleaved(count, parts) : contiguous(count, parts)
    },
    open: ({ data }, position, context) => {
      const range: IndexRange = {
        next: (position ?? data.from) as number,
        to: data.to === undefined ? count : (data.to as number),
        step: (data.step as number | undefined) ?? 1,
      }
      return options.perSecond === undefined
        ? new GenerateReader(value, range, context)
        : new PacedReader(value, range, context, options.perSecond)
    },
  }
}

interface IndexRange {
  next: number
  readonly to: number
  readonly step: number
}

function interleaved(count: number, parts: number): Split[] {
  const wanted = Math.min(parts, Math.max(1, count))
  return Array.from({ length: wanted }, (_, from) => ({
    id: `${from}/${wanted}`,
    data: { from, step: wanted },
  }))
}

class GenerateReader<T> implements SourceReader<T> {
  readonly #value: Generator<T>
  readonly #range: IndexRange
  readonly #operator: string
  #closed = false

  constructor(value: Generator<T>, range: IndexRange, context: SourceContext) {
    this.#value = value
    this.#range = range
    this.#operator = context.operator
  }

  read(out: T[], max: number): ReadStatus {
    if (this.#closed) return 'end'
    const range = this.#range
    const { to, step } = range
    const value = this.#value
    const stop = Math.min(to, range.next + max * step)
    // In a local: a field would be written, and boxed, once per record.
    let index = range.next
    try {
      for (; index < stop; index += step) out.push(value(index, Number.NaN))
    } catch (cause) {
      throw failed(this.#operator, index, cause)
    } finally {
      range.next = index
    }
    return index < to ? 'more' : 'end'
  }

  position(): number {
    return this.#range.next
  }

  close(): void {
    this.#closed = true
  }
}

class PacedReader<T> implements SourceReader<T> {
  readonly #value: Generator<T>
  readonly #range: IndexRange
  readonly #operator: string
  readonly #clock: Clock
  readonly #wake: () => void
  readonly #msPerValue: number
  /** Monotonic and wall time at which index 0 was due. */
  #zeroMs = Number.NaN
  #zeroWallMs = Number.NaN
  #cancel: Cancel = () => {}
  #closed = false

  constructor(value: Generator<T>, range: IndexRange, context: SourceContext, perSecond: number) {
    this.#value = value
    this.#range = range
    this.#operator = context.operator
    this.#clock = context.clock
    this.#wake = () => context.wake()
    this.#msPerValue = 1000 / perSecond
  }

  read(out: T[], max: number): ReadStatus {
    if (this.#closed) return 'end'
    this.#cancel()
    const range = this.#range
    const nowMs = this.#clock.now()
    if (Number.isNaN(this.#zeroMs)) this.#start(nowMs)
    const full = out.length + max
    const before = out.length
    while (range.next < range.to && out.length < full && this.#dueMs(range.next) <= nowMs) {
      this.#push(range.next, out)
      range.next += range.step
    }
    if (range.next >= range.to) return 'end'
    if (out.length > before) return 'more'
    this.#cancel = this.#clock.after(Math.max(0, this.#dueMs(range.next) - nowMs), this.#wake)
    return 'waiting'
  }

  position(): number {
    return this.#range.next
  }

  close(): void {
    this.#closed = true
    this.#cancel()
  }

  /** The first value of a resumed reader is due now, too. */
  #start(nowMs: number): void {
    const first = this.#range.next - (this.#range.next % this.#range.step)
    this.#zeroMs = nowMs - first * this.#msPerValue
    this.#zeroWallMs = this.#clock.wallTime() - first * this.#msPerValue
  }

  #dueMs(index: number): number {
    return this.#zeroMs + index * this.#msPerValue
  }

  #push(index: number, out: T[]): void {
    try {
      out.push(this.#value(index, this.#zeroWallMs + index * this.#msPerValue))
    } catch (cause) {
      throw failed(this.#operator, index, cause)
    }
  }
}

function assertGenerate(count: number, { perSecond = 1, splits = 1 }: GenerateOptions): void {
  assertSplits('generate', splits)
  if (count === Number.POSITIVE_INFINITY || (Number.isSafeInteger(count) && count >= 0)) {
    if (perSecond > 0 && Number.isFinite(perSecond)) return
    throw new MillraceError('E_BAD_OPTION', `generate: expected perSecond > 0, saw ${perSecond}`)
  }
  throw new MillraceError('E_BAD_OPTION', `generate: expected a count or Infinity, saw ${count}`)
}

function failed(operator: string, index: number, cause: unknown): MillraceError {
  return new MillraceError(
    'E_GENERATE',
    `${operator}: the generator function threw at index ${index}: ${String(cause)}`,
    { cause, details: { operator, index } },
  )
}
