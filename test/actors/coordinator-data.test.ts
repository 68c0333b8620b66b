/** Who may use the data directory of a coordinator, and what is found there again. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openFileStores } from '../../actors/coordinator/stores.js'
import { INDEX_FILE } from '../../lib/snapshot/store-index.js'
import { coordinatorOf, type ProcessSettings } from '../support/cluster-parts.js'
import { startProcess } from '../support/cluster-processes.js'

t.setTimeout(400_000)

const settingsOf = (data: string): ProcessSettings => ({
  kind: 'coordinator',
  name: 'hub',
  listen: '127.0.0.1:0',
  secret: null,
  data,
})

t.test('a second coordinator on the same data is refused, and changes nothing', async (t) => {
  const data = join(t.testdir(), 'data')
  const [first, second] = [coordinatorOf(settingsOf(data)), coordinatorOf(settingsOf(data))]
  await first.start()
  const term = readFileSync(join(data, 'term.json'), 'utf8')
  for (let i = 0; i < 2; i++) {
    await t.rejects(second.start(), { code: 'E_DATA_LOCKED', message: /another coordinator runs/ })
  }
  t.equal(readFileSync(join(data, 'term.json'), 'utf8'), term)
  await first.stop()
  await second.start()
  t.equal(second.term, 2, 'its turn has come')
  await second.stop()
})

t.test('one that cannot listen lets go of its data', async (t) => {
  const data = join(t.testdir(), 'data')
  const first = coordinatorOf({
    ...settingsOf(data),
    listen: '192.0.2.1:1',
    secret: 'x'.repeat(40),
  })
  await t.rejects(first.start(), { code: 'E_LISTEN' })
  const second = coordinatorOf(settingsOf(data))
  await second.start()
  await second.stop()
})

t.test('one that cannot use what lies there lets go of it', async (t) => {
  const data = t.testdir({ bundles: 'no directory' })
  const coordinator = coordinatorOf(settingsOf(data))
  for (let i = 0; i < 2; i++) await t.rejects(coordinator.start(), { code: 'EEXIST' })
  rmSync(join(data, 'bundles'))
  await coordinator.start()
  await coordinator.stop()
})

t.test('it lets go of its data when all that was asked for is written there', async (t) => {
  const data = join(t.testdir(), 'data')
  const { records, close } = await openFileStores(data)
  const bundle = { sha256: 'x', bytes: 1, name: 'rows' }
  const record = { id: 'rows-1', pipeline: 'rows', bundle, options: {}, slots: 1, submittedMs: 0 }
  await records.save(record)
  for (let slots = 2; slots < 20; slots++) void records.save({ ...record, slots })
  void records.remove(record.id)
  const names = Array.from({ length: 20 }, (_, i) => `node-${i}`)
  const cordoned = names.map((_, i) => records.saveCordons(names.slice(0, i + 1)))
  const outcomes = Promise.allSettled(cordoned)
  await close()
  const next = await openFileStores(data)
  t.same(await next.records.cordons(), names, 'as they were set last')
  t.same(new Set((await outcomes).map(({ status }) => status)), new Set(['fulfilled']))
  t.same(await next.records.all(), [], 'what was cancelled last is not there')
  await next.close()
})

t.test(
  'where no snapshot is complete yet, a job begins with what it was submitted with',
  async (t) => {
    const data = join(t.testdir(), 'data')
    const stores = await openFileStores(data)
    const place = join(data, 'snapshots')
    t.notOk(await stores.hasSnapshots(place), 'no directory')
    const store = await stores.openSnapshots(place)
    await store.put('1/a', new Uint8Array([1]))
    t.notOk(await stores.hasSnapshots(place), 'a round that has not ended')
    await store.commit(1, new Uint8Array([2]))
    await store.close()
    t.ok(await stores.hasSnapshots(place))
    writeFileSync(join(place, INDEX_FILE), 'x')
    t.ok(await stores.hasSnapshots(place), 'what is damaged is no reason to begin without')
    t.notOk(await stores.hasSnapshots(join(place, INDEX_FILE)), 'no directory, but a file')
    await stores.close()
  },
)

t.test('a coordinator in another process keeps its data until it dies', async (t) => {
  const data = join(t.testdir(), 'data')
  const first = await startProcess(settingsOf(data))
  t.teardown(() => first.kill('SIGKILL'))
  const second = coordinatorOf(settingsOf(data))
  await t.rejects(second.start(), { code: 'E_DATA_LOCKED' })
  await t.rejects(second.start(), { code: 'E_DATA_LOCKED' }, 'also when it was tried before')
  first.kill('SIGKILL')
  await first.exited
  // What a power cut may leave of a lock.
  writeFileSync(join(data, 'lock', 'CURRENT'), 'x')
  await second.start()
  t.equal(second.term, 2)
  await second.stop()
})
