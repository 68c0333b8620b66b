/** Local copies of chunks: kept while they are of use, believed only when whole, never in anyone's way. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ownFolder } from '../../../lib/base/work-folder.js'
import { refOf } from '../../../lib/snapshot/chunk-ref.js'
import type { ChunkRef } from '../../../lib/snapshot/chunk-store.js'
import { CopiedRounds } from '../../../lib/snapshot/copied-rounds.js'
import { openCopyFiles, removeLeftoverCopies } from '../../../lib/snapshot/copy-files.js'
import { type CopyStore, LocalCopies } from '../../../lib/snapshot/local-copies.js'
import { MemoryChunkStore } from '../../../lib/snapshot/memory-chunk-store.js'
import type { SubtaskAck } from '../../../lib/snapshot/round.js'
import { idsOf } from '../../conformance/chunk-store.js'
import { chunkBytes } from '../../support/snapshots.js'

const JOB = 'sales-0a1b2c3d'

const chunk = (id: string, length = 100): { ref: ChunkRef; bytes: Uint8Array } => {
  const bytes = chunkBytes(id, length)
  return { ref: refOf(id, bytes, 1), bytes }
}

const ackOf = (
  round: number,
  chunks: readonly ChunkRef[],
  flights: readonly ChunkRef[] = [],
): SubtaskAck => ({
  round,
  subtask: { chain: 0, index: 0 },
  phase: 'running',
  alignmentMs: 0,
  isUnaligned: flights.length > 0,
  flights: flights.map((ref) => ({ edge: null, ref })),
  steps: [{ chunks, splits: [], transactions: [], timeMs: null }],
})

function copiesIn(store: CopyStore, bytesMax = 2 ** 20) {
  const failures: string[] = []
  const copies = new LocalCopies({
    open: async () => store,
    bytesMax,
    onFailed: ({ message }) => failures.push(message),
  })
  return { copies, failures }
}

/** A round of one subtask from the put to its end. */
function complete(
  copies: LocalCopies,
  round: number,
  ...chunks: readonly ReturnType<typeof chunk>[]
) {
  for (const { ref, bytes } of chunks) copies.put(JOB, round, ref.id, bytes)
  copies.acknowledged(
    JOB,
    ackOf(
      round,
      chunks.map(({ ref }) => ref),
    ),
  )
  copies.completed(JOB, round)
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

t.test('a copy is read as it was written', async (t) => {
  const { copies } = copiesIn(new MemoryChunkStore())
  const one = chunk('run/1/1/0.0/0/0')
  complete(copies, 1, one)
  t.same(await copies.get(JOB, one.ref), one.bytes)
  t.same(await copies.get(JOB, one.ref), one.bytes, 'again, too')
})

t.test('what was not copied is missing', async (t) => {
  const { copies } = copiesIn(new MemoryChunkStore())
  const { ref, bytes } = chunk('run/1/1/0.0/0/0')
  t.equal(await copies.get(JOB, ref), 'missing')
  complete(copies, 1, { ref, bytes })
  t.equal(await copies.get('other-0a1b2c3d', ref), 'missing', 'jobs do not see each other')
})

t.test('a damaged, cut, lost or unreadable copy is no copy, and is let go', async (t) => {
  const damages: Record<string, (bytes: Uint8Array) => Uint8Array | null> = {
    flipped: (bytes) => bytes.map((byte, i) => (i === 50 ? byte ^ 1 : byte)),
    cut: (bytes) => bytes.subarray(0, 99),
    longer: (bytes) => new Uint8Array([...bytes, 0]),
    lost: () => null,
  }
  for (const [name, damage] of Object.entries(damages)) {
    const store = new MemoryChunkStore()
    const { copies, failures } = copiesIn(store)
    const one = chunk('run/1/1/0.0/0/0')
    complete(copies, 1, one)
    await settled()
    const [id] = await idsOf(store)
    store.damage(id!, damage)
    t.equal(await copies.get(JOB, one.ref), 'damaged', name)
    await settled()
    t.equal(await copies.get(JOB, one.ref), 'missing', `${name}: it is looked at once`)
    t.same(await idsOf(store), [])
    t.same(failures, [])
  }
  const failing = new MemoryChunkStore({
    fault: (step) => (step === 'get' ? new Error('input/output error') : null),
  })
  const { copies } = copiesIn(failing)
  const one = chunk('run/1/1/0.0/0/0')
  complete(copies, 1, one)
  t.equal(await copies.get(JOB, one.ref), 'damaged')
})

t.test('a copy of another run under the same id is not taken for the chunk', async (t) => {
  const { copies } = copiesIn(new MemoryChunkStore())
  complete(copies, 1, chunk('run/1/1/0.0/0/0', 100))
  const other = refOf('run/1/1/0.0/0/0', chunkBytes('something else', 100), 1)
  t.equal(await copies.get(JOB, other), 'damaged')
})

t.test('a copy that is still being written is waited for', async (t) => {
  const inner = new MemoryChunkStore()
  let write = () => {}
  const slow: CopyStore = {
    place: 'slow',
    put: async (id, bytes) => {
      await new Promise<void>((resolve) => {
        write = resolve
      })
      await inner.put(id, bytes)
    },
    get: (id) => inner.get(id),
    delete: (ids) => inner.delete(ids),
    close: async () => {},
  }
  const { copies } = copiesIn(slow)
  const one = chunk('run/1/1/0.0/0/0')
  copies.put(JOB, 1, one.ref.id, one.bytes)
  await settled()
  const read = copies.get(JOB, one.ref)
  const never = chunk('run/1/1/0.0/0/1')
  copies.abandoned(JOB, 1)
  write()
  t.same(await read, one.bytes)
  t.equal(await copies.get(JOB, never.ref), 'missing')
  await settled()
  t.same(await idsOf(inner), [], 'given up meanwhile: deleted once it is there')
})

t.test('what a complete round does not name is let go', async (t) => {
  const store = new MemoryChunkStore()
  const { copies } = copiesIn(store)
  const [base, delta, full] = ['run/1/a', 'run/2/a', 'run/3/a'].map((id) => chunk(id))
  complete(copies, 1, base!)
  copies.put(JOB, 2, delta!.ref.id, delta!.bytes)
  copies.acknowledged(JOB, ackOf(2, [base!.ref, delta!.ref]))
  copies.completed(JOB, 2)
  t.same(await copies.get(JOB, base!.ref), base!.bytes, 'the chain goes on')
  complete(copies, 3, full!)
  await settled()
  t.equal(await copies.get(JOB, base!.ref), 'missing')
  t.equal(await copies.get(JOB, delta!.ref), 'missing')
  t.same(await copies.get(JOB, full!.ref), full!.bytes)
  t.equal((await idsOf(store)).length, 1, 'it takes no room any more')
  t.equal(copies.bytes, 100 + 4096)
})

t.test(
  'what an abandoned round wrote is let go, and what comes later of it is not taken',
  async (t) => {
    const store = new MemoryChunkStore()
    const { copies } = copiesIn(store)
    const [kept, lost, late] = ['run/1/a', 'run/2/a', 'run/2/b'].map((id) => chunk(id))
    complete(copies, 1, kept!)
    copies.put(JOB, 2, lost!.ref.id, lost!.bytes)
    copies.abandoned(JOB, 2)
    copies.put(JOB, 2, late!.ref.id, late!.bytes)
    await settled()
    t.same(await copies.get(JOB, kept!.ref), kept!.bytes)
    t.equal(await copies.get(JOB, lost!.ref), 'missing')
    t.equal(await copies.get(JOB, late!.ref), 'missing')
    t.equal((await idsOf(store)).length, 1)
  },
)

t.test('a job that is forgotten leaves nothing', async (t) => {
  const store = new MemoryChunkStore()
  const { copies } = copiesIn(store)
  complete(copies, 1, chunk('run/1/a'), chunk('run/1/b'))
  copies.put('other-0a1b2c3d', 1, 'run/1/a', chunkBytes('a', 10))
  copies.forget(JOB)
  await settled()
  t.equal((await idsOf(store)).length, 1)
  t.equal(copies.bytes, 10 + 4096)
})

t.test('they never take more room than they are given', async (t) => {
  const store = new MemoryChunkStore()
  const { copies } = copiesIn(store, 3 * (100 + 4096))
  const chunks = [0, 1, 2, 3, 4].map((i) => chunk(`run/1/${i}`))
  complete(copies, 1, ...chunks)
  await settled()
  t.equal((await idsOf(store)).length, 3)
  t.equal(await copies.get(JOB, chunks[3]!.ref), 'missing')
  complete(copies, 2, chunk('run/2/0'))
  await settled()
  const after = chunk('run/3/0')
  complete(copies, 3, after)
  t.same(await copies.get(JOB, after.ref), after.bytes, 'what was let go makes room')
})

t.test('no copies are made where there is no room for any', async (t) => {
  const store = new MemoryChunkStore()
  let opened = 0
  const copies = new LocalCopies({
    open: async () => {
      opened++
      return store
    },
    bytesMax: 0,
    onFailed: () => t.fail('nothing can fail'),
  })
  complete(copies, 1, chunk('run/1/a'))
  copies.forget(JOB)
  await copies.close()
  t.equal(opened, 0)
})

t.test('a write that fails is told once; what is there serves on', async (t) => {
  let isFull = false
  const store = new MemoryChunkStore({
    fault: (step) => (step === 'put' && isFull ? new Error('no space left') : null),
  })
  const { copies, failures } = copiesIn(store)
  const [one, two, three] = ['run/1/a', 'run/2/a', 'run/2/b'].map((id) => chunk(id))
  complete(copies, 1, one!)
  await settled()
  isFull = true
  for (const { ref, bytes } of [two!, three!]) copies.put(JOB, 2, ref.id, bytes)
  copies.acknowledged(JOB, ackOf(2, [one!.ref, two!.ref, three!.ref]))
  await settled()
  copies.completed(JOB, 2)
  t.same(failures, ['no space left'])
  t.same(await copies.get(JOB, one!.ref), one!.bytes)
  t.equal(await copies.get(JOB, two!.ref), 'damaged')
  isFull = false
  complete(copies, 3, chunk('run/3/a'))
  t.equal(await copies.get(JOB, chunk('run/3/a').ref), 'missing', 'no more are made')
})

t.test('which chunks are kept', async (t) => {
  const [a, b, c, f] = ['a', 'b', 'c', 'f'].map((id) => chunk(id).ref)
  const kept = (rounds: CopiedRounds) =>
    ['a', 'b', 'c', 'f'].filter((id) => rounds.keeps(id)).join('')
  const rounds = new CopiedRounds()
  t.ok(rounds.put(1, 'a'))
  t.equal(kept(rounds), 'a', 'of a round under way')
  rounds.acknowledged(ackOf(1, [a!]))
  t.equal(rounds.completed(1), true)
  t.equal(rounds.completed(1), false, 'each slot is told')
  rounds.put(2, 'b')
  rounds.put(3, 'c')
  rounds.acknowledged(ackOf(2, [a!, b!], [f!]))
  t.equal(kept(rounds), 'abcf', 'also what was in flight')
  rounds.acknowledged(ackOf(3, [a!, c!]))
  t.ok(rounds.completed(2))
  t.equal(kept(rounds), 'abcf', 'rounds that overlap build on the same')
  t.ok(rounds.abandoned(3))
  t.equal(kept(rounds), 'abf')
  t.equal(rounds.abandoned(3), false)
  t.equal(rounds.put(3, 'c'), false)
  rounds.acknowledged(ackOf(3, [c!]))
  t.equal(kept(rounds), 'abf', 'what is late changes nothing')
  t.equal(rounds.completed(1), false, 'and no round comes back')
})

t.test('as files they go with whom they belong to', async (t) => {
  const root = rootOf(t)
  const files = await openCopyFiles(root)
  const other = await openCopyFiles(root)
  await files.put('1', new Uint8Array([1, 2, 3]))
  t.same([...(await files.get('1'))!], [1, 2, 3])
  t.equal(await files.get('2'), null)
  t.equal(await other.get('1'), null, 'each has a folder of its own')
  await t.rejects(files.put('1', new Uint8Array([4])), { code: 'EEXIST' })
  await files.delete(['1', '2'])
  t.equal(await files.get('1'), null)
  await files.put('3', new Uint8Array([4]))
  await files.close()
  t.notOk(existsSync(files.place))
  t.ok(existsSync(other.place))
  await other.close()
  t.same(readdirSync(root), [])
})

t.test('what a process that is gone has left is removed', async (t) => {
  const root = rootOf(t)
  const own = await openCopyFiles(root)
  const gone = ownFolder('millrace-copies-', root).replace(/\d+$/, '999999999')
  mkdirSync(gone)
  writeFileSync(join(gone, '1'), 'x')
  removeLeftoverCopies(root)
  t.notOk(existsSync(gone))
  t.ok(existsSync(own.place), 'of one that lives not')
})

t.test('a folder that cannot be written costs the copies, and is told once', async (t) => {
  const root = rootOf(t)
  const file = join(root, 'file')
  writeFileSync(file, '')
  const failures: string[] = []
  const copies = new LocalCopies({
    open: () => openCopyFiles(file),
    bytesMax: 2 ** 20,
    onFailed: ({ message }) => failures.push(message),
  })
  const one = chunk('run/1/a')
  complete(copies, 1, one, chunk('run/1/b'))
  t.equal(await copies.get(JOB, one.ref), 'damaged')
  complete(copies, 2, chunk('run/2/a'))
  await copies.close()
  t.equal(failures.length, 1)
  t.match(failures[0], /ENOTDIR|EEXIST/)
})

function rootOf(t: Test): string {
  const root = mkdtempSync(join(tmpdir(), 'millrace-copies-test-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  return root
}
