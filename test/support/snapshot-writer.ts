/**
 * A process that does nothing but take snapshots: `node snapshot-writer.js DIRECTORY [ROUNDS]`. Goes on
 * from the newest one, says the number of each on standard output once it is acknowledged, keeps three,
 * and clears away the rest. Where something fails it says the code, and goes on.
 */
import { writeSync } from 'node:fs'
import { MillraceError } from '../../lib/base/errors.js'
import { seededRandom } from '../../lib/base/random.js'
import type { ChunkStore } from '../../lib/snapshot/chunk-store.js'
import { openLevelChunkStore } from '../../lib/snapshot/level-chunk-store.js'
import { chunksOf } from '../../lib/snapshot/manifest-chunks.js'
import { planRetention } from '../../lib/snapshot/retention.js'
import { readManifest } from '../../lib/snapshot/verify.js'
import { putSnapshot } from './snapshots.js'

const [directory, rounds = 'Infinity'] = process.argv.slice(2)
const store = await openLevelChunkStore(directory!)
const random = seededRandom(process.pid)
const said = (text: string | number) => writeSync(1, `${text}\n`)

await clear(store, await idsIn(store))
let round = (await store.manifests()).at(-1) ?? 0
said(`opened ${round}`)
for (let left = Number(rounds); left > 0; left--) {
  round += 1
  const sizes = Array.from({ length: 3 }, () => Math.floor(random() ** 4 * 400_000))
  try {
    await putSnapshot(store, round, sizes, [], `run-${process.pid}-${left}`)
    said(round)
    await clear(store, [])
  } catch (error) {
    said(error instanceof MillraceError ? `${error.code} ${error.details.code}` : String(error))
  }
}
await store.close()

async function clear(store: ChunkStore, suspects: readonly string[]): Promise<void> {
  const manifests = []
  for (const number of await store.manifests()) {
    const chunks = chunksOf(await readManifest(store, number)).map(({ id }) => id)
    manifests.push({ number, chunks })
  }
  const { retire, garbage } = planRetention({
    manifests,
    retained: 3,
    pinned: new Set(),
    suspects,
    isSpared: () => false,
  })
  for (const number of retire) await store.retire(number)
  await store.delete(garbage)
}

async function idsIn(store: ChunkStore): Promise<readonly string[]> {
  const ids: string[] = []
  for await (const id of store.list()) ids.push(id)
  return ids
}
