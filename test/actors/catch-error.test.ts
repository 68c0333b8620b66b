/** What retry and catchError do about errors of single records, in whole pipelines. */
import t from 'tap'
import { collect, runTest } from '../../actors/testing/index.js'
import { collection } from '../../lib/connectors/index.js'
import {
  catchError,
  type Flow,
  filter,
  keyBy,
  map,
  mergeMap,
  pipeline,
  rebalance,
  retry,
  type Stream,
  scan,
  sum,
  type Time,
  timestamps,
} from '../../lib/index.js'

const bad = (x: number) => x % 5 === 3

function shaky(x: number): number {
  if (bad(x)) throw new Error(`no ${x}`)
  return x * 10
}

async function run<T>(
  build: (numbers: Stream<number>, flow: Flow) => Stream<T, Time>,
  options: { freeze?: boolean; parallelism?: number; input?: readonly number[] } = {},
) {
  const seen = collect<T>()
  const { input = Array.from({ length: 3000 }, (_, i) => i), ...more } = options
  const outcome = await runTest(
    pipeline('guarded', (flow) => {
      build(flow.from(collection(input)), flow).to(seen)
    }),
    { parallelism: 1, ...more },
  )
  return { ...outcome, records: seen.records }
}

for (const freeze of [true, false]) {
  t.test(`a replacement stands where the record's results would (freeze: ${freeze})`, async (t) => {
    const { error, records } = await run(
      (numbers) =>
        numbers.pipe(
          map(shaky),
          filter((x) => x % 20 === 0),
          catchError((cause, x) => [`${(cause as Error).message}`, `${x}!`]),
          map((x) => x),
        ),
      { freeze },
    )
    const expected = Array.from({ length: 3000 }, (_, x) =>
      bad(x) ? [`no ${x}`, `${x}!`] : (x * 10) % 20 === 0 ? [x * 10] : [],
    ).flat()
    t.equal(error, null)
    t.same(records, expected)
  })

  t.test(`an expansion that breaks is replaced as a whole (freeze: ${freeze})`, async (t) => {
    const { error, records } = await run(
      (numbers) =>
        numbers.pipe(
          mergeMap(function* (x: number) {
            yield x
            if (bad(x)) throw new Error('half way')
            yield x
          }),
          catchError((_, x) => [`${x}!`]),
        ),
      { freeze },
    )
    t.equal(error, null)
    t.same(records, Array.from({ length: 3000 }, (_, x) => (bad(x) ? [`${x}!`] : [x, x])).flat())
  })
}

t.test('a replacement has the key and the time of its record', async (t) => {
  const { error, records } = await run((numbers) =>
    numbers.pipe(
      timestamps((x) => x),
      keyBy((x) => x % 7),
      map(shaky),
      catchError((_, x) => [x as number]),
      scan((n) => n + 1, 0),
    ),
  )
  t.equal(error, null)
  t.equal(records.length, 3000)
  t.same(records.at(-1), [2999 % 7, 429])
})

t.test('more replacements than a batch holds leave in several', async (t) => {
  const many = Array.from({ length: 5000 }, (_, i) => i)
  const { error, records } = await run(
    (numbers) =>
      numbers.pipe(
        map((x) => {
          if (x === 1) throw new Error('one')
          return [x]
        }),
        mergeMap((x) => x),
        catchError(() => many),
      ),
    { input: [0, 1, 2] },
  )
  t.equal(error, null)
  t.same(records, [0, ...many, 2])
})

t.test('retry calls again; what remains goes to catchError, or fails', async (t) => {
  const calls = new Map<number, number>()
  const moody = (x: number) => {
    calls.set(x, (calls.get(x) ?? 0) + 1)
    if (x === 1 && calls.get(x)! < 3) throw new Error('not yet')
    if (x === 2) throw new Error('never')
    return x
  }
  const cured = await run(
    (numbers) =>
      numbers.pipe(
        map(moody),
        retry(2),
        catchError((_, x) => [-(x as number)]),
      ),
    { input: [0, 1, 2, 3] },
  )
  t.same(cured.records, [0, 1, -2, 3])
  t.equal(calls.get(2), 3)
  const failed = await run((numbers) => numbers.pipe(map(moody), retry(1)), { input: [2] })
  t.match(failed.error, { code: 'E_USER_CODE' })
})

t.test("the operator's own policy comes first", async (t) => {
  const { error, records } = await run(
    (numbers) =>
      numbers.pipe(
        map(shaky, { onRecordError: 'skip' }),
        catchError(() => [-1]),
      ),
    { input: [1, 3, 5] },
  )
  t.equal(error, null)
  t.same(records, [10, 50])
})

t.test('an error of the replacing function is a record error of catchError', async (t) => {
  const { error } = await run(
    (numbers) =>
      numbers.pipe(
        map(shaky),
        catchError(
          () => {
            throw new Error('neither')
          },
          { name: 'rescue' },
        ),
      ),
    { input: [3] },
  )
  t.match(error, { code: 'E_USER_CODE', message: /rescue.*neither/ })
})

t.test('errors before keyBy are not those behind it', async (t) => {
  const { error } = await run(
    (numbers) =>
      numbers.pipe(
        map(shaky),
        keyBy((x) => x),
        map((x) => x),
        catchError(() => [1]),
        sum(),
      ),
    { input: [3] },
  )
  t.match(error, { code: 'E_USER_CODE' })
})

t.test('a guard with nothing to guard is refused when the pipeline is built', async (t) => {
  const attempts: ((numbers: Stream<number>) => Stream<unknown>)[] = [
    (numbers) => numbers.pipe(catchError(() => [])),
    (numbers) =>
      numbers.pipe(
        scan((a: number, b: number) => a + b, 0),
        retry(2),
      ),
    (numbers) => numbers.pipe(map(shaky), rebalance(), retry(2)),
  ]
  for (const attempt of attempts) {
    await t.rejects(run(attempt), { code: 'E_NOTHING_GUARDED', message: /guards nothing/ })
  }
})
