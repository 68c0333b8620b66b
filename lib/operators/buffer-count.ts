import { commonOptions, requireCount } from './arguments.js'
import { cellsOf } from './cells.js'
import { NO_TIME } from './combine/results.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import {
  delayingTraits,
  openSequence,
  type Sequence,
  type Sequencing,
} from './sequence/sequence.js'
import type { Op, Stream, Time } from './stream.js'

/** Options of `bufferCount`. */
export interface BufferCountOptions extends OperatorOptions {
  /** A new array begins every so many records. Default: with the record behind the last array. */
  readonly startEvery?: number
}

/**
 * Arrays of `size` records, and of what is left at the end; behind `keyBy`, of the records of each key.
 * As RxJS `bufferCount`: with `startEvery` below `size` arrays overlap, above it records are left out.
 * Event time ends here,
 * for the watermark has gone on meanwhile: give it anew with `timestamps`. State: fewer than `size` records per key.
 *
 *     bufferCount(100)
 */
export function bufferCount<T, E extends Time, Key>(
  size: number,
  options: BufferCountOptions = {},
): Op<Stream<T, E, Key>, Stream<T[], 'untimed', Key>> {
  const { startEvery = size } = options
  requireCount('bufferCount', 'size', size, 1)
  requireCount('bufferCount', 'startEvery', startEvery, 1)
  return operate({
    kind: 'bufferCount',
    traits: delayingTraits,
    options: commonOptions('bufferCount', options, ['startEvery']),
    settings: { size, startEvery },
    functions: [],
    open: (context) =>
      openSequence(context, (sequencing) => new CountedArrays(sequencing, size, startEvery)),
  })
}

/** Where a key stands: records seen, and number of the first of those that are held. */
interface Place {
  readonly seen: number
  readonly group: number
}

/**
 * Overlapping arrays share the records that are held. `eager`: an array begins before its first record,
 * so that one at the end may be empty.
 */
export class CountedArrays implements Sequence {
  readonly #sequencing: Sequencing
  readonly #size: number
  readonly #every: number
  readonly #held
  readonly #places

  readonly #eager: boolean

  constructor(sequencing: Sequencing, size: number, every: number, eager = false) {
    const { context } = sequencing
    this.#sequencing = sequencing
    this.#size = size
    this.#every = every
    this.#eager = eager
    this.#held = context.state.list<unknown>('held')
    this.#places = cellsOf<Place>(context, 'place')
  }

  onRecord(record: unknown, key: unknown, group: number): void {
    const { results } = this.#sequencing
    const seen = this.#places.get(group, key)?.seen ?? 0
    const length = this.#held.length(group, key)
    // Records between two arrays are in none.
    if (length > 0 || seen % this.#every === 0) this.#held.append(group, key, record)
    this.#places.set(group, key, { seen: seen + 1, group })
    if (this.#held.length(group, key) < this.#size) return
    results.push([...this.#held.get(group, key)], key, group, NO_TIME)
    this.#held.dropFirst(group, key, Math.min(this.#every, this.#size))
  }

  onEnd(): () => boolean {
    const { results, context } = this.#sequencing
    if (this.#eager && !context.keyed && this.#places.size === 0) {
      this.#places.set(0, undefined, { seen: 0, group: 0 })
    }
    const entries = this.#places.entries()
    /** Arrays of the key in hand that have begun and are not full, oldest first. */
    let left: unknown[][] = []
    let at: readonly [key: unknown, place: Place] | null = null
    return () => {
      while (results.room > 0) {
        const array = left.shift()
        if (array !== undefined && at !== null) {
          results.push(array, at[0], at[1].group, NO_TIME)
          continue
        }
        const next = entries.next()
        if (next.done) return true
        at = next.value
        left = this.#unfinished(at[0], at[1])
      }
      return false
    }
  }

  #unfinished(key: unknown, { group, seen }: Place): unknown[][] {
    const held = this.#held.get(group, key)
    const arrays: unknown[][] = []
    for (let from = 0; from < held.length; from += this.#every) arrays.push(held.slice(from))
    if (this.#eager && seen % this.#every === 0) arrays.push([])
    return arrays
  }
}
