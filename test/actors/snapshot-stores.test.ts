/** What a job's stores keep and clear away while its rounds come and go. */
import t from 'tap'
import { SnapshotStores } from '../../actors/checkpoint/snapshot-stores.js'
import { MillraceError } from '../../lib/base/errors.js'
import { refOf } from '../../lib/snapshot/chunk-ref.js'
import type { ChunkStore } from '../../lib/snapshot/chunk-store.js'
import { MemoryChunkStore } from '../../lib/snapshot/memory-chunk-store.js'
import { readManifest } from '../../lib/snapshot/verify.js'
import { idsOf } from '../conformance/chunk-store.js'
import { manifestOf, operatorOf, subtaskOf } from '../support/snapshots.js'

const BYTES = Uint8Array.of(1)

function storesOf(
  store: MemoryChunkStore,
  retained = 1,
  savepoint: ChunkStore = new MemoryChunkStore({ place: 'savepoint' }),
) {
  const open = async () => savepoint
  const none = { restored: null, restoredFrom: null, claims: false }
  return new SnapshotStores({ store, open, retained, ...none }, 0)
}

/** A round that puts one chunk, and commits it with those that it builds on. */
async function round(stores: SnapshotStores, number: number, ...before: readonly string[]) {
  const id = `c${number}`
  stores.begin(number, null)
  await stores.put(number, id, BYTES)
  await commit(stores, number, id, ...before)
}

const commit = (stores: SnapshotStores, number: number, ...ids: readonly string[]) => {
  const refs = ids.map((id) => refOf(id, BYTES, 1))
  return stores.commit(manifestOf(number, operatorOf('a', subtaskOf(...refs))))
}

t.test('keeps the manifests that are retained, and the chunks that they name', async (t) => {
  const store = new MemoryChunkStore()
  const stores = storesOf(store, 2)
  await round(stores, 1)
  await stores.retire([])
  await round(stores, 2, 'c1')
  await stores.retire([])
  await round(stores, 3)
  await stores.retire([])
  t.same(await store.manifests(), [2, 3])
  t.same(await idsOf(store), ['c1', 'c2', 'c3'])
  await round(stores, 4)
  await stores.retire([])
  t.same(await idsOf(store), ['c3', 'c4'])
})

t.test('what begins while old chunks are cleared away is spared', async (t) => {
  const store = new MemoryChunkStore()
  const stores = storesOf(store)
  await round(stores, 1)
  const retired = stores.retire([])
  stores.begin(2, null)
  await stores.put(2, 'begun since', BYTES)
  await retired
  t.same(await idsOf(store), ['begun since', 'c1'])
})

t.test('clears away what abandoned rounds and earlier processes have left', async (t) => {
  const store = new MemoryChunkStore()
  await store.put('left', BYTES)
  const stores = storesOf(store)
  stores.begin(1, null)
  await stores.put(1, 'abandoned', BYTES)
  stores.begin(2, null)
  await stores.put(2, 'running', BYTES)
  await round(stores, 3)
  await stores.retire([2])
  t.same(await idsOf(store), ['c3', 'running'])
  await round(stores, 4)
  await stores.retire([])
  t.same(await idsOf(store), ['c4'])
})

t.test(
  'spares what a round under way may build on, whatever has been completed meanwhile',
  async (t) => {
    const store = new MemoryChunkStore()
    const stores = storesOf(store)
    await round(stores, 1)
    await stores.retire([])
    stores.begin(3, null)
    await round(stores, 2)
    await stores.retire([3])
    t.same(await idsOf(store), ['c1', 'c2'])
    await stores.put(3, 'c3', BYTES)
    await commit(stores, 3, 'c1', 'c3')
    await stores.retire([])
    t.same(await idsOf(store), ['c1', 'c3'])
  },
)

t.test(
  'deletes nothing while a manifest cannot be read, and tries again what has failed',
  async (t) => {
    let failing = false
    const store = new MemoryChunkStore({
      fault: (step) => (failing && step === 'delete' ? new Error('no') : null),
    })
    const stores = storesOf(store)
    await round(stores, 1)
    failing = true
    await round(stores, 2)
    await t.rejects(stores.retire([]), { message: 'no' })
    failing = false
    await round(stores, 3)
    await stores.retire([])
    t.same(await idsOf(store), ['c3'])
    const restarted = storesOf(store)
    store.damageManifest(3, () => null)
    await round(restarted, 4)
    await restarted.retire([])
    t.same(await idsOf(store), ['c3', 'c4'])
  },
)

t.test('a savepoint has a store of its own, which nothing is cleared from', async (t) => {
  const store = new MemoryChunkStore()
  const stores = storesOf(store)
  stores.begin(1, 'somewhere')
  await stores.put(1, 's1', BYTES)
  const committed = await commit(stores, 1, 's1')
  t.same(committed, { latest: null, lost: null }, 'the job does not go on from it')
  await stores.end(1)
  await round(stores, 2)
  await stores.retire([])
  t.same(await store.manifests(), [2])
  t.same(await idsOf(store), ['c2'])
})

t.test('one with which the job stops is a checkpoint of the job, too', async (t) => {
  const own = new MemoryChunkStore()
  const savepoint = new MemoryChunkStore({ place: 'savepoint' })
  const stores = storesOf(own, 1, savepoint)
  const order: string[] = []
  for (const [name, store] of Object.entries({ own, savepoint })) {
    const { commit } = store
    store.commit = (...args) => {
      order.push(name)
      return commit.apply(store, args)
    }
  }
  const manifest = { ...manifestOf(1, operatorOf('a', subtaskOf(refOf('s1', BYTES, 1)))) }
  stores.begin(1, 'somewhere', true)
  await stores.put(1, 's1', BYTES)
  const committed = await stores.commit({ ...manifest, kind: 'savepoint' })
  t.match(committed, { latest: { kind: 'checkpoint', round: 1 }, lost: null })
  t.same(order, ['own', 'savepoint'], 'at no time it is in the savepoint alone')
  await stores.end(1)
  await stores.retire([])
  for (const [kind, store] of [
    ['checkpoint', own],
    ['savepoint', savepoint],
  ] as const) {
    t.same(await idsOf(store), ['s1'])
    t.match(await readManifest(store, 1), { kind, round: 1 })
  }
})

t.test('and it is where the savepoint cannot be completed', async (t) => {
  const own = new MemoryChunkStore({ place: 'checkpoints' })
  const savepoint = new MemoryChunkStore({ place: 'savepoint' })
  savepoint.commit = () => Promise.reject(new Error('the disk is full'))
  const stores = storesOf(own, 1, savepoint)
  stores.begin(1, 'somewhere', true)
  await stores.put(1, 's1', BYTES)
  t.match(await commit(stores, 1, 's1'), {
    latest: { kind: 'checkpoint', round: 1 },
    lost: {
      code: 'E_SNAPSHOT_ABANDONED',
      message:
        'the job has stopped behind a checkpoint in checkpoints, but the savepoint is not there: the disk is full',
    },
  })
  t.same(await own.manifests(), [1])
})

t.test(
  "where its directory cannot be opened nothing is said about the job's own store",
  async (t) => {
    const lost = new MillraceError('E_STORE', 'a file has that name', {
      details: { code: 'EEXIST' },
    })
    for (const stops of [false, true]) {
      const none = { restored: null, restoredFrom: null, claims: false }
      const store = new MemoryChunkStore()
      const stores = new SnapshotStores(
        { store, open: () => Promise.reject(lost), retained: 1, ...none },
        0,
      )
      stores.begin(1, 'a file', stops)
      const code = stops ? 'E_SNAPSHOT_ABANDONED' : 'E_STORE'
      await t.rejects(stores.put(1, 's1', BYTES), { code, message: /a file has that name$/ })
      await t.rejects(commit(stores, 1, 's1'), { code })
      t.same(await store.manifests(), [])
    }
  },
)

t.test('a chunk of it that one of the two does not take is neither', async (t) => {
  for (const failing of ['own', 'savepoint'] as const) {
    const both = { own: new MemoryChunkStore(), savepoint: new MemoryChunkStore() }
    const lost = new MillraceError('E_STORE', 'cannot write', { details: { code: 'EIO' } })
    both[failing].put = () => Promise.reject(lost)
    const stores = storesOf(both.own, 1, both.savepoint)
    stores.begin(1, 'somewhere', true)
    // Where it is the savepoint's store nothing is said about the job's.
    const code = failing === 'own' ? 'E_STORE' : 'E_SNAPSHOT_ABANDONED'
    await t.rejects(stores.put(1, 's1', BYTES), { code, message: /cannot write$/ })
    await round(stores, 2).catch(() => {})
    await stores.retire([])
    t.same((await idsOf(both.own)).includes('s1'), false, 'what has come is cleared away')
  }
})

t.test(
  'what is restored from another place is read there, as long as that is not claimed',
  async (t) => {
    const own = new MemoryChunkStore()
    const savepoint = new MemoryChunkStore()
    await own.put('s1', Uint8Array.of(2))
    await savepoint.put('s1', BYTES)
    const restored = manifestOf(1, operatorOf('a', subtaskOf()))
    const open = async () => savepoint
    const options = {
      store: own,
      open,
      retained: 1,
      restored,
      restoredFrom: savepoint,
      claims: false,
    }
    t.same(await new SnapshotStores(options, 1).get('s1'), BYTES)
  },
)

t.test('what may be stored is known before it is stored, also where that fails', async (t) => {
  const stores = storesOf(new MemoryChunkStore())
  t.notOk(stores.mayBeStored)
  stores.begin(1, null)
  await stores.put(1, 'c1', BYTES)
  t.notOk(stores.mayBeStored, 'chunks alone are no snapshot')
  await commit(stores, 1, 'c1')
  t.ok(stores.mayBeStored)

  const failing = new MemoryChunkStore()
  failing.commit = () => Promise.reject(new Error('the disk has failed'))
  const others = storesOf(failing)
  await t.rejects(commit(others, 1), { message: 'the disk has failed' })
  t.ok(others.mayBeStored, 'whether it was stored is not known')

  const store = new MemoryChunkStore()
  const restored = manifestOf(7, operatorOf('a', subtaskOf()))
  const open = async () => store
  const options = { store, open, retained: 1, restored, restoredFrom: null, claims: false }
  t.ok(new SnapshotStores(options, 7).mayBeStored, 'the job goes on from one')
})
