import t from 'tap'
import { openSnapshots } from '../../actors/job/open-snapshots.js'
import type { Plan } from '../../lib/graph/plan.js'
import { MemoryChunkStore } from '../../lib/snapshot/memory-chunk-store.js'

t.test('why a restore is refused is told, though its store cannot be closed', async (t) => {
  const store = new MemoryChunkStore()
  await store.commit(1, new Uint8Array([1]))
  let closes = 0
  store.close = async () => {
    closes++
    throw new Error('the disk does not answer')
  }
  const open = async () => store
  const asked = [
    { options: {}, code: 'E_SNAPSHOTS_THERE' },
    { options: { restore: 7 }, code: 'E_NO_SNAPSHOT' },
  ]
  for (const { options, code } of asked) {
    const snapshots = { checkpoint: { directory: 'state' }, ...options }
    const opening = openSnapshots(snapshots, {} as Plan, [], () => {}, open)
    await t.rejects(opening, { code }, code)
  }
  t.equal(closes, asked.length)
})
