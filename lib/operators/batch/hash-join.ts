import type { OperatorFunction } from 'rxjs'
import { commonOptions } from '../arguments.js'
import { groupAt, keysOf } from '../cells.js'
import { attachBeside, requireStream } from '../combine/attach-all.js'
import { type BufferOptions, bufferMaxOf, HoldLimit } from '../combine/held.js'
import type { KeyOf, RecordOf } from '../combine/inputs.js'
import type { OperatorContext, OperatorDefinition } from '../operator.js'
import { type Batch, INPUT, type Signal } from '../signal.js'
import { createPump, signalOperator } from '../signal-operator.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { HashTable } from './hash-table.js'
import { HeldRows } from './held-rows.js'
import {
  boundedJoinTraits,
  type Joined,
  type JoinKind,
  type Kept,
  type KeyedJoin,
  keptBy,
} from './join-kind.js'
import { arrayCursor } from './rows.js'

/** Options of `hashJoin`. */
export interface HashJoinOptions<Kind extends JoinKind> extends BufferOptions {
  /** Default `inner`. */
  readonly kind?: Kind
}

/**
 * Joins two bounded streams by their keys: `[left, right]` for each pair of records with the same key, and
 * with `kind` `left`, `right` or `full` also records without a partner. The other stream is read into a hash
 * table first, and must fit into memory: at most `bufferMax` (1,000,000) records per subtask, else
 * E_BUFFER_FULL; meanwhile records of the stream wait, spilled to files where they are many. Then each
 * finds its partners as it comes. Where both are large, use `sortMergeJoin`.
 *
 * The pairs keep the key and have no event time. State: the other stream. Records that wait are not part of
 * snapshots.
 *
 * @example
 * const pairs = collect<readonly [string, string]>()
 * const job = pipeline('pairs', (flow) => {
 *   const colours = flow.from(['apple red', 'plum blue']).pipe(keyBy((line) => line.split(' ')[0]))
 *   flow.from(['plum', 'pear']).pipe(keyBy((fruit) => fruit), hashJoin(colours)).to(pairs)
 * })
 * await runTest(job)
 * pairs.records // [['plum', 'plum blue']]
 */
export function hashJoin<
  T,
  E extends Time,
  Key,
  O extends AnyStream,
  Kind extends JoinKind = 'inner',
>(
  other: O,
  options: HashJoinOptions<Kind> = {},
): Op<
  Stream<T, E, Key> & KeyedJoin<Key, KeyOf<O>>,
  Stream<Joined<T, RecordOf<O>, Kind>, 'untimed', Key>
> {
  requireStream('hashJoin', other)
  const { kind = 'inner' } = options
  const kept = keptBy('hashJoin', kind)
  const bufferMax = bufferMaxOf('hashJoin', options)
  const definition: OperatorDefinition = {
    kind: 'hashJoin',
    traits: boundedJoinTraits,
    options: commonOptions('hashJoin', options, ['kind', 'bufferMax']),
    settings: { kind, bufferMax },
    functions: [],
    open: (context) => openHashJoin(context, kept, bufferMax),
  }
  return attachBeside([other], definition) as never
}

function openHashJoin(
  context: OperatorContext,
  kept: Kept,
  bufferMax: number,
): OperatorFunction<Signal, Signal> {
  const { spill, maxParallelism } = context
  const table = new HashTable(context, kept, new HoldLimit(context, bufferMax))
  const waiting = new HeldRows(spill)

  function build({ records, groups }: Batch, keys: unknown[]): void {
    for (let i = 0; i < records.length; i++) {
      table.add(records[i], keys[i], groupAt(keys, groups, i, maxParallelism))
    }
  }

  return signalOperator((out) => {
    const pump = createPump(context.gate, out)
    let isBuilt = false

    /** The table is complete: whoever has waited for it goes first. */
    function endBuild(then: () => void): void {
      if (isBuilt) return then()
      isBuilt = true
      pump.start(table.probe(waiting.rows()), then)
    }

    return {
      batch(input) {
        const keys = keysOf(context, input)!
        const { records } = input
        context.count(records.length, 0)
        if (input.input === 1) build(input, keys)
        else if (!isBuilt) {
          for (let i = 0; i < records.length; i++) waiting.push(records[i], keys[i])
        } else {
          const rows = records.map((record, i) => ({ record, key: keys[i], rank: null }))
          pump.start(table.probe(arrayCursor(rows)), () => {})
        }
      },
      mark(signal) {
        if (signal.tag !== INPUT) out.emit(signal)
        else if (signal.input === 1 && signal.state === 'ended') endBuild(() => {})
      },
      end(signal) {
        endBuild(() => {
          pump.start(table.unmatched(), () => out.emit(signal))
        })
      },
      close: () => spill.close(),
    }
  })
}
