/** What an operator says behind a batch must not overtake what becomes of the batch downstream. */
import t from 'tap'
import { takeUntil } from '../../../lib/operators/combine/take-until.js'
import { concatMap } from '../../../lib/operators/concat-map.js'
import { mergeMap } from '../../../lib/operators/merge-map.js'
import type { OperatorDefinition } from '../../../lib/operators/operator.js'
import { BATCH, END, WATERMARK } from '../../../lib/operators/signal.js'
import { take } from '../../../lib/operators/take.js'
import { takeWhile } from '../../../lib/operators/take-while.js'
import { timestamps } from '../../../lib/operators/time/timestamps.js'
import { combinedDefinition } from '../../conformance/rxjs-combine.js'
import { definitionOf, OperatorHarness } from '../../support/operator-harness.js'

const copies = definitionOf(mergeMap((x: number) => Array.from({ length: 1500 }, () => x)) as never)
const later = definitionOf(concatMap(async (x: number) => x) as never)

/** The results and marks, with results of one value told once. */
async function order(first: OperatorDefinition, second: OperatorDefinition, input = 0) {
  const harness = new OperatorHarness([first, second], { stayOpen: () => false })
  harness.batch([1, 2, 3], null, input)
  harness.gateOpen = true
  await harness.settle()
  const told: unknown[] = []
  for (const signal of harness.output) {
    if (signal.tag === BATCH) {
      for (const value of signal.records) if (told.at(-1) !== value) told.push(value)
    } else if (signal.tag === WATERMARK) told.push(`w${signal.timeMs}`)
    else if (signal.tag === END) told.push('end')
  }
  t.same(harness.broken, [])
  t.equal(harness.error, undefined)
  return told
}

for (const [name, second] of [
  ['an expansion that waits for the gate', copies],
  ['records in flight', later],
] as const) {
  t.test(`behind ${name}`, async (t) => {
    t.same(
      await order(definitionOf(timestamps((x: number) => x * 10) as never), second),
      [1, 2, 3, 'w29'],
      'a watermark',
    )
    t.same(await order(definitionOf(take(3) as never), second), [1, 2, 3, 'end'], 'the end of take')
    t.same(
      await order(definitionOf(takeWhile((x: number) => x < 3) as never), second),
      [1, 2, 'end'],
      'the end of takeWhile',
    )
    const until = combinedDefinition(2, (a, b) => takeUntil(b!)(a as never))
    const harness = new OperatorHarness([until, second], { stayOpen: () => false })
    harness.batch([1], null, 0)
    await harness.settle()
    harness.batch([9], null, 1)
    await harness.settle()
    t.equal(harness.marks.at(-1), 'end')
    t.same(harness.broken, [])
  })
}
