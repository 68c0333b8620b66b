/** DESIGN "Damage": which snapshot a job goes on from, and when it refuses to. */
import t from 'tap'
import type { RestoreWish } from '../../../lib/snapshot/choose-restore.js'
import { findRestore } from '../../../lib/snapshot/find-restore.js'
import { MemoryChunkStore } from '../../../lib/snapshot/memory-chunk-store.js'
import { putSnapshot } from '../../support/snapshots.js'

const LATEST: RestoreWish = { wanted: 'latest', mayRepeat: false, acceptDuplicates: false }

/** Three whole snapshots of two subtasks. */
async function storeOfThree(): Promise<MemoryChunkStore> {
  const store = new MemoryChunkStore({ place: 'there' })
  for (const round of [1, 2, 3]) await putSnapshot(store, round, [100, 100])
  return store
}

const lose = (store: MemoryChunkStore, round: number) =>
  store.damage(`run/${round}/1/0.1/0/0`, () => null)

t.test('the latest one is taken where it is whole', async (t) => {
  const choice = await findRestore(await storeOfThree(), LATEST)
  t.match(choice, { kind: 'restore', manifest: { round: 3 }, passedOver: [] })
})

t.test('an empty store is told apart from everything else', async (t) => {
  t.same(await findRestore(new MemoryChunkStore(), LATEST), { kind: 'none' })
  t.match(await findRestore(new MemoryChunkStore(), { ...LATEST, wanted: 4 }), {
    kind: 'refused',
    error: { code: 'E_NO_SNAPSHOT', message: 'memory has no snapshot 4; it has none' },
  })
})

t.test('behind a damaged one falls back by itself where nothing can come twice', async (t) => {
  const store = await storeOfThree()
  lose(store, 3)
  const choice = await findRestore(store, { ...LATEST, mayRepeat: true })
  t.match(choice, { kind: 'restore', manifest: { round: 2 }, passedOver: [{ number: 3 }] })
  lose(store, 2)
  t.match(await findRestore(store, { ...LATEST, mayRepeat: true }), {
    kind: 'restore',
    manifest: { round: 1 },
    passedOver: [{ number: 3 }, { number: 2 }],
  })
})

t.test('else it stops, and names chunk, round and the range that would come twice', async (t) => {
  const store = await storeOfThree()
  lose(store, 3)
  t.match(await findRestore(store, LATEST), {
    kind: 'refused',
    error: {
      code: 'E_SNAPSHOT_DAMAGED',
      message:
        'snapshot 3 is damaged: chunk run/3/1/0.1/0/0 in there is missing. Snapshot 2 in there is whole, but a ' +
        'sink of this job cannot take back what it has committed since: what round 3 committed (records read ' +
        'from 2026-01-01T00:00:02.000Z to 2026-01-01T00:00:03.000Z) would come twice. Restore the store from a ' +
        'backup, or accept that: --restore 2 --accept-duplicates',
      details: { round: 3, wholeRound: 2, place: 'there' },
    },
  })
  store.damageManifest(2, (bytes) => bytes.subarray(0, 50))
  t.match(await findRestore(store, LATEST), {
    kind: 'refused',
    error: {
      message:
        /snapshot 3 is damaged: .*; snapshot 2 is damaged: manifest 2 in there .*rounds 2 to 3 .*--restore 1/,
    },
  })
})

t.test('until the duplicates are accepted', async (t) => {
  const store = await storeOfThree()
  lose(store, 3)
  const accepted = { ...LATEST, acceptDuplicates: true }
  t.match(await findRestore(store, accepted), { kind: 'restore', manifest: { round: 2 } })
  t.match(await findRestore(store, { ...accepted, wanted: 2 }), {
    kind: 'restore',
    manifest: { round: 2 },
  })
})

t.test('a lost manifest is no reason to fall back unsaid', async (t) => {
  const store = await storeOfThree()
  store.damageManifest(3, () => null)
  t.match(await findRestore(store, LATEST), {
    kind: 'refused',
    error: { message: /snapshot 3 is damaged: manifest 3 in there has been lost/ },
  })
})

t.test('where none is whole it never starts empty, whatever is accepted', async (t) => {
  const store = await storeOfThree()
  for (const round of [1, 2, 3]) lose(store, round)
  const wish: RestoreWish = { wanted: 'latest', mayRepeat: true, acceptDuplicates: true }
  t.match(await findRestore(store, wish), {
    kind: 'refused',
    error: {
      code: 'E_SNAPSHOT_DAMAGED',
      message: /no snapshot in there is whole: snapshot 3 .*snapshot 1 /,
    },
  })
})

t.test('one that is asked for by number is taken whole, or not at all', async (t) => {
  const store = await storeOfThree()
  t.match(await findRestore(store, { ...LATEST, wanted: 3 }), {
    kind: 'restore',
    manifest: { round: 3 },
  })
  lose(store, 3)
  t.match(await findRestore(store, { ...LATEST, wanted: 3, mayRepeat: true }), {
    kind: 'refused',
    error: { code: 'E_SNAPSHOT_DAMAGED', message: /snapshot 3 in there cannot be restored/ },
  })
  t.match(await findRestore(store, { ...LATEST, wanted: 9 }), {
    kind: 'refused',
    error: { code: 'E_NO_SNAPSHOT', message: 'there has no snapshot 9; it has 1, 2, 3' },
  })
})

t.test('an older one that is asked for is refused like a fall back', async (t) => {
  const store = await storeOfThree()
  t.match(await findRestore(store, { ...LATEST, wanted: 1 }), {
    kind: 'refused',
    error: {
      code: 'E_RESTORE_DUPLICATES',
      message:
        /snapshot 1 in there is not the newest one.*rounds 2 to 3 .*--restore 1 --accept-duplicates/,
    },
  })
  t.match(await findRestore(store, { ...LATEST, wanted: 1, mayRepeat: true }), { kind: 'restore' })
})
