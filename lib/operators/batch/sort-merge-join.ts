import type { OperatorFunction } from 'rxjs'
import { canonicalKey } from '../../base/key.js'
import { commonOptions } from '../arguments.js'
import { keysOf } from '../cells.js'
import { attachBeside, requireStream } from '../combine/attach-all.js'
import type { KeyOf, RecordOf } from '../combine/inputs.js'
import type { OperatorContext, OperatorDefinition } from '../operator.js'
import { INPUT, type Signal } from '../signal.js'
import { createPump, signalOperator } from '../signal-operator.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { ExternalSort } from './external-sort.js'
import {
  boundedJoinTraits,
  type Joined,
  type JoinKind,
  type Kept,
  type KeyedJoin,
  keptBy,
} from './join-kind.js'
import { MEMORY_MB_DEFAULT, memoryBytesOf, type SpillOptions } from './memory.js'
import { joinSorted } from './merge-join.js'
import { stepwise } from './stepwise.js'

/** Options of `sortMergeJoin`. */
export interface SortMergeJoinOptions<Kind extends JoinKind> extends SpillOptions {
  /** Default `inner`. */
  readonly kind?: Kind
}

/**
 * Joins two bounded streams by their keys: `[left, right]` for each pair of records with the same key, and
 * with `kind` `left`, `right` or `full` also records without a partner. Both are sorted by key and merged
 * once they have ended; what does not fit into `memoryMb` (default 128, per subtask) is spilled as by
 * `sort`. Either may be of any size; only the records of one key in the other stream must fit into memory,
 * at most a million, else E_JOIN_KEY. Where one is small, `hashJoin` is faster.
 *
 * The pairs keep the key and have no event time. What is held is not part of snapshots: after a failure
 * the inputs are read again from their beginning.
 *
 * @example
 * const pairs = collect<readonly [string, string | undefined]>()
 * const job = pipeline('pairs', (flow) => {
 *   const colours = flow.from(['apple red', 'plum blue']).pipe(keyBy((line) => line.split(' ')[0]))
 *   flow.from(['plum', 'pear'])
 *     .pipe(keyBy((fruit) => fruit), sortMergeJoin(colours, { kind: 'left' }))
 *     .to(pairs)
 * })
 * await runTest(job)
 * pairs.records.toSorted() // [['pear', undefined], ['plum', 'plum blue']]
 */
export function sortMergeJoin<
  T,
  E extends Time,
  Key,
  O extends AnyStream,
  Kind extends JoinKind = 'inner',
>(
  other: O,
  options: SortMergeJoinOptions<Kind> = {},
): Op<
  Stream<T, E, Key> & KeyedJoin<Key, KeyOf<O>>,
  Stream<Joined<T, RecordOf<O>, Kind>, 'untimed', Key>
> {
  requireStream('sortMergeJoin', other)
  const { kind = 'inner', memoryMb = MEMORY_MB_DEFAULT } = options
  const kept = keptBy('sortMergeJoin', kind)
  const memoryBytesMax = memoryBytesOf('sortMergeJoin', memoryMb)
  const definition: OperatorDefinition = {
    kind: 'sortMergeJoin',
    traits: boundedJoinTraits,
    options: commonOptions('sortMergeJoin', options, ['kind', 'memoryMb']),
    settings: { kind, memoryMb },
    functions: [],
    open: (context) => openSortMergeJoin(context, kept, memoryBytesMax),
  }
  return attachBeside([other], definition) as never
}

const compareTexts = (a: unknown, b: unknown): number =>
  (a as string) < (b as string) ? -1 : (a as string) > (b as string) ? 1 : 0

/** Keys in some total order: equal keys, and only they, have the same text. */
function keyText(key: unknown): string {
  const canonical = canonicalKey(key)
  return `${typeof canonical}:${String(canonical)}`
}

function openSortMergeJoin(
  context: OperatorContext,
  kept: Kept,
  memoryBytesMax: number,
): OperatorFunction<Signal, Signal> {
  const { spill } = context
  const spilledBytes = context.metrics.counter('spilledBytes')
  const sorts = [0, 1].map(
    () =>
      new ExternalSort({
        compare: compareTexts,
        spill,
        memoryBytesMax: memoryBytesMax / 2,
        ranked: true,
        keyed: true,
      }),
  )
  const [left, right] = sorts as [ExternalSort, ExternalSort]

  return signalOperator((out) => {
    const pump = createPump(context.gate, out)
    let ending: Signal | null = null

    function finish(signal: Signal): void {
      if (!left.settle() || !right.settle()) return
      const next = joinSorted(context, left.sorted(), right.sorted(), kept)
      pump.start(next, () => out.emit(signal))
    }

    const check = stepwise(context, out, {
      get busy() {
        return left.busy || right.busy
      },
      step() {
        const sorting = left.busy ? left : right
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
        const keys = keysOf(context, input)!
        const sorting = input.input === 0 ? left : right
        for (let i = 0; i < records.length; i++) {
          sorting.add(records[i], keyText(keys[i]), keys[i])
        }
        context.count(records.length, 0)
        check()
      },
      mark(signal) {
        if (signal.tag !== INPUT) out.emit(signal)
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
