/** Where a job keeps its state: what may be said, what is refused, and that results are the same. */
import { chmodSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type RunOptions, run } from '../../actors/index.js'
import { stateSettingsOf } from '../../actors/job/state-options.js'
import { collection, toObservable } from '../../lib/connectors/index.js'
import { count, keyBy, map, pipeline, scan } from '../../lib/index.js'

t.setTimeout(400_000)

t.test('a backend is heap or level, and what belongs to the other is refused', async (t) => {
  const MIB = 2 ** 20
  t.same(stateSettingsOf(undefined, null), { backend: 'heap' })
  t.same(stateSettingsOf('heap', null), { backend: 'heap' })
  const level = { backend: 'level', directory: null }
  t.same(stateSettingsOf('level', null), { ...level, cacheBytes: 256 * MIB })
  t.same(stateSettingsOf('level', 2048), { ...level, cacheBytes: 256 * MIB })
  t.same(stateSettingsOf('level', 400), { ...level, cacheBytes: 100 * MIB })
  const said = { backend: 'level', directory: '/fast', cacheMb: 20 } as const
  t.same(stateSettingsOf(said, 100), {
    backend: 'level',
    directory: '/fast',
    cacheBytes: 20 * MIB,
  })
  const refused: readonly (readonly [object, RegExp])[] = [
    [{ backend: 'rocksdb' }, /'heap' or 'level'; it is 'rocksdb'/],
    [{ backend: 'heap', cacheMb: 5 }, /belong to the backend 'level'/],
    [{ backend: 'heap', directory: '/fast' }, /belong to the backend 'level'/],
    [{ backend: 'level', directory: '' }, /is empty/],
    [{ backend: 'level', cacheMb: 0 }, /positive/],
    [{ backend: 'level', cacheMb: 51 }, /more than half of the 100 MiB/],
  ]
  for (const [option, message] of refused) {
    const say = () => stateSettingsOf(option as never, 100)
    t.throws(say, { code: 'E_BAD_STATE_BACKEND', message })
  }
  const odd = () => stateSettingsOf({ backend: 'level', cache: 5 } as never, null)
  t.throws(odd, { code: 'E_UNKNOWN_OPTION' })
})

const KEYS = 20_000

/** Counts three records for each key. */
async function counts(state: RunOptions['state']): Promise<readonly unknown[]> {
  const records = Array.from({ length: 3 * KEYS }, (_, n) => ({ user: `user ${n % KEYS}`, n }))
  const job = run(
    pipeline('counts', (flow) =>
      flow
        .from(collection(records))
        .pipe(
          keyBy(({ user }) => user),
          count({ name: 'n' }),
        )
        .to(toObservable()),
    ),
    { stallWatch: false, ...(state !== undefined && { state }) },
  )
  const results: unknown[] = []
  job.results$.subscribe({ next: (result) => results.push(result), error: () => {} })
  await job.done
  return results
}

t.test('results, and their order, are those of the heap', async (t) => {
  const root = t.testdir()
  const level = { backend: 'level', directory: root, cacheMb: 1 } as const
  const expected = await counts('heap')
  t.equal(expected.length, KEYS)
  t.same(await counts(level), expected)
  t.same(readdirSync(root), [], 'nothing is left on disk')
})

t.test('a directory that cannot be used ends the job by its name', async (t) => {
  const root = t.testdir({ closed: {} })
  const file = join(root, 'file')
  writeFileSync(file, '')
  const rejected = { code: 'E_STATE_STORE', message: /state directory .*--state-dir/ }
  await t.rejects(counts({ backend: 'level', directory: file }), rejected)
  if (process.getuid?.() === 0) return
  chmodSync(join(root, 'closed'), 0o500)
  await t.rejects(counts({ backend: 'level', directory: join(root, 'closed') }), rejected)
})

t.test('what cannot be stored is refused by the names of operator and state', async (t) => {
  const held = pipeline('held', (flow) =>
    flow
      .from(collection(Array.from({ length: 40_000 }, (_, n) => n)))
      .pipe(
        keyBy((n) => n),
        scan(
          (_: () => number, n: number) => () => n,
          () => 0,
          { name: 'keeper' },
        ),
        map(([key]) => key),
      )
      .to(toObservable()),
  )
  const level = { backend: 'level', directory: t.testdir(), cacheMb: 1 } as const
  await t.rejects(run(held, { stallWatch: false, state: level }).done, {
    message: /keeper.*function/,
  })
})
