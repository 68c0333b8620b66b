/** Event time: what records get, what watermarks say, and when inputs hold them back. */
import fc from 'fast-check'
import t from 'tap'
import { mergeMap } from '../../../lib/operators/merge-map.js'
import { BATCH, REST, WATERMARK } from '../../../lib/operators/signal.js'
import type { TimestampOptions } from '../../../lib/operators/time/timestamps.js'
import { ingestionTime, timestamps } from '../../../lib/operators/time/timestamps.js'
import {
  definitionOf,
  type HarnessOptions,
  OperatorHarness,
} from '../../support/operator-harness.js'
import { testSeed } from '../../support/test-seed.js'

fc.configureGlobal({ seed: testSeed() })

interface Event {
  readonly at: number
  readonly mark?: number
}

const at = (...times: number[]): Event[] => times.map((time) => ({ at: time }))

function harness(options: TimestampOptions<Event> = {}, more: HarnessOptions = {}) {
  const definition = definitionOf(timestamps(({ at }: Event) => at, options) as never)
  return new OperatorHarness([definition], more)
}

t.test(
  'each record has its time; the watermark is the latest time less the disorder allowed',
  async (t) => {
    const h = harness({ outOfOrderMs: 10 })
    h.batch(at(100, 95, 120))
    t.same(h.times, [100, 95, 120])
    t.same(h.marks, ['w109'])
    h.batch(at(110))
    t.same(h.marks, ['w109'], 'nothing new')
    h.batch(at(121))
    t.same(h.marks, ['w109', 'w110'])
    t.same(h.broken, [])
  },
)

t.test('records in order: others of the same time may follow', async (t) => {
  const h = harness({ monotonous: true })
  h.batch(at(5, 6))
  t.same(h.marks, ['w5'])
})

t.test('a watermark waits while more follows, for a few batches and milliseconds', async (t) => {
  const h = harness({ monotonous: true })
  h.input(0, 'active')
  h.follows = true
  for (let i = 1; i <= 17; i++) h.batch(at(i))
  t.same(h.marks, ['w16'], 'one for seventeen batches')
  h.batch(at(18))
  h.clock.advance(5)
  h.batch(at(19))
  t.same(h.marks, ['w16', 'w18'])
  h.batch(at(20))
  h.input(0, 'active')
  t.same(h.marks, ['w16', 'w18', 'w19'], 'nothing follows after all')
  h.batch(at(21))
  h.follows = false
  h.batch(at(22))
  t.same(h.marks, ['w16', 'w18', 'w19', 'w21'], 'nothing follows for now')
})

t.test('a punctuated stream carries its watermarks', async (t) => {
  const h = harness({ punctuated: ({ mark }) => mark ?? null })
  h.batch(at(5, 6))
  t.same(h.marks, [])
  h.batch([{ at: 7, mark: 6 }, { at: 8 }, { at: 9, mark: 3 }])
  t.same(h.marks, ['w6'])
})

t.test('a generator of the user serves each input on its own', async (t) => {
  let made = 0
  const custom = () => {
    made++
    let seen = Number.NEGATIVE_INFINITY
    return {
      onRecord: ({ at }: Event) => {
        seen = Math.max(seen, at)
      },
      get watermarkMs() {
        return seen - 1000
      },
    }
  }
  const h = harness({ custom })
  h.input(0, 'active')
  h.input(1, 'active')
  h.batch(at(5000), null, 0)
  t.same(h.marks, [], 'input 1 holds it back')
  h.batch(at(3000), null, 1)
  t.same(h.marks, ['w2000'])
  t.equal(made, 2)
})

t.test('the watermark is that of the input that has come least far', async () => {
  const step = fc.record({
    input: fc.nat(2),
    times: fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 3 }),
  })
  const property = (steps: { input: number; times: number[] }[]) => {
    const h = harness({ outOfOrderMs: 3 })
    for (const input of [0, 1, 2]) h.input(input, 'active')
    const maxima = [-Infinity, -Infinity, -Infinity]
    let said = -Infinity
    for (const { input, times } of steps) {
      h.batch(at(...times), null, input)
      maxima[input] = Math.max(maxima[input]!, ...times)
      said = Math.max(said, Math.min(...maxima) - 4)
      const marks = h.output.flatMap((signal) => (signal.tag === WATERMARK ? signal.timeMs : []))
      if ((marks.at(-1) ?? -Infinity) !== said) return false
      if (marks.some((mark, i) => i > 0 && mark <= marks[i - 1]!)) return false
    }
    return h.broken.length === 0
  }
  fc.assert(fc.property(fc.array(step, { maxLength: 20 }), property), { numRuns: 300 })
})

t.test('an ended input holds nothing back, and an opening one does', async (t) => {
  const h = harness()
  h.input(0, 'active')
  h.input(1, 'active')
  h.batch(at(10), null, 0)
  h.batch(at(5), null, 1)
  h.input(1)
  t.same(h.marks, ['w4', 'w9'])
  h.input(2, 'active')
  h.batch(at(20), null, 0)
  t.same(h.marks, ['w4', 'w9'], 'input 2 may bring anything from 10 on')
  h.batch(at(15), null, 2)
  t.same(h.marks, ['w4', 'w9', 'w14'])
})

t.test('an idle input holds nothing back; when all are idle, downstream hears it', async (t) => {
  const h = harness()
  h.input(0, 'active')
  h.input(1, 'active')
  h.batch(at(10), null, 0)
  h.input(1, 'idle')
  t.same(h.marks, ['w9'])
  h.input(0, 'idle')
  t.same(h.marks, ['w9', 'idle'])
  h.batch(at(12), null, 1)
  t.same(h.marks, ['w9', 'idle', 'active', 'w11'])
  const kinds = h.output.map(({ tag }) => tag)
  t.ok(kinds.lastIndexOf(BATCH) > kinds.indexOf(3), 'active before the records')
})

t.test('what a former life held of some split says nothing about time', async (t) => {
  const h = harness({ monotonous: true }, { readsSplits: true })
  h.batch(at(1000), null, REST)
  h.input(0, 'active')
  h.input(1, 'active')
  h.batch(at(2000), null, 1)
  h.batch(at(5), null, 0)
  t.same(h.times, [1000, 2000, 5])
  t.same(h.marks, ['w4'])
})

t.test('what a former life held says how far the only input has come', async (t) => {
  const h = harness({ monotonous: true })
  h.batch(at(1000), null, REST)
  t.same(h.marks, ['w999'])
  h.batch(at(2000))
  t.same(h.marks, ['w999', 'w1999'], 'it is that input')
})

t.test('splits are told apart behind records in flight', async (t) => {
  for (const ordered of [true, false]) {
    const call = async (event: Event) => event
    const operators = [
      mergeMap(call, { concurrency: 8, ordered }),
      timestamps(({ at }: Event) => at, { monotonous: true }),
    ]
    const h = new OperatorHarness(
      operators.map((op) => definitionOf(op as never)),
      { readsSplits: true },
    )
    h.input(0, 'active')
    h.input(1, 'active')
    h.batch(at(1000, 1001), null, 1)
    h.batch(at(5, 6), null, 0)
    await h.settle()
    t.same(h.times, [1000, 1001, 5, 6])
    t.same(h.marks, ['w5'], 'the split that has come least far')
    h.batch(at(2000), null, 0)
    h.input(0, 'ended')
    h.batch(at(3000), null, 1)
    await h.settle()
    t.equal(h.marks.at(-1), 'w2999')
    t.same(h.broken, [])
  }
})

t.test('behind an exchange the one input goes idle when nothing has come', async (t) => {
  const h = harness({ idleMs: 1000 })
  h.batch(at(10))
  h.clock.advance(999)
  h.drain()
  t.same(h.marks, ['w9'])
  h.clock.advance(1)
  h.drain()
  t.same(h.marks, ['w9', 'idle'])
  h.batch(at(20))
  t.same(h.marks, ['w9', 'idle', 'active', 'w19'])
})

t.test('time in which the chain was held up does not count as idle', async (t) => {
  const h = harness({ idleMs: 1000 })
  h.batch(at(10))
  h.clock.advance(5000)
  // The look was due at 1000; its turn comes only now.
  h.drain()
  t.same(h.marks, ['w9'])
  h.clock.advance(1000)
  h.drain()
  t.same(h.marks, ['w9', 'idle'])
})

t.test('with idleMs 0 an input is never idle', async (t) => {
  const h = harness({ idleMs: 0 })
  h.batch(at(10))
  h.clock.advance(1e9)
  h.drain()
  t.same(h.marks, ['w9'])
})

t.test('a time that is none is a record error', async (t) => {
  for (const bad of [Number.NaN, undefined, '7', new Date(7), 1e300]) {
    const failed = harness()
    failed.batch([{ at: bad }])
    t.match((failed.error as Error).message, /event time of a record/)
    const skipped = harness({}, { policy: 'skip' })
    skipped.batch([{ at: 1 }, { at: bad }, { at: 3 }], ['a', 'b', 'c'])
    t.same(skipped.times, [1, 3])
    t.same(skipped.keys, ['a', 'c'])
    t.same(skipped.marks, ['w2'])
    t.same(skipped.counts(), [3, 2])
  }
})

t.test('ingestion time is the clock of the machine', async (t) => {
  const h = new OperatorHarness([definitionOf(ingestionTime() as never)])
  const now = h.clock.wallTime()
  h.batch(['a', 'b'])
  h.clock.advance(50)
  h.batch(['c'])
  t.same(h.times, [now, now, now + 50])
})

t.test(
  'a split that leads its group by too much is held, until the others have come',
  async (t) => {
    const other = new Float64Array([2, 1000])
    const alignment = new Map([['orders', [other]]])
    const h = harness({ align: { group: 'orders', maxDrift: 100 } }, { alignment })
    h.input(0, 'active')
    h.input(1, 'active')
    h.batch(at(1050), null, 0)
    h.batch(at(1101), null, 1)
    t.same([...h.heldInputs], [])
    h.batch(at(1202), null, 1)
    t.same([...h.heldInputs], [1], 'its watermark is 1201, the lowest 1000')
    other[1] = 5000
    h.clock.advance(20)
    t.same([...h.heldInputs], [1], 'its own input 0 is at 1049 now')
    h.batch(at(1150), null, 0)
    t.same([...h.heldInputs], [])
  },
)

t.test(
  'a member that is to speak yet holds the others, one that was never opened does not',
  async (t) => {
    for (const state of [1, 0]) {
      const h = harness(
        { align: { group: 'g', maxDrift: 0 } },
        { alignment: new Map([['g', [new Float64Array([state, 0])]]]) },
      )
      h.input(0, 'active')
      h.batch(at(2000), null, 0)
      t.same([...h.heldInputs], state === 1 ? [0] : [])
    }
  },
)

t.test('a member that is idle or gone holds nobody', async (t) => {
  const other = new Float64Array([2, 1000])
  const h = harness(
    { align: { group: 'g', maxDrift: 0 } },
    { alignment: new Map([['g', [other]]]) },
  )
  h.input(0, 'active')
  h.batch(at(2000), null, 0)
  t.same([...h.heldInputs], [0])
  other[0] = 0
  h.clock.advance(20)
  t.same([...h.heldInputs], [])
})

t.test('an input that ends while it is held is forgotten, and nobody looks for it', async (t) => {
  const other = new Float64Array([2, 1000])
  const h = harness(
    { align: { group: 'g', maxDrift: 0 } },
    { alignment: new Map([['g', [other]]]) },
  )
  const idleLook = h.clock.timers
  h.input(0, 'active')
  h.input(1, 'active')
  h.batch(at(1000), null, 0)
  h.batch(at(2000), null, 1)
  t.same([...h.heldInputs], [1])
  h.input(1)
  t.same([...h.heldInputs], [])
  h.clock.advance(20)
  t.equal(h.clock.timers, idleLook, 'only what was there before')
})

t.test('more than one way to make watermarks is refused', async (t) => {
  t.throws(() => timestamps((x: Event) => x.at, { monotonous: true, outOfOrderMs: 5 }), {
    code: 'E_BAD_ARGUMENT',
    message: /outOfOrderMs and monotonous exclude each other/,
  })
  t.throws(() => timestamps((x: Event) => x.at, { outOfOrderMs: -5 }), { code: 'E_BAD_DURATION' })
  t.throws(() => timestamps((async () => 5) as never), { code: 'E_BAD_ARGUMENT' })
})

t.test(
  'a watermark that waits when a barrier passes is owed, and said by the next life',
  async (t) => {
    const stamps = definitionOf(timestamps((x: number) => x) as never)
    const many = definitionOf(mergeMap((x: number) => Array(2000).fill(x)) as never)
    const harness = new OperatorHarness([stamps, many], { stayOpen: () => false })
    harness.batch([10, 20])
    t.ok(harness.deferred && harness.storable)
    harness.barrier(1)
    t.same([harness.marks, harness.owed], [['b1'], [19]])
    harness.drain()
    t.same(harness.marks, ['b1', 'w19'])
    harness.barrier(2)
    t.same(harness.owed, [19], 'what has been said is not owed')
  },
)
