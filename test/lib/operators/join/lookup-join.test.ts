/** lookupJoin against the table it looks up in; which calls it makes, and what it remembers. */
import fc from 'fast-check'
import t from 'tap'
import { collect, runTest } from '../../../../actors/testing/index.js'
import { keyBy, lookupJoin, type Op, pipeline, type Stream } from '../../../../lib/index.js'
import {
  feed,
  type HarnessOptions,
  type OperatorHarness,
  open,
} from '../../../support/operator-harness.js'
import { testSeed } from '../../../support/test-seed.js'

const SEED = testSeed(20_261_121)

/** Odd keys are there, every third one as null. */
const table = (key: number) => (key % 2 === 0 ? undefined : key % 3 === 0 ? null : `of ${key}`)
const identity = (key: number) => key

function opened(lookUp: (key: number, signal: AbortSignal) => unknown, options = {}, harness = {}) {
  return open(lookupJoin(lookUp, { by: identity, ...options }) as never, harness as HarnessOptions)
}

/** Until nothing waits any more; pauses before retries are 100 ms. */
async function settled(harness: OperatorHarness): Promise<void> {
  do await harness.settle(100)
  while (harness.deferred && harness.error === undefined)
}

/** A table whose answers are given by hand. */
function slowTable() {
  const asked: { key: number; signal: AbortSignal; answer: (found: unknown) => void }[] = []
  const lookUp = (key: number, signal: AbortSignal) =>
    new Promise((answer) => asked.push({ key, signal, answer }))
  return { asked, lookUp }
}

t.test('the pairs of a nested loop, whatever is in flight and remembered', async (t) => {
  const property = fc.asyncProperty(
    fc.array(fc.nat({ max: 12 }), { maxLength: 60 }),
    fc.record({
      kind: fc.constantFrom('inner' as const, 'left' as const),
      ordered: fc.boolean(),
      concurrency: fc.integer({ min: 1, max: 5 }),
      cache: fc.constantFrom(undefined, { max: 2 }, { max: 100 }),
      failsOnce: fc.boolean(),
    }),
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
    async (records, { failsOnce, cache, ...options }, sizes) => {
      const failed = new Set<number>()
      let calls = 0
      const harness = opened(
        async (key) => {
          calls++
          if (failsOnce && !failed.has(key)) {
            failed.add(key)
            throw new Error('not yet')
          }
          return table(key)
        },
        { ...options, retry: 1, ...(cache === undefined ? {} : { cache }) },
      )
      for (let at = 0, i = 0; at < records.length; i++) {
        const size = sizes[i % sizes.length]!
        harness.batch(records.slice(at, at + size))
        at += size
        await settled(harness)
      }
      harness.end()
      await settled(harness)
      if (harness.error !== undefined) throw harness.error
      const expected = records
        .map((record) => [record, table(record) ?? undefined])
        .filter(([, found]) => options.kind === 'left' || found !== undefined)
      const texts = (pairs: readonly unknown[]) => pairs.map((pair) => JSON.stringify(pair))
      const [seen, wanted] = [texts(harness.values), texts(expected)]
      if (!options.ordered) for (const list of [seen, wanted]) list.sort()
      const distinct = new Set(records).size
      if (cache?.max === 100) {
        if (calls !== distinct * (failsOnce ? 2 : 1)) throw new Error(`${calls} calls`)
      }
      return seen.join() === wanted.join() && harness.marks.join() === 'end'
    },
  )
  await fc.assert(property, { seed: SEED, numRuns: 150 })
  t.pass(`seed ${SEED}`)
})

t.test('records that ask for the same key at the same time share one call', async (t) => {
  const { asked, lookUp } = slowTable()
  const harness = opened(lookUp)
  harness.batch([1, 1, 2, 1])
  t.same(
    asked.map(({ key }) => key),
    [1, 2],
  )
  for (const { key, answer } of asked) answer(`of ${key}`)
  await harness.settle()
  t.same(harness.values, [
    [1, 'of 1'],
    [1, 'of 1'],
    [2, 'of 2'],
    [1, 'of 1'],
  ])
  t.match(harness.gauge('lookups'), { calls: 2, shared: 2, hits: 0, cached: 0 })
  harness.batch([1])
  t.equal(asked.length, 3, 'without a cache nothing is remembered')
})

t.test('a shared call is aborted when all who share it have given up', async (t) => {
  const { asked, lookUp } = slowTable()
  const harness = opened(lookUp, { concurrency: 2 })
  harness.batch([1, 1])
  t.equal(asked[0]!.signal.aborted, false)
  harness.unsubscribe()
  t.equal(asked[0]!.signal.aborted, true)
})

t.test('who has waited too long asks anew, and does not join the call that hangs', async (t) => {
  const { asked, lookUp } = slowTable()
  const harness = opened(lookUp, { timeout: '1s', retry: 1, cache: { max: 10 } })
  harness.batch([1])
  harness.clock.advance(500)
  harness.batch([1])
  t.equal(asked.length, 1)
  harness.clock.advance(500)
  t.equal(asked[0]!.signal.aborted, false, 'the second still waits')
  harness.clock.advance(100)
  t.equal(asked.length, 2, 'the first asks again')
  asked[1]!.answer('new')
  await harness.clock.settle()
  asked[0]!.answer('old')
  await harness.settle()
  t.same(harness.values.map(String).sort(), ['1,new', '1,old'])
  harness.batch([1])
  await harness.settle()
  t.same(harness.values.at(-1), [1, 'new'], 'what came from the call given up is not remembered')
  t.equal(harness.error, undefined)
})

t.test('a call that is too slow fails by its time-out', async (t) => {
  const harness = opened(slowTable().lookUp, { timeout: '1s' })
  harness.batch([1])
  await harness.settle(1000)
  t.match(harness.error, { cause: { code: 'E_TIMEOUT' } })
})

t.test('the cache forgets by time, and the key asked for longest ago', async (t) => {
  const asked: number[] = []
  const lookUp = (key: number) => {
    asked.push(key)
    return key === 9 ? undefined : key
  }
  const harness = opened(lookUp, { cache: { max: 2, ttl: '1m' }, concurrency: 1 })
  const ask = async (key: number) => {
    harness.batch([key])
    await harness.settle()
  }
  for (const key of [1, 9, 1, 9, 1, 2]) await ask(key)
  t.same(asked, [1, 9, 2], 'that there is nothing is remembered, too')
  await ask(1)
  await ask(9)
  t.same(asked, [1, 9, 2, 9], '9 was asked for longest ago')
  harness.clock.advance(60_000)
  await ask(1)
  t.same(asked, [1, 9, 2, 9, 1])
  t.match(harness.gauge('lookups'), { calls: 5, cached: 2 })
})

t.test('errors are not remembered, and go to the record error policy', async (t) => {
  let calls = 0
  const lookUp = async () => {
    calls++
    throw new Error('down')
  }
  const options = { cache: { max: 10 }, onRecordError: 'deadLetter' }
  const harness = opened(lookUp, options)
  harness.batch([1])
  await harness.settle()
  harness.batch([1])
  await harness.settle()
  t.equal(calls, 2)
  t.match(harness.deadLetters, [{ record: 1, error: { message: 'down' } }, { record: 1 }])
  t.same(harness.values, [])
})

t.test(
  'a function that throws on a record, by or lookUp, is the error of that record',
  async (t) => {
    const fail = (key: number) => {
      if (key === 2) throw new Error('two')
      return key
    }
    for (const op of [
      lookupJoin(fail, { by: identity, onRecordError: 'skip' }),
      lookupJoin(identity, { by: fail, onRecordError: 'skip' }),
    ]) {
      const harness = feed(open(op as never), [1, 2, 3], [1], null, null, false)
      await harness.settle()
      t.same(harness.values, [
        [1, 1],
        [3, 3],
      ])
    }
  },
)

t.test('keeps key and time; behind keyBy it looks up the key', async (t) => {
  const harness = open(lookupJoin((key: string) => `of ${key}`, { ordered: true }) as never, {
    keyed: true,
  })
  harness.batch([1, 2], ['a', 'b'], 0, [10, 20])
  harness.watermark(15)
  await harness.settle()
  t.same(harness.values, [
    [1, 'of a'],
    [2, 'of b'],
  ])
  t.same(harness.keys, ['a', 'b'])
  t.same(harness.times, [10, 20])
  t.same(harness.marks, ['w15'])
})

t.test('in a job, in parallel', async (t) => {
  const pairs = collect<readonly [number, string]>()
  const { error } = await runTest(
    pipeline('job', (flow) =>
      flow
        .from(Array.from({ length: 200 }, (_, i) => i))
        .pipe(
          keyBy((n) => n % 10),
          lookupJoin(async (key) => table(key), { cache: { max: 100 } }),
        )
        .to(pairs),
    ),
    { parallelism: 2 },
  )
  t.equal(error, null)
  // Of ten keys, 1, 5 and 7 are there.
  t.equal(pairs.records.length, 60)
  t.ok(pairs.records.every(([n, found]) => found === `of ${n % 10}`))
})

t.test('what is wrong is refused where it stands', async (t) => {
  const refused = (options: object, error: { code: string; message?: RegExp }) =>
    t.throws(() => lookupJoin(identity, { by: identity, ...options } as never), error)
  refused({ kind: 'full' }, { code: 'E_BAD_ARGUMENT', message: /kind/ })
  refused({ cache: { max: 0 } }, { code: 'E_BAD_ARGUMENT', message: /cache\.max/ })
  refused({ cache: { max: 1, ttl: 0 } }, { code: 'E_BAD_DURATION' })
  refused({ cache: { max: 1, size: 3 } }, { code: 'E_UNKNOWN_OPTION' })
  refused({ timeoutMs: 3 }, { code: 'E_UNKNOWN_OPTION', message: /knows .*timeout/ })
  refused({ timeout: '1 s' }, { code: 'E_BAD_DURATION' })
  refused({ by: async () => 1 }, { code: 'E_BAD_ARGUMENT' })
  t.throws(() => lookupJoin(3 as never), { code: 'E_BAD_ARGUMENT', message: /lookUp/ })
  const unkeyed = pipeline('job', (flow) =>
    flow
      .from([1])
      .pipe(lookupJoin(identity) as unknown as Op<Stream<number>, Stream<unknown>>)
      .to(collect()),
  )
  t.throws(() => unkeyed.compose(), { code: 'E_NEEDS_KEY' })
})
