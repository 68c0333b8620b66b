/** What a bounded input gives once, at its end: aggregates, a sort that spills, joins, rankings. */
import {
  avg,
  count,
  firstPerKey,
  hashJoin,
  keyBy,
  lastPerKey,
  map,
  max,
  min,
  type Op,
  partitionByRange,
  pipeline,
  reduce,
  type Stream,
  sort,
  sortMergeJoin,
  sum,
  topN,
} from 'millrace'
import { generate, results } from 'millrace/connectors'

export const N = 12_000
/** A permutation of 0 … N − 1: 7919 is a prime that does not divide N. */
export const numberAt = (i: number) => (i * 7919) % N

export default () =>
  pipeline('batch', (flow) => {
    const numbers = flow.from(generate(N, (i) => ({ n: numberAt(i), text: 'x'.repeat(150) })))
    const values = numbers.pipe(map(({ n }) => n))
    const once = <R>(name: string, op: Op<Stream<number>, Stream<R>>) =>
      values
        .pipe(op)
        .pipe(map((result) => [name, result]))
        .to(results())
    once('count', count())
    once('sum', sum())
    once('min', min())
    once('max', max())
    once('avg', avg())
    once(
      'reduce',
      reduce((a, n) => (a + n) % 1009, 0),
    )
    once('topN', topN(3, { by: (n) => n }))

    interface Walk {
      readonly last: number
      readonly seen: number
      readonly wrong: number
    }
    const none: Walk = { last: -1, seen: 0, wrong: 0 }
    const step = ({ last, seen, wrong }: Walk, n: number): Walk => ({
      last: n,
      seen: seen + 1,
      wrong: wrong + (n === last + 1 ? 0 : 1),
    })
    const inOrder = numbers
      .pipe(sort({ by: ({ n }) => n, memoryMb: 1 }))
      .pipe(map(({ n }) => n, { parallelism: 1 }))
    inOrder
      .pipe(reduce(step, none))
      .pipe(map((result) => ['sort', result]))
      .to(results())
    numbers
      .pipe(
        partitionByRange(({ n }) => n, [N / 2]),
        sort({ by: ({ n }) => n, within: 'subtask' }),
        keyBy(({ n }) => n < N / 2),
        map(({ n }) => n),
        reduce((last: number, n) => (n > last ? n : Number.POSITIVE_INFINITY), -1),
        map((result) => ['ranges', result]),
      )
      .to(results())

    const left = numbers.pipe(keyBy(({ n }) => n % 1000))
    const right = flow.from(generate(500, (i) => i * 3)).pipe(keyBy((i) => i))
    left
      .pipe(
        hashJoin(right, { kind: 'full' }),
        map(([l, r]) => (l === undefined ? 'r' : r === undefined ? 'l' : 'both')),
        keyBy((kind) => kind),
        count(),
        map((result) => ['hashJoin', result]),
      )
      .to(results())
    left
      .pipe(
        sortMergeJoin(right, { kind: 'full', memoryMb: 1 }),
        map(([l, r]) => (l === undefined ? 'r' : r === undefined ? 'l' : 'both')),
        keyBy((kind) => kind),
        count(),
        map((result) => ['sortMergeJoin', result]),
      )
      .to(results())
    const ids = numbers.pipe(keyBy(({ n }) => n % 10))
    ids
      .pipe(
        firstPerKey(),
        count(),
        map((result) => ['first', result]),
      )
      .to(results())
    ids
      .pipe(
        lastPerKey({ by: ({ n }) => n }),
        map(([key, { n }]) => ['last', [key, n]]),
      )
      .to(results())
  })
