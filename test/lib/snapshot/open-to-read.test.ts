/** A store that is read while a job writes to it: each snapshot that is seen is whole. */
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openLevelChunkStore } from '../../../lib/snapshot/level-chunk-store.js'
import { chunksOf } from '../../../lib/snapshot/manifest-chunks.js'
import { openToRead } from '../../../lib/snapshot/open-to-read.js'
import { readManifest, verifySnapshot } from '../../../lib/snapshot/verify.js'
import { putSnapshot } from '../../support/snapshots.js'

/** Fills LevelDB's buffer of 16 MiB every other round, so that its tables change all the time. */
const CHUNK_BYTES = 10 * 1024 * 1024
const ROUNDS = 6

const copies = () =>
  readdirSync(tmpdir()).filter(
    (name) => name.startsWith('millrace-read-') && name.endsWith(`-${process.pid}`),
  )

t.test(
  'what was complete is whole in the copy, whatever is written and deleted meanwhile',
  async (t) => {
    const directory = join(t.testdir(), 'store')
    const store = await openLevelChunkStore(directory)
    let isWriting = true
    const writing = (async () => {
      for (let round = 1; round <= ROUNDS; round++) {
        await putSnapshot(store, round, [CHUNK_BYTES])
        if (round <= 2) continue
        const former = await readManifest(store, round - 2)
        await store.retire(round - 2)
        await store.delete(chunksOf(former).map(({ id }) => id))
      }
      isWriting = false
    })()
    let seen = 0
    while (isWriting) {
      const { store: copy, close } = await openToRead(directory)
      t.equal(copy.place, directory)
      for (const number of await copy.manifests()) {
        const { damage } = await verifySnapshot(copy, number)
        if (damage.length > 0) t.fail(`snapshot ${number}: ${damage[0]!.message}`)
        seen++
      }
      await close()
    }
    await writing
    t.ok(seen > 0, `${seen} were seen`)
    t.same(await store.manifests(), [ROUNDS - 1, ROUNDS], 'nothing is changed by who reads')
    for (const number of await store.manifests()) {
      t.same((await verifySnapshot(store, number)).damage, [])
    }
    t.same(copies(), [], 'no copy is left')
    await store.close()
  },
)
