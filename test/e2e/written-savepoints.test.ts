/** Savepoints that no job has taken: a job goes on from them as from one of its own. */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run, type StateBackendName } from '../../actors/index.js'
import {
  readSavepoint,
  type StateContent,
  type StateRow,
  writeSavepoint,
} from '../../actors/testing/index.js'
import { fromArray, toObservable } from '../../lib/connectors/index.js'
import {
  aggregatingState,
  avg,
  broadcastState,
  count,
  keyBy,
  listState,
  map,
  mapState,
  operatorListState,
  pipeline,
  process,
  recordsOf,
  reducingState,
  scan,
  sum,
  valueState,
} from '../../lib/index.js'
import { directoryOf } from './accounting.js'
import { ended, ending } from './support.js'

t.setTimeout(400_000)

const KEYS = 40
const keys = Array.from({ length: KEYS }, (_, i) => `key ${i}`)
const directory = (t: Test) => directoryOf(t, 'written')

const AVERAGE = {
  begin: (n: number) => [n, 1] as const,
  add: ([sum, count]: readonly [number, number], n: number) => [sum + n, count + 1] as const,
  result: ([sum, count]: readonly [number, number]) => sum / count,
}

/** One record per key; each says all it finds, and adds to some of it. */
const remembering = (maxParallelism: number) =>
  pipeline(
    'remembering',
    (flow) => {
      const behind = flow.from(fromArray(keys)).pipe(
        map((key) => key),
        keyBy((key) => key),
        process(
          {
            emits: recordsOf<unknown>(),
            state: {
              last: valueState<{ n: number; at: Date }>(),
              all: listState<number>(),
              items: mapState<readonly [string, number], bigint>(),
              sum: reducingState((a: number, b: number) => a + b),
              average: aggregatingState(AVERAGE),
              brief: valueState<string>({ ttl: '1h' }),
            },
            onRecord(key: string, { state, emit }) {
              state.sum.add(1)
              state.average.add(3)
              state.all.append(9)
              emit([
                key,
                state.last.get(),
                state.all.get(),
                [...state.items.entries()],
                state.sum.get(),
                state.average.get(),
                state.brief.get(),
              ])
            },
          },
          { name: 'memory' },
        ),
      )
      behind.to(toObservable())
    },
    { maxParallelism },
  )

async function* averages() {
  for (const [n, key] of keys.entries()) yield [key, [n, 2]] as const
}

const memory = (): Readonly<Record<string, StateContent>> => ({
  last: { kind: 'value', rows: keys.map((key, n) => [key, { n, at: new Date(n) }] as const) },
  all: { kind: 'list', rows: keys.map((key, n) => [key, [n, n + 1]] as const) },
  items: {
    kind: 'map',
    rows: keys.map((key, n) => [key, new Map([[['x', n], BigInt(n)] as const])] as const),
  },
  sum: { kind: 'reducing', rows: keys.map((key, n) => [key, n] as const) },
  average: { kind: 'aggregating', rows: averages() },
  brief: { kind: 'value', rows: keys.map((key) => [key, `${key}!`] as const) },
})

const remembered = keys.map((key, n) => [
  key,
  { n, at: new Date(n) },
  [n, n + 1, 9],
  [[['x', n], BigInt(n)]],
  n + 1,
  (n + 3) / 3,
  `${key}!`,
])

interface Life {
  readonly parallelism: number
  readonly keyGroups: number
  readonly state: StateBackendName
}

for (const { parallelism, keyGroups, state } of [
  { parallelism: 1, keyGroups: 128, state: 'heap' },
  { parallelism: 3, keyGroups: 128, state: 'level' },
  { parallelism: 3, keyGroups: 17, state: 'heap' },
] as readonly Life[]) {
  const name = `${parallelism} subtasks, ${keyGroups} key groups, ${state}`
  t.test(`a job begins with what was written: ${name}`, async (t) => {
    const dir = directory(t)
    const savepoint = join(dir, 'savepoint')
    const written = await writeSavepoint(savepoint, {
      pipeline: remembering(128),
      operators: { memory: memory() },
    })
    t.match(written, { directory: savepoint, round: 1, rows: 7 * KEYS })
    const checkpoint = { directory: join(dir, 'state') }
    const options = { checkpoint, restore: savepoint, parallelism, state }
    const outcome = await ended(ending(t, run(remembering(keyGroups), options)))
    t.equal(outcome.error, null)
    t.same(byKey(outcome.results), byKey(remembered))
  })
}

const byKey = (rows: readonly unknown[]) =>
  [...rows].sort((a, b) => ((a as string[])[0]! < (b as string[])[0]! ? -1 : 1))

t.test(
  'what has no keys is written too: one value, a list to be dealt out, what all know',
  async (t) => {
    const dir = directory(t)
    const counts = pipeline('counts', (flow) => {
      const numbers = flow.from(fromArray([1, 2, 3]))
      numbers.pipe(count({ name: 'count' })).to(toObservable())
      numbers
        .pipe(
          process(
            {
              emits: recordsOf<unknown>(),
              state: { held: operatorListState<string>(), rules: broadcastState<string, number>() },
              onRecord() {},
              onEnd({ state, emit }) {
                emit([state.held.get(), [...state.rules.entries()]])
              },
            },
            { name: 'held' },
          ),
        )
        .to(toObservable())
    })
    const savepoint = join(dir, 'savepoint')
    await writeSavepoint(savepoint, {
      pipeline: counts,
      operators: {
        count: { accumulator: { kind: 'single', value: 39 } },
        held: {
          held: { kind: 'operatorList', rows: ['a', 'b'] },
          rules: { kind: 'broadcast', rows: new Map([['limit', 7]]) },
        },
      },
    })
    const checkpoint = { directory: join(dir, 'state') }
    const { error, results } = await ended(
      ending(t, run(counts, { checkpoint, restore: savepoint, parallelism: 1 })),
    )
    t.equal(error, null)
    t.equal(results.length, 2)
    t.ok(results.includes(42))
    t.same(
      results.find((each) => each !== 42),
      [['a', 'b'], [['limit', 7]]],
    )
  },
)

t.test('what was written is read', async (t) => {
  const savepoint = join(directory(t), 'savepoint')
  await writeSavepoint(savepoint, { pipeline: remembering(16), operators: { memory: memory() } })
  const read = async (query: Partial<Parameters<typeof readSavepoint>[1]>) => {
    const rows: StateRow[] = []
    const all = readSavepoint(savepoint, { operator: 'memory', ...query })
    for await (const row of all) rows.push(row)
    return rows
  }
  t.equal((await read({})).length, 7 * KEYS)
  t.match(await read({ state: 'last', key: 'key 7' }), [
    { state: 'last', kind: 'value', key: 'key 7', record: { n: 7, at: new Date(7) } },
  ])
  t.match(await read({ state: 'all', key: 'key 7' }), [
    { kind: 'list', record: { at: 0, value: 7 } },
    { kind: 'list', record: { at: 1, value: 8 } },
  ])
  t.match(await read({ state: 'items', key: 'key 7' }), [
    { kind: 'map', record: { key: ['x', 7], value: 7n } },
  ])
  await t.rejects(read({ operator: 'other' }), { code: 'E_NO_OPERATOR' })
  await t.rejects(read({ state: 'other' }), { code: 'E_NO_STATE' })
  await t.rejects(read({ round: 2 }), { code: 'E_NO_SNAPSHOT' })
})

t.test('what no job could go on from is refused, and no snapshot is left', async (t) => {
  const dir = directory(t)
  const counting = pipeline('counting', (flow) => {
    const numbers = flow.from(fromArray([1])).pipe(map((n) => n, { name: 'plain' }))
    numbers.pipe(scan((sum, n) => sum + n, 0, { name: 'whole' })).to(toObservable())
    numbers
      .pipe(
        keyBy((n) => n),
        scan((sum: unknown) => sum, 0 as unknown, { name: 'keyed' }),
      )
      .to(toObservable())
  })
  const refused = async (
    operators: Readonly<Record<string, unknown>>,
    expected: { readonly code: string; readonly message: RegExp },
    job = counting,
  ) => {
    const savepoint = join(dir, 'savepoint')
    const content = { pipeline: job, operators: operators as never }
    await t.rejects(writeSavepoint(savepoint, content), expected)
    const checkpoint = { directory: join(dir, 'state') }
    const { error } = await ended(ending(t, run(job, { checkpoint, restore: savepoint })))
    t.match(error, { code: 'E_NO_SNAPSHOT' })
  }
  const keyed = (rows: unknown, kind = 'value') => ({ keyed: { result: { kind, rows } } })
  await refused(
    { other: {} },
    { code: 'E_NO_OPERATOR', message: /"other" .* is not there.*"whole", "keyed"/ },
  )
  await refused({ plain: {} }, { code: 'E_NO_OPERATOR', message: /"plain" .* keeps no state/ })
  await refused(
    keyed([
      [1, 2],
      [2, 3],
      [1, 4],
    ]),
    {
      code: 'E_DUPLICATE_KEY',
      message: /state "result" of operator "keyed" is given key 1 twice/,
    },
  )
  await refused(
    keyed(
      [
        [
          1,
          [
            ['a', 1],
            ['a', 2],
          ],
        ],
      ],
      'map',
    ),
    {
      code: 'E_DUPLICATE_KEY',
      message: /key "a" twice in the map of key 1/,
    },
  )
  await refused(keyed([[() => 1, 2]]), {
    code: 'E_BAD_KEY',
    message: /"result" of operator "keyed"/,
  })
  await refused(keyed([[1, { f: () => 1 }]]), { code: 'E_STATE_VALUE', message: /keyed.*"result"/ })
  await refused(keyed([['only a key']]), { code: 'E_BAD_ARGUMENT', message: /pair/ })
  await refused(keyed(7), { code: 'E_BAD_ARGUMENT', message: /'rows' must be iterable; seen: 7/ })
  await refused(keyed([[1, 2]], 'values'), { code: 'E_BAD_ARGUMENT', message: /'kind' must be/ })
  await refused(
    { whole: { result: { kind: 'value', rows: [['a', 1]] } } },
    { code: 'E_BAD_KEY', message: /does not stand behind keyBy/ },
  )
  await refused(
    { memory: { lost: { kind: 'value', rows: [] } } },
    { code: 'E_NO_STATE', message: /"lost" .* is not there.*"last" \(value\)/ },
    remembering(16),
  )
  await refused(
    { memory: { all: { kind: 'value', rows: [] } } },
    { code: 'E_NO_STATE', message: /"all" of operator "memory" is no value/ },
    remembering(16),
  )
})

t.test('a directory that holds snapshots is left as it is', async (t) => {
  const savepoint = join(directory(t), 'savepoint')
  const content = { pipeline: remembering(16), operators: {} }
  await writeSavepoint(savepoint, content)
  await t.rejects(writeSavepoint(savepoint, content), { code: 'E_SNAPSHOTS_THERE' })
})

t.test('what was written for an operator of another kind is refused', async (t) => {
  const dir = directory(t)
  const written = join(dir, 'savepoint')
  const totals = (kind: 'sum' | 'avg') =>
    pipeline('totals', (flow) => {
      const keyed = flow.from(fromArray([1, 2])).pipe(keyBy((n) => n))
      const options = { name: 'totals' }
      if (kind === 'sum') keyed.pipe(sum((n) => n, options)).to(toObservable())
      else keyed.pipe(avg((n) => n, options)).to(toObservable())
    })
  const rows = [
    [1, 10],
    [2, 20],
  ] as const
  const operators = { totals: { accumulator: { kind: 'value', rows } } } as const
  await writeSavepoint(written, { pipeline: totals('sum'), operators })
  const restored = (kind: 'sum' | 'avg') => {
    const checkpoint = { directory: join(dir, kind) }
    return ended(ending(t, run(totals(kind), { checkpoint, restore: written })))
  }
  const { error, results } = await restored('avg')
  t.match(error, { code: 'E_RESTORE_KIND', details: { operator: 'totals', stored: 'sum' } })
  t.same(results, [], 'nothing has run')
  t.strictSame(
    new Map((await restored('sum')).results as [number, number][]),
    new Map([
      [1, 11],
      [2, 22],
    ]),
  )
})
