/**
 * A disk that changes what lies on it: whatever byte of a store's files is flipped, cut off or missing, a
 * restore gets exactly what was committed last, or is told of the damage. It never gets something else,
 * something older, or nothing.
 */
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MillraceError } from '../../../lib/base/errors.js'
import { seededRandom } from '../../../lib/base/random.js'
import type { ChunkStore } from '../../../lib/snapshot/chunk-store.js'
import { findRestore } from '../../../lib/snapshot/find-restore.js'
import { openLevelChunkStore } from '../../../lib/snapshot/level-chunk-store.js'
import type { Manifest } from '../../../lib/snapshot/manifest.js'
import { chunksOf } from '../../../lib/snapshot/manifest-chunks.js'
import { readChunk } from '../../../lib/snapshot/verify.js'
import { chunkBytes, putSnapshot } from '../../support/snapshots.js'
import { testSeed } from '../../support/test-seed.js'

/** Of each file; more with CI_FULL=1. */
const FLIPS = process.env.CI_FULL ? 2000 : 200
const TOLD = ['E_SNAPSHOT_DAMAGED', 'E_SNAPSHOT_VERSION', 'E_STORE']

const seed = testSeed()
// In memory where there is such a place: nothing here is about what survives, and syncs take most of the time.
const root = existsSync('/dev/shm') ? mkdtempSync('/dev/shm/millrace-') : t.testdir()
const whole = join(root, 'whole')
let newest: Manifest

/** Older snapshots in tables, the newest one in the log; chunks of one block and of many. */
t.before(async () => {
  let store = await openLevelChunkStore(whole)
  const first = await putSnapshot(store, 1, [3000, 50])
  await store.close()
  store = await openLevelChunkStore(whole)
  await putSnapshot(store, 2, [700, 9000], chunksOf(first))
  await store.retire(1)
  await store.close()
  store = await openLevelChunkStore(whole)
  newest = await putSnapshot(store, 3, [40_000, 10], chunksOf(first))
  await store.close()
})

t.teardown(() => rmSync(root, { recursive: true, force: true }))

t.test('the store that is damaged here is whole, and has tables and a log', async (t) => {
  const kinds = filesOf(whole).map((file) => file.replace(/\d+/, ''))
  for (const kind of ['.ldb', '.log', 'CURRENT', 'MANIFEST-', 'SNAPSHOTS'])
    t.ok(kinds.includes(kind), kind)
  // Not the store itself: opening it moves its log into a table.
  await withCopy(async (copy) => void t.equal(await outcome(copy), 'exact'))
})

t.test('a flipped bit anywhere gives what was committed, or is told', async (t) => {
  const random = seededRandom(seed)
  const told: Record<string, number> = {}
  for (const file of filesOf(whole)) {
    const bytes = readFileSync(join(whole, file))
    for (let flips = Math.min(FLIPS, bytes.length); flips > 0; flips--) {
      const at = Math.floor(random() * bytes.length)
      const bit = Math.floor(random() * 8)
      await withCopy(async (copy) => {
        const flipped = new Uint8Array(bytes)
        flipped[at]! ^= 1 << bit
        writeFileSync(join(copy, file), flipped)
        const seen = await outcome(copy)
        if (seen.startsWith('WRONG')) t.fail(`bit ${bit} of byte ${at} of ${file}: ${seen}`)
        told[seen] = (told[seen] ?? 0) + 1
      })
    }
  }
  t.comment(JSON.stringify(told))
  t.ok(told.E_SNAPSHOT_DAMAGED! > 10, 'damage really was done')
})

t.test('a file that is cut, empty or missing gives what was committed, or is told', async (t) => {
  const random = seededRandom(seed + 1)
  for (const file of filesOf(whole)) {
    const { length } = readFileSync(join(whole, file))
    const cuts = [
      0,
      1,
      length >> 1,
      length - 1,
      ...Array.from({ length: 8 }, () => Math.floor(random() * length)),
    ]
    for (const cut of [null, ...cuts]) {
      await withCopy(async (copy) => {
        if (cut === null) rmSync(join(copy, file))
        else truncateSync(join(copy, file), cut)
        const seen = await outcome(copy)
        const what = cut === null ? `without ${file}` : `${file} cut to ${cut} of ${length}`
        if (seen.startsWith('WRONG')) t.fail(`${what}: ${seen}`)
      })
    }
  }
  t.pass('none gave anything else')
})

t.test('a log that was cut has lost the newest snapshot, which is named', async (t) => {
  await withCopy(async (copy) => {
    const log = filesOf(copy)
      .filter((file) => file.endsWith('.log'))
      .at(-1)!
    truncateSync(join(copy, log), 0)
    const store = await openLevelChunkStore(copy)
    const choice = await findRestore(store, {
      wanted: 'latest',
      mayRepeat: false,
      acceptDuplicates: false,
    })
    await store.close()
    t.match(choice, {
      kind: 'refused',
      error: {
        code: 'E_SNAPSHOT_DAMAGED',
        message: /snapshot 3 is damaged: manifest 3 in .* has been lost/,
      },
    })
  })
})

/** `exact`, the code of what was told, or what is wrong. */
async function outcome(directory: string): Promise<string> {
  let store: ChunkStore | null = null
  try {
    store = await openLevelChunkStore(directory)
    const choice = await findRestore(store, {
      wanted: 'latest',
      mayRepeat: false,
      acceptDuplicates: false,
    })
    if (choice.kind === 'none') return 'WRONG: nothing is there'
    if (choice.kind === 'refused') throw choice.error
    return await compare(store, choice.manifest)
  } catch (error) {
    const isTold = error instanceof MillraceError && TOLD.includes(error.code)
    return isTold ? error.code : `WRONG: ${String(error)}`
  } finally {
    await store?.close()
  }
}

async function compare(store: ChunkStore, manifest: Manifest): Promise<string> {
  if (JSON.stringify(manifest) !== JSON.stringify(newest)) return 'WRONG: another manifest'
  for (const ref of chunksOf(manifest)) {
    const bytes = await readChunk(store, ref)
    if (Buffer.compare(bytes, chunkBytes(ref.id, ref.bytes)) !== 0)
      return `WRONG: bytes of ${ref.id}`
  }
  return 'exact'
}

async function withCopy(act: (copy: string) => Promise<void>): Promise<void> {
  const copy = mkdtempSync(join(root, 'copy-'))
  cpSync(whole, copy, { recursive: true })
  await act(copy)
  rmSync(copy, { recursive: true, force: true })
}

/** Those that matter: not LevelDB's own notes and its lock. */
function filesOf(directory: string): readonly string[] {
  return readdirSync(directory).filter((file) => !/^LO(G|CK)/.test(file))
}
