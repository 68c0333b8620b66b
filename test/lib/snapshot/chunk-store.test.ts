/** Chunk stores: the conformance suite on each, and what is particular to LevelDB in a directory. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { openLevelChunkStore } from '../../../lib/snapshot/level-chunk-store.js'
import { MemoryChunkStore } from '../../../lib/snapshot/memory-chunk-store.js'
import { testChunkStore } from '../../conformance/chunk-store.js'
import { skip } from '../../support/mount.js'

let directories = 0
const root = t.testdir()
const fresh = (): string => join(root, `store-${directories++}`)

testChunkStore(t, 'a store in memory', async () => ({
  store: new MemoryChunkStore(),
  reopen: null,
}))

testChunkStore(t, 'a store in LevelDB', async () => {
  const directory = fresh()
  const reopen = () => openLevelChunkStore(directory)
  return { store: await reopen(), reopen }
})

t.test('a refused second opening does not let another process in', async (t) => {
  const directory = fresh()
  const store = await openLevelChunkStore(directory)
  t.teardown(() => store.close())
  await t.rejects(
    openLevelChunkStore(join(directory, '..', 'store-0', '..', directory.slice(root.length + 1))),
    {
      code: 'E_STORE_LOCKED',
      message: /is in use: a job runs on it/,
    },
  )
  const module = new URL('../../../lib/snapshot/level-chunk-store.js', import.meta.url)
  const script = `import { openLevelChunkStore } from ${JSON.stringify(module.href)}
    openLevelChunkStore(${JSON.stringify(directory)}).then(() => console.log('opened'), ({ code }) => console.log(code))`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script])
  t.equal(String(stdout).trim(), 'E_STORE_LOCKED')
})

t.test(
  'a directory that holds no store is neither made nor touched without being asked',
  async (t) => {
    const missing = fresh()
    await t.rejects(openLevelChunkStore(missing, { create: false }), {
      code: 'E_NO_SNAPSHOT',
      message: /there are no snapshots in .*: there is no such directory/,
    })
    t.notOk(existsSync(missing))
    const empty = fresh()
    mkdirSync(empty)
    await t.rejects(openLevelChunkStore(empty, { create: false }), { code: 'E_NO_SNAPSHOT' })
    t.same(readdirSync(empty), [])
  },
)

t.test("a directory with a user's files is refused, and left as it was", async (t) => {
  const directory = fresh()
  mkdirSync(directory)
  writeFileSync(join(directory, 'LOG'), 'mine')
  writeFileSync(join(directory, 'sales.csv'), 'mine')
  await t.rejects(openLevelChunkStore(directory), {
    code: 'E_STORE',
    message: /is no snapshot store, and it is not empty .*name a new or an empty directory/,
  })
  t.same(readdirSync(directory), ['LOG', 'sales.csv'])
})

t.test('a store without one of its own files is damaged, and never an empty one', async (t) => {
  for (const file of ['CURRENT', 'SNAPSHOTS']) {
    const directory = fresh()
    const store = await openLevelChunkStore(directory)
    await store.put('a', Uint8Array.of(1))
    await store.commit(1, Uint8Array.of(1))
    await store.close()
    rmSync(join(directory, file))
    const before = readdirSync(directory).filter((name) => /ldb|log$/.test(name))
    await t.rejects(openLevelChunkStore(directory), {
      code: 'E_SNAPSHOT_DAMAGED',
      message: new RegExp(`has no file ${file}`),
    })
    t.ok(before.length > 0)
  }
})

t.test('a store whose making was cut short is made', async (t) => {
  const directory = fresh()
  mkdirSync(directory)
  for (const name of ['LOCK', 'LOG', 'MANIFEST-000001', '000001.dbtmp']) {
    writeFileSync(join(directory, name), '')
  }
  const store = await openLevelChunkStore(directory)
  await store.commit(1, Uint8Array.of(1))
  t.same(await store.manifests(), [1])
  await store.close()
})

t.test('only its owner may read a store', async (t) => {
  const directory = fresh()
  const store = await openLevelChunkStore(directory)
  await store.close()
  t.equal(statSync(directory).mode & 0o777, 0o700)
})

t.test('what cannot be opened says why, and what to do', async (t) => {
  const file = fresh()
  writeFileSync(file, '')
  await t.rejects(openLevelChunkStore(file), {
    code: 'E_STORE',
    message: /cannot open the snapshot store .*name a directory/,
    details: { place: file, code: 'ENOTDIR' },
  })
  if (process.getuid?.() === 0) return skip(t, 'root may read any directory')
  const closed = fresh()
  mkdirSync(closed)
  chmodSync(closed, 0)
  await t.rejects(openLevelChunkStore(closed), { code: 'E_STORE', details: { code: 'EACCES' } })
  chmodSync(closed, 0o700)
})

t.test('a closed store says so', async (t) => {
  const store = await openLevelChunkStore(fresh())
  await store.close()
  await t.rejects(store.put('a', Uint8Array.of(1)), { code: 'E_STORE', message: /has been closed/ })
  await t.rejects(store.get('a'), { code: 'E_STORE', message: /has been closed/ })
  await store.close()
})

t.test('a store is found by a path with odd characters', async (t) => {
  const directory = join(root, 'mit Leerzeichen # ü')
  const store = await openLevelChunkStore(directory)
  await store.commit(1, Uint8Array.of(1))
  await store.close()
  t.ok(pathToFileURL(directory).href.includes('%'))
  const again = await openLevelChunkStore(directory)
  t.same(await again.manifests(), [1])
  await again.close()
})

t.test('a store in memory fails and damages where it is told to', async (t) => {
  const store = new MemoryChunkStore({
    place: 'there',
    fault: (step, name) => (step === 'put' && name === 'b' ? new Error('no room') : null),
  })
  await store.put('a', Uint8Array.of(1))
  await t.rejects(store.put('b', Uint8Array.of(1)), { message: 'no room' })
  store.damage('a', () => Uint8Array.of(2))
  t.same([...(await store.get('a'))!], [2])
  await store.commit(1, Uint8Array.of(1))
  store.damageManifest(1, () => null)
  t.same(await store.manifests(), [1], 'a lost manifest is still known')
  t.equal(await store.manifest(1), null)
})
