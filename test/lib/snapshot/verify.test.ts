/** Damage: a manifest or a chunk that is not as it was written is never taken for one that is. */
import t from 'tap'
import type { MillraceError } from '../../../lib/base/errors.js'
import { seededRandom } from '../../../lib/base/random.js'
import { copySnapshot } from '../../../lib/snapshot/copy-snapshot.js'
import { decodeManifest, encodeManifest } from '../../../lib/snapshot/manifest.js'
import { chunksOf } from '../../../lib/snapshot/manifest-chunks.js'
import { MemoryChunkStore } from '../../../lib/snapshot/memory-chunk-store.js'
import { seal } from '../../../lib/snapshot/sealed.js'
import { readChunk, readManifest, verifySnapshot } from '../../../lib/snapshot/verify.js'
import { idsOf } from '../../conformance/chunk-store.js'
import {
  chunkBytes,
  manifestOf,
  operatorOf,
  putSnapshot,
  subtaskOf,
} from '../../support/snapshots.js'

const CHUNK = 'run/1/1/0.0/0/0'

const flip = (bytes: Uint8Array, at: number, bit = 0): Uint8Array => {
  const flipped = new Uint8Array(bytes)
  flipped[at]! ^= 1 << bit
  return flipped
}

t.test('a manifest comes back as it was written', async (t) => {
  const manifest = manifestOf(7, operatorOf('Zähler "1"', subtaskOf(), subtaskOf()))
  t.same(decodeManifest(encodeManifest(manifest), 'manifest 7'), manifest)
  const shared = new Uint8Array(10_000)
  const bytes = encodeManifest(manifest)
  shared.set(bytes, 100)
  t.same(decodeManifest(shared.subarray(100, 100 + bytes.length), 'manifest 7'), manifest)
})

t.test('a flipped bit anywhere in a manifest, or a lost end, is noticed', async (t) => {
  const bytes = encodeManifest(manifestOf(7, operatorOf('count', subtaskOf())))
  const random = seededRandom(1)
  for (let at = 0; at < bytes.length; at++) {
    const bit = Math.floor(random() * 8)
    const seen = caught(() => decodeManifest(flip(bytes, at, bit), 'manifest 7 in there'))
    const isTold = seen?.code === 'E_SNAPSHOT_DAMAGED' || seen?.code === 'E_SNAPSHOT_VERSION'
    if (!isTold) t.fail(`bit ${bit} of byte ${at}: ${seen}`)
    const cut = caught(() => decodeManifest(bytes.subarray(0, at), 'manifest 7 in there'))
    if (cut?.code !== 'E_SNAPSHOT_DAMAGED') t.fail(`${at} bytes: ${cut}`)
  }
  t.match(
    caught(() => decodeManifest(flip(bytes, bytes.length - 9), 'manifest 7 in there')),
    {
      message: 'manifest 7 in there has another SHA-256 than when it was written',
    },
  )
})

t.test('a manifest of a later version is refused by its version, not as damage', async (t) => {
  const later = seal({ format: 'millrace-snapshot', version: 2, what: '' }, manifestOf(7))
  t.match(
    caught(() => decodeManifest(later, 'manifest 7')),
    {
      code: 'E_SNAPSHOT_VERSION',
      message:
        'manifest 7 is of version 2, this release reads version 1: use the release that wrote it, or a later one',
    },
  )
})

t.test('what is no manifest is refused, sealed or not', async (t) => {
  for (const text of ['', '\n', '{}', 'null\n{}', '{"format":"other"}\n', '[]\n[]', '\0\0\0\n']) {
    t.match(
      caught(() => decodeManifest(Buffer.from(text), 'it')),
      { code: 'E_SNAPSHOT_DAMAGED' },
      text,
    )
  }
  const good = manifestOf(7, operatorOf('count', subtaskOf()))
  const wrong: [object, RegExp][] = [
    [{ ...good, round: 0 }, /manifest\.round must be a count ≥ 1/],
    [{ ...good, operators: null }, /manifest\.operators must be a list/],
    [{ ...good, mode: 'odd' }, /manifest\.mode must be aligned or unaligned or at-least-once/],
    [
      { ...good, operators: [{ ...good.operators[0], parallelism: 2 }] },
      /"count" has 1 subtasks and parallelism 2/,
    ],
    [
      { ...good, operators: [{ ...good.operators[0], ownsKeys: 1 }] },
      /operators\[0\]\.ownsKeys must be true or false/,
    ],
    [
      { ...good, operators: [operatorOf('count', { ...subtaskOf(), phase: 'odd' as 'ended' })] },
      /operators\[0\]\.subtasks\[0\]\.phase must be running or ended or finished/,
    ],
    [
      {
        ...good,
        operators: [operatorOf('count', subtaskOf({ id: 'a', sha256: 'x', bytes: 1, count: 1 }))],
      },
      /chunks\[0\]\.sha256 must be a SHA-256/,
    ],
  ]
  for (const [value, message] of wrong) {
    const bytes = encodeManifest(value as typeof good)
    t.match(
      caught(() => decodeManifest(bytes, 'it')),
      { code: 'E_SNAPSHOT_DAMAGED', message },
    )
  }
  t.ok(
    decodeManifest(encodeManifest({ ...good, added: 1 } as typeof good), 'it'),
    'a field may be added',
  )
})

t.test('a chunk that is missing, short, long or flipped is named with its place', async (t) => {
  const damages: [(bytes: Uint8Array) => Uint8Array | null, RegExp][] = [
    [() => null, /chunk run\/1\/1\/0\.0\/0\/0 in there is missing/],
    [(bytes) => bytes.subarray(0, 99), /has 99 bytes; 100 were written/],
    [(bytes) => Buffer.concat([bytes, bytes]), /has 200 bytes; 100 were written/],
    [(bytes) => flip(bytes, 50), /another SHA-256/],
  ]
  for (const [change, message] of damages) {
    const store = new MemoryChunkStore({ place: 'there' })
    const [ref] = chunksOf(await putSnapshot(store, 1, [100]))
    t.same(await readChunk(store, ref!), chunkBytes(CHUNK, 100))
    store.damage(CHUNK, change)
    await t.rejects(readChunk(store, ref!), {
      code: 'E_SNAPSHOT_DAMAGED',
      message,
      details: { chunk: CHUNK, place: 'there' },
    })
  }
})

t.test('a manifest that is lost, or under another number, is damaged', async (t) => {
  const store = new MemoryChunkStore({ place: 'there' })
  await putSnapshot(store, 1, [10])
  await store.commit(2, encodeManifest(manifestOf(3)))
  await t.rejects(readManifest(store, 2), {
    code: 'E_SNAPSHOT_DAMAGED',
    message: /is that of round 3/,
  })
  store.damageManifest(2, () => null)
  await t.rejects(readManifest(store, 2), {
    code: 'E_SNAPSHOT_DAMAGED',
    message: 'manifest 2 in there has been lost',
  })
  await t.rejects(readManifest(store, 9), {
    code: 'E_NO_SNAPSHOT',
    message: 'there has no snapshot 9; it has 1, 2',
  })
})

t.test('verifying a snapshot reads every byte and names all that is wrong', async (t) => {
  const store = new MemoryChunkStore({ place: 'there' })
  await putSnapshot(store, 1, [100, 200, 300])
  t.match(await verifySnapshot(store, 1), { number: 1, bytes: 600, chunks: 3, damage: [] })
  store.damage('run/1/1/0.0/0/0', (bytes) => flip(bytes, 99))
  store.damage('run/1/1/0.2/0/0', () => null)
  const verified = await verifySnapshot(store, 1)
  t.match(verified, { bytes: 200, chunks: 1 })
  t.same(
    verified.damage.map(({ details }) => details.chunk),
    ['run/1/1/0.0/0/0', 'run/1/1/0.2/0/0'],
  )
  store.damageManifest(1, (bytes) => bytes.subarray(1))
  t.match(await verifySnapshot(store, 1), {
    manifest: null,
    damage: [{ code: 'E_SNAPSHOT_DAMAGED' }],
  })
})

t.test('a copy of a snapshot needs the first one no more', async (t) => {
  const [from, to] = [new MemoryChunkStore(), new MemoryChunkStore()]
  const first = await putSnapshot(from, 1, [100, 200])
  await putSnapshot(from, 2, [10, 10, 10, 10, 10, 10, 10], chunksOf(first))
  const manifest = await copySnapshot(from, to, 2)
  t.same(await to.manifests(), [2])
  t.same(await readManifest(to, 2), manifest)
  t.same((await verifySnapshot(to, 2)).damage, [])
  t.same(await idsOf(to), await idsOf(from))
  await t.rejects(copySnapshot(from, to, 2), { code: 'E_CHUNK_EXISTS' })
})

t.test('a copy that was interrupted may be made again, and commits nothing damaged', async (t) => {
  const from = new MemoryChunkStore({ place: 'there' })
  await putSnapshot(from, 1, [10, 20, 30, 40, 50, 60, 70])
  let failing = true
  const to = new MemoryChunkStore({
    fault: (step, name) =>
      failing && step === 'put' && name === 'run/1/1/0.5/0/0' ? new Error('no room') : null,
  })
  await t.rejects(copySnapshot(from, to, 1), { message: 'no room' })
  t.same(await to.manifests(), [])
  failing = false
  const [some] = await idsOf(to)
  to.damage(some!, (bytes) => flip(bytes, 0))
  await t.rejects(copySnapshot(from, to, 1), { code: 'E_SNAPSHOT_DAMAGED' })
  t.same(await to.manifests(), [])
  to.damage(some!, (bytes) => flip(bytes, 0))
  await copySnapshot(from, to, 1)
  t.same((await verifySnapshot(to, 1)).damage, [])
})

function caught(act: () => unknown): MillraceError | null {
  try {
    act()
    return null
  } catch (error) {
    return error as MillraceError
  }
}
