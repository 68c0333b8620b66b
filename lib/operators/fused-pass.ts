/**
 * Leads batches through the steps of a fused run, from one of them on: the first, or, of what a former
 * life held, the one it was held by (`held-records.ts`).
 *
 * Where the output was cut, expansions are open, outermost first. What the pass then holds is, of each expansion, the
 * record in hand and how many of its results have gone on, and before the first step what is left of
 * the input. An expansion that goes on in another life calls its function again for that record and drops
 * as many; steps between expansions are not run again for what has passed them.
 */
import { Cursor, type FusedPart, type Run, type RunShape, shapeOf } from './fused-run.js'
import type { HeldRecord } from './held-records.js'
import type { OperatorContext } from './operator.js'
import { type Batch, batch } from './signal.js'

/** Compiles a run for batches that come with keys, times, or neither. */
export type Compile = (
  parts: readonly FusedPart[],
  beside: { readonly keyed: boolean; readonly timed: boolean },
) => Run

export class FusedPass {
  /** Number of its first step in the run. */
  readonly at: number
  readonly #parts: readonly FusedPart[]
  readonly #compile: Compile
  readonly #cursor: Cursor
  /** Steps that expand, as the cursor numbers them. */
  readonly #expandAt: readonly number[]
  readonly #shape: RunShape
  /** Results that a former life has emitted of the only record of its input. */
  readonly #sent: number
  // Compiled when the first batch shows what comes beside the records.
  readonly #runs: (Run | null)[] = [null, null, null, null]
  #run: Run | null = null
  #source: Batch | null = null

  /** `sent`: of the only record it is to lead, the results that were emitted; they are not given again. */
  constructor(parts: readonly FusedPart[], compile: Compile, at = 0, sent = 0) {
    this.at = at
    this.#parts = sent === 0 ? parts.slice(at) : [resumed(parts[at]!, sent), ...parts.slice(at + 1)]
    this.#compile = compile
    this.#sent = sent
    this.#cursor = new Cursor(this.#parts)
    this.#expandAt = this.#parts.flatMap(({ step }, s) => (step.kind === 'expand' ? [s] : []))
    this.#shape = shapeOf(this.#parts, { keyed: false, timed: false })
  }

  /** True while some of the input is left. */
  get busy(): boolean {
    return this.#run !== null
  }

  /** The batch it leads, until `release`. */
  get source(): Batch {
    return this.#source!
  }

  start(input: Batch): void {
    this.#source = input
    this.#run = this.#runFor(input)
    this.#cursor.start(input)
  }

  /** The next output; null where nothing came out, which may be before the end. Caller must have seen `busy`. */
  advance(): Batch | null {
    if (this.#run!(this.#cursor)) this.#run = null
    return this.#outputOf(this.#source!)
  }

  /** Tells what it holds, each step's own in order. */
  held(tell: (step: number, held: HeldRecord) => void): void {
    if (this.#run === null) return
    const { open, depth, expansions, index, heldTime, times } = this.#cursor
    const { records, keys, input } = this.#source!
    const split = this.#parts[0]!.context.lanes.splitOf(input)
    if (open) {
      const timeMs = times === null ? null : heldTime
      expansions.slice(0, depth).forEach(({ held: record, heldKey: key, pulled }, x) => {
        const s = this.#expandAt[x]!
        const sent = s === 0 ? this.#sent + pulled : pulled
        tell(this.at + s, { record, key, timeMs, sent, split })
      })
    }
    for (let i = index; i < records.length; i++) {
      const [key, timeMs] = [keys?.[i], times?.[i] ?? null]
      tell(this.at, { record: records[i], key, timeMs, sent: this.#sent, split })
    }
  }

  /** Lets go of the batch. */
  release(): void {
    this.#source = null
    this.#cursor.release()
  }

  /** Gives up what is open. */
  close(): void {
    this.#run = null
    this.#cursor.release()
    for (const expansion of this.#cursor.expansions.toReversed()) expansion.close()
  }

  #runFor({ keys, times }: Batch): Run {
    const kind = (keys === null ? 0 : 1) + (times === null ? 0 : 2)
    const beside = { keyed: keys !== null, timed: times !== null }
    const run = this.#runs[kind] ?? this.#compile(this.#parts, beside)
    this.#runs[kind] = run
    return run
  }

  /** What came out, null where nothing did. */
  #outputOf(input: Batch): Batch | null {
    const { out: records, outKeys, outTimes } = this.#cursor
    if (records === null && outKeys === null) return input
    const kept = records ?? input.records
    if (kept.length === 0) return null
    const times = outTimes ?? input.times
    if (outKeys !== null) return batch(kept, outKeys, null, times, input.input)
    const groups = this.#shape.expands ? null : input.groups
    return batch(kept, input.keys, groups, times, input.input)
  }
}

/** The expansion of a record of which `sent` results are out: whatever fails, it cannot be skipped. */
function resumed({ step, context }: FusedPart, sent: number): FusedPart {
  if (step.kind !== 'expand') return { step, context }
  const user = step.call as (value: unknown) => unknown
  const call = (value: unknown) => without(user(value), sent)
  const own: OperatorContext = {
    ...context,
    errors: {
      ...context.errors,
      recover: (error, record, key) => context.errors.fail(error, record, key),
    },
  }
  return {
    step: { kind: 'expand', call: call as (value: never) => Iterable<unknown> },
    context: own,
  }
}

/** `given` without its first elements. What is no iterable stays, for `Expansion` to say so. */
function without(given: unknown, count: number): unknown {
  if (Array.isArray(given)) return given.slice(count)
  const iterable = given as Partial<Iterable<unknown>> | null | undefined
  if (typeof iterable?.[Symbol.iterator] !== 'function') return given
  return {
    [Symbol.iterator]() {
      const iterator = iterable[Symbol.iterator]!()
      let left = count
      return {
        next() {
          for (; left > 0; left--) if (iterator.next().done) left = 0
          return iterator.next()
        },
        return: () => iterator.return?.() ?? { done: true, value: undefined },
      }
    },
  }
}
