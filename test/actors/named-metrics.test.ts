/** From an operator's own counters to the job's handle: summary, live samples, restarts. */
import t from 'tap'
import type { JobMetrics, JobSummary } from '../../actors/index.js'
import { collect, runTest, startTest } from '../../actors/testing/index.js'
import { fromArray, generate } from '../../lib/connectors/index.js'
import { count, keyBy, type Op, pipeline, type Stream, scan } from '../../lib/index.js'
import { operate } from '../../lib/operators/operate.js'
import type { OperatorMetricsHandle } from '../../lib/operators/operator.js'
import { recordWiseTraits } from '../../lib/operators/record-wise.js'
import { signalOperator } from '../../lib/operators/signal-operator.js'

type Numbers<Key> = Stream<number, 'untimed', Key>

/** Counts odd records, and shows the last one. */
function countOdd<Key>(
  register?: (metrics: OperatorMetricsHandle) => void,
): Op<Numbers<Key>, Numbers<Key>> {
  return operate({
    kind: 'countOdd',
    traits: { ...recordWiseTraits, stateful: true },
    options: { name: 'odd' },
    settings: {},
    functions: [],
    open: ({ metrics, count }) => {
      const odd = metrics.counter('odd')
      let last = 0
      metrics.gauge('last', () => last)
      register?.(metrics)
      return signalOperator((out) => ({
        batch(input) {
          const records = input.records as number[]
          odd.add(records.filter((record) => record % 2 === 1).length)
          last = records.at(-1)!
          count(records.length, records.length)
          out.emit(input)
        },
      }))
    },
  })
}

const oddOf = ({ chains }: JobMetrics | JobSummary) =>
  chains.flatMap(({ operators }) => operators).find(({ operator }) => operator === 'odd')

t.test('the summary shows them, summed and by subtask', async (t) => {
  const job = pipeline('odd', (flow) => {
    flow
      .from(fromArray(Array.from({ length: 1000 }, (_, i) => i)))
      .pipe(
        keyBy((i) => i),
        countOdd(),
      )
      .to(collect())
  })
  const { summary } = await runTest(job, { parallelism: 2 })
  const odd = oddOf(summary!)
  t.strictSame(odd?.counters, { odd: 500 })
  t.equal(odd?.recordsIn, 1000)
  t.equal(odd?.subtasks.length, 2)
  t.ok(odd?.subtasks.every(({ counters }) => counters.odd! > 0))
  t.strictSame(
    odd?.gauges.last?.map(({ subtask }) => subtask),
    [0, 1],
  )
})

t.test('they are seen live, no later than an interval after they were counted', async (t) => {
  const job = pipeline('live', (flow) => {
    flow
      .from(generate(Number.POSITIVE_INFINITY, (i) => i, { perSecond: 1000, splits: 1 }))
      .pipe(countOdd())
      .to(collect())
  })
  const run = startTest(job, { settings: { accountIntervalMs: 100 } })
  const seen: number[] = []
  run.job.metrics$.subscribe((metrics) => seen.push(oddOf(metrics)?.counters.odd ?? 0))
  await run.advance(999)
  t.strictSame(seen, [])
  await run.advance(1)
  await run.advance(1000)
  t.ok(seen[0]! >= 449 && seen[0]! <= 500, `after 1 s: ${seen[0]}`)
  t.ok(seen[1]! >= 949 && seen[1]! <= 1000, `after 2 s: ${seen[1]}`)
  void run.job.cancel()
  await run.finish()
})

t.test('they begin anew with a restart', async (t) => {
  const job = pipeline('restart', (flow) => {
    flow
      .from(fromArray([1, 2, 3]))
      .pipe(countOdd())
      .to(collect())
  })
  const { summary } = await runTest(job, { inject: [{ operator: 'odd', afterRecords: 2 }] })
  t.equal(summary?.restarts, 1)
  t.strictSame(oddOf(summary!)?.counters, { odd: 2 })
})

t.test('one name too many fails the job, with the name of the operator', async (t) => {
  const job = pipeline('many', (flow) => {
    flow
      .from(fromArray([1]))
      .pipe(
        countOdd((metrics) => {
          for (let i = 0; i < 100; i++) metrics.counter(`c${i}`)
        }),
      )
      .to(collect())
  })
  const { error } = await runTest(job)
  t.match(error, { code: 'E_TOO_MANY_METRICS', message: /"odd"/ })
})

t.test(
  'hot keys are those of the records, also where they are folded before the exchange',
  async (t) => {
    for (const parallelism of [1, 2]) {
      const job = pipeline('hot', (flow) => {
        flow
          .from(fromArray(Array.from({ length: 2000 }, (_, i) => (i % 4 === 0 ? i : -1))))
          .pipe(
            keyBy((i) => i),
            count({ name: 'numbers' }),
          )
          .to(collect())
      })
      const { summary } = await runTest(job, { parallelism })
      const operators = summary!.chains.flatMap((chain) => chain.operators)
      const before = operators.find(({ operator }) => operator === 'numbers (before)')
      t.strictSame(before?.hotKeys, [{ key: -1, share: 0.75 }], `parallelism ${parallelism}`)
      const others = operators.filter((operator) => operator !== before)
      t.ok(others.every(({ hotKeys }) => hotKeys.length === 0))
    }
  },
)

t.test('hot keys can be left out', async (t) => {
  const job = pipeline('cold', (flow) => {
    flow
      .from(fromArray([1, 1]))
      .pipe(
        keyBy((i) => i),
        scan((sum, i) => sum + i, 0, { name: 'sums' }),
      )
      .to(collect())
  })
  const hotKeysWith = async (hotKeys: boolean) => {
    const { summary } = await runTest(job, { settings: { hotKeys } })
    const operators = summary!.chains.flatMap((chain) => chain.operators)
    return operators.find(({ operator }) => operator === 'sums')?.hotKeys
  }
  t.strictSame(await hotKeysWith(true), [{ key: 1, share: 1 }])
  t.strictSame(await hotKeysWith(false), [])
})
