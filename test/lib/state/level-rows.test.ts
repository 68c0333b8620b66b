import { existsSync, readdirSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { LevelTexts } from '../../../lib/base/level.js'
import { LevelRows, openLevelRows } from '../../../lib/state/level-rows.js'
import { createLevelState } from '../../../lib/state/level-state.js'
import { RowCache } from '../../../lib/state/row-cache.js'
import { textRows } from '../../../lib/state/row-text.js'
import { decodeCbor, encodeCbor } from '../../../lib/wire/cbor.js'
import { stateConformance } from '../../conformance/state.js'

const codec = textRows({ encode: encodeCbor, decode: decodeCbor })

t.test('state in LevelDB keeps the laws of state, larger than its cache', async (t) => {
  const rows = await openLevelRows({ job: 'job', name: 'slot 0', root: t.testdir() })
  t.teardown(() => rows.close())
  const cache = new RowCache({ rows, codec, budgetBytes: 2_000, recent: 10 })
  await stateConformance(t, (groups, options) =>
    createLevelState(groups, { ...options, cache, nestedMax: 4 }),
  )
})

t.test('what was written can be read, by the time it was waited for or told', async (t) => {
  const rows = await openLevelRows({ job: 'job', name: 'a', root: t.testdir() })
  t.teardown(() => rows.close())
  rows.write([['0:a', 'one']]).wait()
  t.same(rows.get('0:a'), 'one')
  await rows.write([
    ['0:a', null],
    ['0:b', ''],
  ]).landed
  t.equal(rows.get('0:a'), undefined)
  t.equal(rows.get('0:b'), '')
  t.same(await rows.getMany(['0:b', '0:a']), ['', undefined])
  await rows.write([
    ['0!1', 'x'],
    ['00:b', 'x'],
    ['1:b', 'x'],
  ]).landed
  rows.forget('0:')
  await rows.write([]).landed
  t.equal(rows.get('0:b'), undefined)
  for (const key of ['0!1', '00:b', '1:b']) t.same(rows.get(key), 'x')
})

t.test('it begins empty, and leaves nothing', async (t) => {
  const root = t.testdir()
  const options = { job: 'a job', name: 'a', root }
  const first = await openLevelRows(options)
  first.write([['0:a', 'one']]).wait()
  await first.close()
  t.same(readdirSync(root), [])
  const second = await openLevelRows(options)
  t.equal(second.get('0:a'), undefined)
  await second.close()
})

t.test('what a killed process has left is removed', async (t) => {
  const root = t.testdir()
  const rows = await openLevelRows({ job: 'job', name: 'a', root })
  const [own] = readdirSync(root)
  const gone = join(root, own!.replace(/\d+$/, '4194305'))
  await mkdir(join(gone, 'job'), { recursive: true })
  await rows.close()
  const next = await openLevelRows({ job: 'job', name: 'a', root })
  t.notOk(existsSync(gone))
  await next.close()
})

t.test('a directory that cannot be used is named, and what is to be done', async (t) => {
  const root = t.testdir()
  const file = join(root, 'file')
  await writeFile(file, '')
  const open = (at: string) => openLevelRows({ job: 'job', name: 'a', root: at })
  await t.rejects(open(file), { code: 'E_STATE_STORE', message: /ENOTDIR.*--state-dir/ })
  const closed = join(root, 'closed')
  await mkdir(closed)
  await chmod(closed, 0o500)
  // Root may write everywhere.
  if (process.getuid?.() === 0) return
  await t.rejects(open(closed), {
    code: 'E_STATE_STORE',
    message: /may not be written.*--state-dir/,
  })
})

t.test('two that are opened by the same names have nothing to do with each other', async (t) => {
  const options = { job: 'job', name: 'a', root: t.testdir() }
  const [one, other] = [await openLevelRows(options), await openLevelRows(options)]
  one.write([['0:a', 'one']]).wait()
  t.equal(other.get('0:a'), undefined)
  await one.close()
  other.write([['0:a', 'other']]).wait()
  t.same(other.get('0:a'), 'other')
  await other.close()
})

t.test('a row that is not as it was written is noticed', async (t) => {
  const stored = new Map<string, Buffer>()
  const db = {
    getSync: (key: string) => stored.get(key)?.toString(),
    getMany: async (keys: readonly string[]) => keys.map((key) => stored.get(key)?.toString()),
    batch: () => ({
      put: (key: string, value: string) => stored.set(key, Buffer.from(value)),
      write: async () => {},
    }),
  }
  const rows = new LevelRows('/state', db as unknown as LevelTexts)
  await rows.write([['0:a', 'one']]).landed
  t.same(rows.get('0:a'), 'one')
  for (let bit = 0; bit < 8 * stored.get('0:a')!.length; bit++) {
    const row = stored.get('0:a')!
    const was = row[bit >> 3]!
    row[bit >> 3] = was ^ (1 << (bit & 7))
    const damaged = { code: 'E_STATE_STORE', message: '/state', retryable: true }
    t.throws(() => rows.get('0:a'), damaged)
    await t.rejects(rows.getMany(['0:a']), damaged)
    row[bit >> 3] = was
  }
})

t.test(
  'what could not be written is told by name, to whoever waits and to whoever comes next',
  async (t) => {
    const full = Object.assign(new Error('IO error: 000003.log: No space left on device'), {
      code: 'LEVEL_IO_ERROR',
    })
    const db = {
      getSync: () => undefined,
      batch: () => ({
        put: () => {},
        write: async () => {
          throw full
        },
      }),
    }
    const told: unknown[] = []
    const rows = new LevelRows('/state', db as unknown as LevelTexts)
    const fail = (error: unknown) => void told.push(error)
    const cache = new RowCache({ rows, codec, budgetBytes: 1e6, recent: 0, fail })
    const values = createLevelState(8, { cache }).value<number>('n')
    for (let key = 0; key < 2_000; key++) values.set(key % 8, key, key)
    await new Promise((resolve) => setImmediate(resolve))
    t.match(told, [
      { code: 'E_STATE_STORE', message: /disk is full.*--state-dir/, retryable: true },
    ])
    t.throws(() => values.get(1, -1), { code: 'E_STATE_STORE' })
  },
)
