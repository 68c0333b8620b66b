/**
 * Conformance of operators with several inputs: RxJS is fed the interleaving that the operator saw, and
 * must have given the same values, and be complete, at the same step. Behind keys each key must give
 * what RxJS gives for the key's part of the interleaving.
 */
import fc from 'fast-check'
import * as rx7 from 'rxjs'
import { buffer } from '../../lib/operators/combine/buffer.js'
import { combineLatest, combineLatestWith } from '../../lib/operators/combine/combine-latest.js'
import { concat, concatWith } from '../../lib/operators/combine/concat.js'
import { race, raceWith } from '../../lib/operators/combine/race.js'
import { skipUntil } from '../../lib/operators/combine/skip-until.js'
import { takeUntil } from '../../lib/operators/combine/take-until.js'
import { withLatestFrom } from '../../lib/operators/combine/with-latest-from.js'
import { zip, zipWith } from '../../lib/operators/combine/zip.js'
import type { OperatorDefinition } from '../../lib/operators/operator.js'
import { type AnyStream, attach } from '../../lib/operators/stream.js'

/** One operator and its counterpart. */
export interface CombineRow {
  readonly operator: string
  readonly verdict: 'equal' | 'differs'
  /** What is different, in words; empty where nothing is. */
  readonly why: string
  readonly inputs: number
  readonly definition: OperatorDefinition
  readonly rx: (inputs: rx7.Observable<number>[]) => rx7.Observable<unknown>
  /** Behind keys, values that RxJS gives last for a key and that are left out here. */
  readonly lastLeftOut?: (value: unknown) => boolean
  /** RxJS sees an input only from its turn on: it is given one that repeats. */
  readonly replayed?: true
}

type Attached = (first: AnyStream, ...others: AnyStream[]) => unknown

/** The definition that an operator attaches to several streams. */
export function combinedDefinition(inputs: number, combined: Attached): OperatorDefinition {
  let found: OperatorDefinition | null = null
  const streams = Array.from({ length: inputs }, () => ({
    [attach](definition: OperatorDefinition) {
      found = definition
      return this
    },
  }))
  combined(...(streams as unknown as [AnyStream, ...AnyStream[]]))
  return found!
}

function row(
  operator: string,
  inputs: number,
  combined: Attached,
  rx: CombineRow['rx'],
  differs: Partial<CombineRow> = {},
): CombineRow {
  const definition = combinedDefinition(inputs, combined)
  return { operator, verdict: 'equal', why: '', inputs, definition, rx, ...differs }
}

const WAITS: Partial<CombineRow> = {
  verdict: 'differs',
  why: 'all streams run from the beginning, and what comes early is held, up to bufferMax: equal to RxJS over streams that replay; RxJS loses what a hot one gives before its turn',
  replayed: true,
}

const NO_LAST_EMPTY: Partial<CombineRow> = {
  verdict: 'differs',
  why: 'equal, except that behind keyBy, at the end, a key for which nothing is held gives no empty array',
  lastLeftOut: (value) => Array.isArray(value) && value.length === 0,
}

export const combineRows: readonly CombineRow[] = [
  row(
    'zip',
    3,
    (a, b, c) => zip(a, b!, c!),
    (inputs) => rx7.zip(inputs),
  ),
  row(
    'zipWith',
    2,
    (a, b) => zipWith(b!)(a as never),
    ([a, b]) => a!.pipe(rx7.zipWith(b!)),
  ),
  row(
    'combineLatest',
    3,
    (a, b, c) => combineLatest([a, b!, c!]),
    (inputs) => rx7.combineLatest(inputs),
  ),
  row(
    'combineLatestWith',
    2,
    (a, b) => combineLatestWith(b!)(a as never),
    ([a, b]) => a!.pipe(rx7.combineLatestWith(b!)),
  ),
  row(
    'withLatestFrom',
    3,
    (a, b, c) => withLatestFrom(b!, c!)(a as never),
    ([a, b, c]) => a!.pipe(rx7.withLatestFrom(b!, c!)),
  ),
  row(
    'race',
    3,
    (a, b, c) => race(a, b!, c!),
    (inputs) => rx7.race(inputs),
  ),
  row(
    'raceWith',
    2,
    (a, b) => raceWith(b!)(a as never),
    ([a, b]) => a!.pipe(rx7.raceWith(b!)),
  ),
  row(
    'takeUntil',
    2,
    (a, b) => takeUntil(b!)(a as never),
    ([a, b]) => a!.pipe(rx7.takeUntil(b!)),
  ),
  row(
    'skipUntil',
    2,
    (a, b) => skipUntil(b!)(a as never),
    ([a, b]) => a!.pipe(rx7.skipUntil(b!)),
  ),
  row(
    'buffer',
    2,
    (a, b) => buffer(b!)(a as never),
    ([a, b]) => a!.pipe(rx7.buffer(b!)),
    NO_LAST_EMPTY,
  ),
  row(
    'concat',
    3,
    (a, b, c) => concat(a, b!, c!),
    (inputs) => rx7.concat(...inputs),
    WAITS,
  ),
  row(
    'concatWith',
    2,
    (a, b) => concatWith(b!)(a as never),
    ([a, b]) => a!.pipe(rx7.concatWith(b!)),
    WAITS,
  ),
]

/** What the table of all operators says of one. */
export interface Verdict {
  readonly operator: string
  readonly verdict: 'equal' | 'differs'
  readonly why: string
}

/** Of all operators that put streams together or part them; each is checked in the test beside. */
export const combineVerdicts: readonly Verdict[] = [
  ...combineRows.map(({ operator, verdict, why }) => ({ operator, verdict, why })),
  { operator: 'merge', verdict: 'equal', why: '' },
  { operator: 'mergeWith', verdict: 'equal', why: '' },
  { operator: 'partition', verdict: 'equal', why: '' },
  {
    operator: 'share',
    verdict: 'differs',
    why: 'it does nothing: any stream may be used by several branches, and its source is read once',
  },
  {
    operator: 'groupBy',
    verdict: 'differs',
    why: 'it is keyBy: instead of a stream of streams, what follows means "per key"',
  },
]

/** What an operator with several inputs sees: records of one of them, or its end. */
export type Step =
  | { readonly input: number; readonly records: readonly number[] }
  | { readonly input: number; readonly ended: true }

/** Any order of records; each input ends once or never, and gives nothing then. */
export function interleaving(inputs: number): fc.Arbitrary<Step[]> {
  const records = fc.record({
    input: fc.nat(inputs - 1),
    records: fc.array(fc.nat(99), { minLength: 1, maxLength: 5 }),
  })
  const ended = fc.record({ input: fc.nat(inputs - 1), ended: fc.constant(true as const) })
  const step = fc.oneof({ weight: 4, arbitrary: records }, { weight: 1, arbitrary: ended })
  return fc.array(step, { maxLength: 24 }).map((steps) => {
    const over = new Set<number>()
    return steps.filter((each) => {
      if (over.has(each.input)) return false
      if ('ended' in each) over.add(each.input)
      return true
    })
  })
}

/** What there was after a step: all values so far, and whether it is complete. */
export interface Seen {
  readonly values: readonly unknown[]
  readonly completed: boolean
}

/** What RxJS has given after each step. `keep`: the records of one key. */
export function seenByRx(
  { rx, inputs, replayed }: Pick<CombineRow, 'rx' | 'inputs' | 'replayed'>,
  steps: readonly Step[],
  keep: (record: number) => boolean = () => true,
): Seen[] {
  const subjects = Array.from({ length: inputs }, () =>
    replayed === true ? new rx7.ReplaySubject<number>() : new rx7.Subject<number>(),
  )
  const values: unknown[] = []
  let completed = false
  rx(subjects).subscribe({
    next: (value) => values.push(value),
    complete: () => {
      completed = true
    },
  })
  return steps.map((step) => {
    const subject = subjects[step.input]!
    if ('ended' in step) subject.complete()
    else for (const record of step.records) if (keep(record)) subject.next(record)
    return { values: [...values], completed }
  })
}
