/**
 * The fused loop: six trivial operators over batches of 1024, against a hand-written loop and plain
 * RxJS record by record; the same with keys; and what stands around it: keys, pre-aggregation.
 *
 * Several pipelines run in one process before anything is measured: a loop whose call sites had
 * turned megamorphic would show here. Medians of alternating rounds.
 */
import { from, Subject } from 'rxjs'
import * as rx from 'rxjs/operators'
import { systemClock } from '../../lib/base/clock.js'
import { keyGroupOf } from '../../lib/base/key.js'
import { createNamedMetrics } from '../../lib/metrics/named-metrics.js'
import { aggregateBefore } from '../../lib/operators/aggregate-before.js'
import { fuse } from '../../lib/operators/fused-loop.js'
import { withoutSplits } from '../../lib/operators/lanes.js'
import type { FusedStep, OperatorContext } from '../../lib/operators/operator.js'
import { createRecordErrors } from '../../lib/operators/record-errors.js'
import { BATCH, type Batch, batch, type Signal } from '../../lib/operators/signal.js'
import { createFileSpill } from '../../lib/spill/file-spill.js'
import { createHeapState } from '../../lib/state/heap-state.js'

export interface Measurement {
  readonly name: string
  readonly value: number
  readonly unit: string
}

const RECORDS = 1024
const records = Array.from({ length: RECORDS }, (_, i) => i)

/** The user's functions of one pipeline; made anew for each, as two pipelines share none. */
const functionsOf = (n: number) => ({
  inc: (x: number) => x + n,
  some: (x: number) => x % 2 === 0 || x % 3 === 0,
  triple: (x: number) => x * 3,
  look: (x: number) => {
    seen.last = x
  },
  dec: (x: number) => x - n,
  most: (x: number) => x % 5 !== 0,
})
/** Keeps `look` from being optimised away. */
const seen = { last: 0 }

type Functions = ReturnType<typeof functionsOf>

const stepsOf = (f: Functions): FusedStep[] => [
  { kind: 'map', call: f.inc },
  { kind: 'filter', call: f.some },
  { kind: 'map', call: f.triple },
  { kind: 'tap', call: f.look },
  { kind: 'map', call: f.dec },
  { kind: 'filter', call: f.most },
]

/** The loop a user would write: the same functions, results in a list as any sink would get them. */
function handLoop(f: Functions): () => number {
  return () => {
    const out: number[] = []
    for (let i = 0; i < records.length; i++) {
      const a = f.inc(records[i]!)
      if (!f.some(a)) continue
      const b = f.triple(a)
      f.look(b)
      const c = f.dec(b)
      if (f.most(c)) out.push(c)
    }
    return out.length
  }
}

function plainRx(f: Functions): () => number {
  const piped = from(records).pipe(
    rx.map(f.inc),
    rx.filter(f.some),
    rx.map(f.triple),
    rx.tap(f.look),
    rx.map(f.dec),
    rx.filter(f.most),
  )
  return () => {
    const out: number[] = []
    piped.subscribe((x) => out.push(x))
    return out.length
  }
}

function contextOf(operator: string, keyed = false): OperatorContext {
  return {
    operator,
    subtask: 0,
    parallelism: 1,
    maxParallelism: 128,
    gate: { open: true, defer: () => {} },
    clock: systemClock,
    state: createHeapState(128),
    errors: createRecordErrors({ operator, policy: 'fail', deadLetter: () => {} }),
    keyed,
    lanes: withoutSplits(),
    restoredTimeMs: Number.NEGATIVE_INFINITY,
    spill: createFileSpill({ job: 'micro', subtask: operator }),
    wake: () => {},
    holdInput: () => {},
    readsSplits: false,
    inputFollows: () => false,
    owesTime: () => {},
    align: () => {
      throw new Error('nothing is aligned here')
    },
    complete: () => {},
    count: () => {},
    metrics: createNamedMetrics(operator),
    side: () => ({ emit: () => {} }),
  }
}

/** Runs batches through an operator; returns the records that came out of the last one. */
function through(operator: ReturnType<typeof fuse>, input: Batch): () => number {
  const inbox = new Subject<Signal>()
  let out = 0
  inbox.pipe(operator).subscribe((signal) => {
    if (signal.tag === BATCH) out = signal.records.length
  })
  return () => {
    inbox.next(input)
    return out
  }
}

const fused = (n: number, keys: unknown[] | null = null, generate = true): (() => number) => {
  const parts = stepsOf(functionsOf(n)).map((step, i) => ({ step, context: contextOf(`op${i}`) }))
  return through(fuse(parts, { generate }), batch(records, keys))
}

function expanding(): () => number {
  const parts = [
    {
      step: { kind: 'expand' as const, call: (x: number) => [x, x + 1, x + 2] },
      context: contextOf('a'),
    },
    {
      step: { kind: 'filter' as const, call: (x: number) => x % 3 !== 0 },
      context: contextOf('b'),
    },
  ]
  return through(fuse(parts), batch(records))
}

function folding(keys: unknown[]): () => number {
  const one = () => 1
  const add = (a: unknown) => (a as number) + 1
  const merge = (a: unknown, b: unknown) => (a as number) + (b as number)
  const aggregation = {
    begin: one,
    add,
    merge,
    result: null,
    empty: null,
    select: null,
    functions: [],
  }
  return through(aggregateBefore(contextOf('count', true), aggregation), batch(records, keys))
}

/** Names and what they run; each run handles 1024 records. */
function contenders(): [string, () => number][] {
  const words = records.map((i) => `word-${i % 200}`)
  const ids = records.map((i) => i % 200)
  return [
    ['six operators: hand-written loop', handLoop(functionsOf(1))],
    ['six operators: fused', fused(1)],
    ['six operators: fused, with keys', fused(1, words)],
    ['six operators: interpreted', fused(1, null, false)],
    ['six operators: plain RxJS', plainRx(functionsOf(1))],
    ['mergeMap of arrays of 3, filter: fused', expanding()],
    ['count before the exchange, 200 string keys', folding(words)],
    ['count before the exchange, 200 integer keys', folding(ids)],
    ['key group of a string', () => words.reduce((sum, key) => sum + keyGroupOf(key, 128), 0)],
    ['key group of an integer', () => ids.reduce((sum, key) => sum + keyGroupOf(key, 128), 0)],
  ]
}

/** M input records per second on one core, by contender; and ns per record above the hand loop. */
export function fusedBench({ quick }: { readonly quick: boolean }): Measurement[] {
  // Other pipelines first, so that shared feedback would be polluted.
  for (let n = 2; n < 10; n++) {
    const other = fused(n)
    for (let i = 0; i < 200; i++) other()
  }
  const rounds = quick ? 3 : 9
  const roundMs = quick ? 20 : 150
  const all = contenders()
  const rates = all.map((): number[] => [])
  for (let round = -1; round < rounds; round++) {
    all.forEach(([, run], i) => {
      const rate = rateOf(run, roundMs)
      // The first round warms up.
      if (round >= 0) rates[i]!.push(rate)
    })
  }
  const medians = rates.map((list) => list.sort((a, b) => a - b)[list.length >> 1]!)
  const above = 1000 / medians[1]! - 1000 / medians[0]!
  return [
    ...all.map(([name], i) => ({ name, value: medians[i]!, unit: 'M records/s' })),
    { name: 'six operators: fused, above the hand-written loop', value: above, unit: 'ns/record' },
  ]
}

function rateOf(run: () => number, ms: number): number {
  const start = performance.now()
  let batches = 0
  let spent = 0
  while (spent < ms) {
    for (let i = 0; i < 20; i++) run()
    batches += 20
    spent = performance.now() - start
  }
  return (batches * RECORDS) / spent / 1000
}
