/**
 * `collection`: values that are at hand when the pipeline is composed.
 *
 * - Guarantee: replays from any position; pauses. Errors: none.
 * - Splits: one, or `splits` contiguous ones, `from-to`, of which several subtasks take one after
 *   another. Position: the index of the next value.
 *
 * The module is evaluated in every worker, so the values are there without being sent.
 */

import { MillraceError } from '../base/errors.js'
import type { Json } from '../base/json.js'
import type { ReadStatus, Source, SourceReader, Split } from './source.js'

/** Options of `collection`. */
export interface CollectionOptions {
  /** Number of contiguous parts. Default 1. */
  readonly splits?: number
}

/**
 * The values of an array or another iterable, in order.
 *
 * @example
 * flow.from(collection(['to', 'be', 'or', 'not']))
 */
export function collection<T>(values: Iterable<T>, options: CollectionOptions = {}): Source<T> {
  const all = Array.isArray(values) ? (values as readonly T[]) : [...values]
  const parts = options.splits ?? 1
  assertSplits('collection', parts)
  return {
    kind: 'collection',
    label: `collection(${all.length})`,
    bounded: true,
    replays: true,
    pauses: true,
    parallelism: parts === 1 ? 1 : null,
    concurrentSplits: false,
    settings: { count: all.length, splits: parts },
    functions: [],
    splits: async () => contiguous(all.length, parts),
    open: ({ data }, position) =>
      new CollectionReader(all, position ?? data.from!, data.to as number),
  }
}

/** The same, by the name others use. */
export const fromArray = collection

class CollectionReader<T> implements SourceReader<T> {
  readonly #values: readonly T[]
  #next: number
  #to: number

  constructor(values: readonly T[], from: Json, to: number) {
    this.#values = values
    this.#next = from as number
    this.#to = to
  }

  read(out: T[], max: number): ReadStatus {
    const stop = Math.min(this.#to, this.#next + max)
    while (this.#next < stop) out.push(this.#values[this.#next++]!)
    return this.#next < this.#to ? 'more' : 'end'
  }

  position(): Json {
    return this.#next
  }

  close(): void {
    this.#to = this.#next
  }
}

/** 0…count in `parts` ranges whose sizes differ by at most one. */
export function contiguous(count: number, parts: number): Split[] {
  const splits: Split[] = []
  for (let part = 0; part < parts; part++) {
    const from = Math.floor((count * part) / parts)
    const to = Math.floor((count * (part + 1)) / parts)
    if (from < to || parts === 1) splits.push({ id: `${from}-${to}`, data: { from, to } })
  }
  return splits
}

export function assertSplits(kind: string, splits: number): void {
  if (Number.isInteger(splits) && splits >= 1) return
  throw new MillraceError('E_BAD_OPTION', `${kind}: expected splits to be 1 or more, saw ${splits}`)
}
