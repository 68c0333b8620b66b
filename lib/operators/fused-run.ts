/** What the two forms of the fused loop — generated and interpreted — have in common. */
import { Expansion } from './expansion.js'
import type { FusedStep, OperatorContext } from './operator.js'
import type { Batch } from './signal.js'

/** One operator of a fused run. */
export interface FusedPart {
  readonly step: FusedStep
  readonly context: OperatorContext
}

/**
 * Where a run stands in its input batch, and the output of its last call.
 * Fields are initialised in one order: the loop reads them through one hidden class.
 */
export class Cursor {
  records: unknown[] = []
  /** Keys of the input, or null. */
  keys: unknown[] | null = null
  /** Event times of the input, or null. */
  times: Float64Array | null = null
  /** Next input record. */
  index = 0
  /** True: it was cut, go on in the innermost expansion that is open. */
  open = false
  /** Expansions that are open where it was cut, outermost first. */
  depth = 0
  /** Output; null: the input's records, unchanged. */
  out: unknown[] | null = null
  /** Output's keys; null: as the input's. */
  outKeys: unknown[] | null = null
  /** Output's times; null: as the input's. */
  outTimes: Float64Array | null = null
  /** Event time of the record whose expansions are open. */
  heldTime = 0
  /** One per `expand` step, outermost first. */
  readonly expansions: Expansion[] = []
  /** Keys in use when the output was cut, one per place where a key is set. */
  readonly held: unknown[] = []

  constructor(parts: readonly FusedPart[]) {
    for (const { step, context } of parts) {
      if (step.kind !== 'expand') continue
      this.expansions.push(new Expansion(context.operator, context.errors, step.call))
    }
  }

  start({ records, keys, times }: Batch): void {
    this.records = records
    this.keys = keys
    this.times = times
    this.index = 0
    this.open = false
  }

  /** Lets go of the batch. */
  release(): void {
    this.records = []
    this.keys = null
    this.times = null
    this.out = null
    this.outKeys = null
    this.outTimes = null
    this.held.length = 0
    for (const expansion of this.expansions) expansion.release()
  }
}

/**
 * Fills the cursor's output. True: the input is used up. False (only with expansions): the output
 * is full, or enough was done for now: call again for more.
 */
export type Run = (cursor: Cursor) => boolean

/**
 * A run is also cut behind so many results of one expansion, since all of them may be dropped: some
 * milliseconds of work.
 */
export const GIVEN_MAX = 16_384

/** What follows from the steps alone. */
export interface RunShape {
  readonly expands: boolean
  /** Output records are the input's, perhaps fewer: then nothing is copied until one is dropped. */
  readonly selects: boolean
  /** `none`, `kept` (copied only once a record is dropped), or `made` anew. */
  readonly keys: 'none' | 'kept' | 'made'
  readonly times: 'none' | 'kept' | 'made'
}

/** What comes beside the records of a batch: a run is made for each combination. */
export interface Beside {
  readonly keyed: boolean
  readonly timed: boolean
}

export function shapeOf(parts: readonly FusedPart[], { keyed, timed }: Beside): RunShape {
  const has = (kind: FusedStep['kind']) => parts.some((part) => part.step.kind === kind)
  const expands = has('expand')
  const sets = has('keyBy')
  return {
    expands,
    selects: !expands && !has('map'),
    keys: sets || (keyed && expands) ? 'made' : keyed ? 'kept' : 'none',
    times: !timed ? 'none' : expands ? 'made' : 'kept',
  }
}
