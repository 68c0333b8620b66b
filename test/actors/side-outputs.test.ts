import t from 'tap'
import { collect, runTest } from '../../actors/testing/index.js'
import { fromArray } from '../../lib/connectors/index.js'
import { keyBy, map, merge, pipeline, take } from '../../lib/index.js'
import { operate } from '../../lib/operators/operate.js'
import type { OperatorTraits } from '../../lib/operators/operator.js'
import { recordWiseTraits } from '../../lib/operators/record-wise.js'
import { sideOutput } from '../../lib/operators/side-output.js'
import { sideTag } from '../../lib/operators/side-tag.js'
import { batch } from '../../lib/operators/signal.js'
import { signalOperator } from '../../lib/operators/signal-operator.js'
import type { Op, Stream } from '../../lib/operators/stream.js'
import { sink } from '../support/fake-parts.js'

const odd = sideTag<number>('odd')

/** Even numbers go on, odd ones to the side. */
function evens(sides: OperatorTraits['sides'] = ['odd']): Op<Stream<number>, Stream<number>> {
  return operate({
    kind: 'evens',
    traits: { ...recordWiseTraits, keyAfter: 'ended', ...(sides === undefined ? {} : { sides }) },
    options: {},
    settings: {},
    functions: [],
    open: (context) => {
      const side = context.side('odd')
      return signalOperator((out) => ({
        batch({ records }) {
          const [even, rest] = [0, 1].map((n) => records.filter((x) => Number(x) % 2 === n))
          if (rest!.length > 0) side.emit(batch(rest!))
          if (even!.length > 0) out.emit(batch(even!))
        },
      }))
    },
  })
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)
const isOdd = (n: number) => n % 2 === 1

for (const parallelism of [1, 2]) {
  t.test(`records go by the side or on, at parallelism ${parallelism}`, async (t) => {
    const [main, side] = [collect<number>(), collect<number>()]
    const outcome = await runTest(
      pipeline('sides', (flow) => {
        const split = flow.from(fromArray(numbers(5_000))).pipe(evens())
        split.pipe(map((n) => n)).to(main)
        split.pipe(sideOutput(odd)).to(side)
      }),
      { parallelism },
    )
    t.equal(outcome.error, null)
    t.same(
      [...side.records].sort((a, b) => a - b),
      numbers(5_000).filter(isOdd),
    )
    t.same(
      [...main.records].sort((a, b) => a - b),
      numbers(5_000).filter((n) => !isOdd(n)),
    )
  })
}

t.test('a side output has as many readers as read it, and each gets all', async (t) => {
  const [first, second, main] = [collect<number>(), collect<string>(), collect<number>()]
  await runTest(
    pipeline('readers', (flow) => {
      const split = flow.from(fromArray([1, 2, 3])).pipe(evens())
      split.pipe(sideOutput(odd)).to(first)
      split
        .pipe(
          sideOutput(odd),
          map((n) => `${n}`),
        )
        .to(second)
      split.to(main)
    }),
  )
  t.same([first.records, second.records, main.records], [[1, 3], ['1', '3'], [2]])
})

t.test('both outputs of an operator may be merged again', async (t) => {
  const all = collect<number>()
  await runTest(
    pipeline('merged', (flow) => {
      const split = flow.from(fromArray(numbers(10))).pipe(evens())
      merge(split, split.pipe(sideOutput(odd)), split.pipe(sideOutput(odd))).to(all)
    }),
  )
  const twice = numbers(10).flatMap((n) => (isOdd(n) ? [n, n] : [n]))
  t.same(
    [...all.records].sort((a, b) => a - b),
    twice,
  )
})

t.test(
  'the side output is read where the main one is not, and ends with its operator',
  async (t) => {
    const side = collect<number>()
    const { summary } = await runTest(
      pipeline('side only', (flow) => {
        flow
          .from(fromArray(numbers(10)))
          .pipe(evens(), sideOutput(odd))
          .to(side)
      }),
    )
    t.same(side.records, [1, 3, 5, 7, 9])
    t.equal(summary?.recordsOut, 5)
  },
)

t.test('what ends the main output early does not end the side output', async (t) => {
  const [main, side] = [collect<number>(), collect<number>()]
  await runTest(
    pipeline('early', (flow) => {
      const split = flow.from(fromArray(numbers(100))).pipe(evens())
      split.pipe(take(2)).to(main)
      split.pipe(sideOutput(odd)).to(side)
    }),
  )
  t.same(main.records, [0, 2])
  t.equal(side.records.length, 50)
})

t.test('all that nobody reads is dropped, and counted', async (t) => {
  const main = collect<number>()
  const { summary } = await runTest(
    pipeline('unread', (flow) => {
      flow
        .from(fromArray(numbers(10)))
        .pipe(evens())
        .to(main)
    }),
  )
  t.equal(main.records.length, 5)
  const operators = summary!.chains.flatMap((chain) => chain.operators)
  const split = operators.find(({ operator }) => operator.includes('evens'))
  t.match(JSON.stringify(split), /"unread odd":5/)
})

t.test('two operators may have side outputs of the same name', async (t) => {
  const [first, second] = [collect<number>(), collect<number>()]
  await runTest(
    pipeline('same name', (flow) => {
      const one = flow.from(fromArray(numbers(8))).pipe(evens())
      one.pipe(sideOutput(odd)).to(first)
      const two = one.pipe(map((n) => n / 2)).pipe(evens())
      two.pipe(sideOutput(odd)).to(second)
      two.to(collect())
    }),
  )
  t.same(
    [first.records, second.records],
    [
      [1, 3, 5, 7],
      [1, 3],
    ],
  )
})

t.test('a slow reader of the side output holds the operator back', async (t) => {
  const [main, side] = [collect<number>(), collect<number>()]
  const outcome = await runTest(
    pipeline('credits', (flow) => {
      const split = flow.from(fromArray(numbers(50_000))).pipe(evens())
      split.to(main)
      split
        .pipe(
          sideOutput(odd),
          keyBy((n) => n % 7),
          map((n) => n, { parallelism: 3 }),
        )
        .to(side)
    }),
    { parallelism: 2, settings: { exclusiveCredits: 1, floatingCredits: 0 } as never },
  )
  t.equal(outcome.error, null)
  t.equal(side.records.length, 25_000)
})

t.test('a side output that is none is refused when the pipeline is built', async (t) => {
  const refusal = (build: Parameters<typeof pipeline>[1]) => {
    try {
      pipeline('job', build).compose()
    } catch (error) {
      return error
    }
    return null
  }
  t.match(
    refusal((flow) =>
      flow
        .from(fromArray([1]))
        .pipe(
          map((n) => n),
          sideOutput(odd),
        )
        .to(sink()),
    ),
    { code: 'E_NO_SIDE_OUTPUT', message: /map .* has no side output 'odd', it has none: put/ },
  )
  t.match(
    refusal((flow) => {
      flow
        .from(fromArray([1]))
        .pipe(evens(), sideOutput(sideTag('even')))
        .to(sink())
    }),
    { code: 'E_NO_SIDE_OUTPUT', message: /it has only 'odd'/ },
  )
  t.match(
    refusal((flow) => {
      flow
        .from(fromArray([1]))
        .pipe(evens('any'), sideOutput(odd), sideOutput(odd))
        .to(sink())
    }),
    { code: 'E_NO_SIDE_OUTPUT', message: /stands behind a side output, 'odd'/ },
  )
})

t.test('the name of a tag is short and plain', async (t) => {
  for (const name of ['', 'main', 'dead-letters', 'a b', 'x'.repeat(65), 5 as never]) {
    t.throws(() => sideTag(name), { code: 'E_BAD_ARGUMENT' })
  }
})
