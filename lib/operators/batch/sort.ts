import type { OperatorFunction } from 'rxjs'
import { keyGroupOf } from '../../base/key.js'
import {
  type Comparer,
  type Direction,
  type SortKey,
  sortKeyComparer,
} from '../../base/sort-order.js'
import { commonOptions, requireOneOf, requireSyncFunction } from '../arguments.js'
import { keysOf } from '../cells.js'
import { operate } from '../operate.js'
import type { OperatorContext } from '../operator.js'
import { SKIP } from '../record-error.js'
import { recordWiseTraits } from '../record-wise.js'
import { BATCH_RECORDS_MAX, type Batch, batch, type Signal } from '../signal.js'
import { createPump, signalOperator } from '../signal-operator.js'
import type { Op, Stream, Time } from '../stream.js'
import { ExternalSort } from './external-sort.js'
import { MEMORY_MB_DEFAULT, memoryBytesOf, type SpillOptions } from './memory.js'
import type { RowCursor } from './rows.js'
import { stepwise } from './stepwise.js'

/** Options of `sort`: `by` or `compare`. */
export interface SortOptions<T> extends SpillOptions {
  /** What the records are ordered by. */
  readonly by?: (record: T) => SortKey
  /** As for `Array.sort`; must be consistent. */
  readonly compare?: (a: T, b: T) => number
  /** With `by`: `asc` (default) or `desc`. */
  readonly order?: Direction
  /**
   * `stream` (default): all records, at parallelism 1; behind `keyBy` those of each key. `subtask`: each
   * subtask sorts what it has, which behind `partitionByRange` is a range of the whole.
   */
  readonly within?: 'stream' | 'subtask'
}

/**
 * All records of a bounded stream in order, once it has ended; stable: equal records keep their order of
 * arrival. What does not fit into `memoryMb` (default 128, per subtask) is spilled to files in the folder
 * for temporary files and merged at the end (external merge sort); they are removed at the end, at a
 * failure, and by the next start. E_SPILL where the disk is full or may not be written.
 *
 * Without a key the whole stream is sorted in one subtask, so that one sink writes one order. To sort in
 * parallel, put `partitionByRange(…)` before it and say `within: 'subtask'`: the order of the whole is then
 * that of subtask 0, then 1, and so on. Behind `keyBy` the records of each key are in order, and those of
 * different keys too within a subtask.
 *
 * Records lose their event time: what follows sees no order in time. What is held is not part of
 * snapshots: after a failure the input is read again from its beginning.
 *
 *     sort({ by: (bid: Bid) => [bid.auction, bid.price], memoryMb: 64 })
 *     sort({ compare: (a: Bid, b: Bid) => b.price - a.price })
 *
 * @example
 * const sorted = collect<string>()
 * await runTest(
 *   pipeline('sorted', (flow) =>
 *     flow.from(['to', 'be', 'or', 'not']).pipe(sort({ by: (word) => word })).to(sorted),
 *   ),
 * )
 * sorted.records // ['be', 'not', 'or', 'to']
 */
export function sort<T, E extends Time, Key>(
  options: SortOptions<T>,
): Op<Stream<T, E, Key>, Stream<T, 'untimed', Key>> {
  const { by, compare, order = 'asc', within = 'stream', memoryMb = MEMORY_MB_DEFAULT } = options
  if (compare === undefined) requireSyncFunction('sort', 'by', by)
  else requireSyncFunction('sort', 'compare', compare)
  if (by !== undefined) requireOneOf('sort', 'compare beside by', compare, [undefined])
  requireOneOf('sort', 'order', order, ['asc', 'desc'])
  requireOneOf('sort', 'within', within, ['stream', 'subtask'])
  const memoryBytesMax = memoryBytesOf('sort', memoryMb)
  const own = ['by', 'compare', 'order', 'within', 'memoryMb']
  const spec: SortSpec = {
    rankOf: (by as ((record: unknown) => SortKey) | undefined) ?? null,
    compare: (compare ?? sortKeyComparer(order)) as Comparer<unknown>,
    memoryBytesMax,
  }
  return operate({
    kind: 'sort',
    traits: {
      ...recordWiseTraits,
      stateful: true,
      timeAfter: 'ended',
      speaksAtEnd: true,
      insteadOfEnd:
        "sort the records of a window, in windowProcess(…) behind window(…), or keep the first ones by topN(…, { emit: 'changes' })",
      orderSensitive: within === 'stream',
      wholeStream: within === 'stream',
      saved: false,
    },
    options: commonOptions('sort', options, own),
    settings: { order, within, memoryMb },
    functions: [by, compare].filter((part) => part !== undefined),
    open: (context) => openSort(context, spec),
  })
}

interface SortSpec {
  /** Null: the records are compared themselves. */
  readonly rankOf: ((record: unknown) => SortKey) | null
  readonly compare: Comparer<unknown>
  readonly memoryBytesMax: number
}

function openSort(
  context: OperatorContext,
  { rankOf, compare, memoryBytesMax }: SortSpec,
): OperatorFunction<Signal, Signal> {
  const { keyed, errors, spill } = context
  const spilledBytes = context.metrics.counter('spilledBytes')
  const sorting = new ExternalSort({
    compare,
    spill,
    memoryBytesMax,
    ranked: rankOf !== null,
    keyed,
  })

  function rank(record: unknown): unknown {
    if (rankOf === null) return record
    const found = rankOf(record)
    // Throws for what cannot be ordered, while it is known whose fault it is.
    compare(found, found)
    return found
  }

  function recover(error: unknown, record: unknown, key: unknown): unknown {
    return errors.recover(error, record, key, () => rank(record))
  }

  return signalOperator((out) => {
    const pump = createPump(context.gate, out)

    let ending: Signal | null = null

    /** Once what is left can be merged at once. */
    function finish(signal: Signal): void {
      if (!sorting.settle()) return
      const rows = sorting.sorted()
      pump.start(
        () => nextBatch(context, rows),
        () => out.emit(signal),
      )
    }

    const check = stepwise(context, out, {
      get busy() {
        return sorting.busy
      },
      step() {
        const before = sorting.spilledBytes
        sorting.step()
        spilledBytes.add(sorting.spilledBytes - before)
      },
      rested() {
        if (ending !== null) finish(ending)
      },
    })

    return {
      batch(input) {
        const { records } = input
        const keys = keysOf(context, input)
        for (let i = 0; i < records.length; i++) {
          const key = keys === null ? undefined : keys[i]
          let found: unknown
          try {
            found = rank(records[i])
          } catch (error) {
            found = recover(error, records[i], key)
            if (found === SKIP) continue
          }
          sorting.add(records[i], found, key)
        }
        context.count(records.length, 0)
        check()
      },
      end(signal) {
        ending = signal
        finish(signal)
        check()
      },
      close: () => spill.close(),
    }
  })
}

function nextBatch(context: OperatorContext, rows: RowCursor): Batch | null {
  const { keyed, maxParallelism } = context
  const records: unknown[] = []
  const keys: unknown[] = []
  for (let { row } = rows; row !== null && records.length < BATCH_RECORDS_MAX; row = rows.row) {
    records.push(row.record)
    if (keyed) keys.push(row.key)
    rows.advance()
  }
  context.count(0, records.length)
  if (records.length === 0) return null
  if (!keyed) return batch(records)
  return batch(
    records,
    keys,
    Uint16Array.from(keys, (key) => keyGroupOf(key, maxParallelism)),
  )
}
