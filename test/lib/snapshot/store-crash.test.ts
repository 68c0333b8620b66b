/**
 * Crashes of the process and of the machine, a full disk, a failed sync: what was acknowledged can be
 * restored, to the last byte. What needs rights or tools that are not there is skipped, and says so.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import type { ChunkStore } from '../../../lib/snapshot/chunk-store.js'
import { openLevelChunkStore } from '../../../lib/snapshot/level-chunk-store.js'
import { verifySnapshot } from '../../../lib/snapshot/verify.js'
import { idsOf } from '../../conformance/chunk-store.js'
import { mount, skip, succeeds } from '../../support/mount.js'
import { putSnapshot } from '../../support/snapshots.js'
import { testSeed } from '../../support/test-seed.js'

const WRITER = fileURLToPath(new URL('../../support/snapshot-writer.js', import.meta.url))
const KILLS = process.env.CI_FULL ? 100 : 20
const POWER_CUTS = process.env.CI_FULL ? 60 : 10

/** Which sync fails: of LevelDB's log, and of the index and its directory. */
const SYNCS = [
  ['fdatasync', 4],
  ['fdatasync', 7],
  ['fdatasync', 12],
  ['fsync', 2],
  ['fsync', 3],
  ['fsync', 6],
] as const

const seed = testSeed()
const random = seededRandom(seed)
const root = t.testdir()

t.test('kill -9 in the middle of put and commit loses nothing that was acknowledged', async (t) => {
  const directory = join(root, 'killed')
  let acknowledged = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const writer = startWriter(join(root, `killed-${kill}.txt`), directory)
    await writer.hasSaid(2)
    await passed(random() * 60)
    writer.child.kill('SIGKILL')
    await writer.ended
    const rounds = writer
      .said()
      .filter((line) => /^\d+$/.test(line))
      .map(Number)
    acknowledged = await checkStore(t, directory, Math.max(acknowledged, ...rounds))
  }
  t.ok(acknowledged >= KILLS, `${acknowledged} snapshots were committed`)
})

t.test('a power cut loses nothing that was acknowledged', async (t) => {
  const [mounted, cut] = [join(root, 'mounted'), join(root, 'cut')]
  const [image, cutImage] = [join(root, 'disk.img'), join(root, 'cut.img')]
  for (const directory of [mounted, cut]) mkdirSync(directory)
  writeFileSync(image, '')
  if (!succeeds('truncate', '-s', '96M', image) || !succeeds('mkfs.ext4', '-q', '-F', image)) {
    return skip(t, 'a file system cannot be made (truncate, mkfs.ext4)')
  }
  if (!mount(t, mounted, '-o', 'loop', image)) return skip(t, 'a loop device cannot be mounted')
  const writer = startWriter(join(root, 'power.txt'), join(mounted, 'store'))
  t.teardown(() => writer.child.kill('SIGKILL'))
  await writer.hasSaid(3)
  let acknowledged = 0
  for (let cuts = 0; cuts < POWER_CUTS; cuts++) {
    await passed(random() * 150)
    writer.child.kill('SIGSTOP')
    const rounds = writer
      .said()
      .filter((line) => /^\d+$/.test(line))
      .map(Number)
    // What has not been synced is in the mounted file system only; the image is what the disk has.
    copyFileSync(image, cutImage)
    writer.child.kill('SIGCONT')
    const unmount = mount(t, cut, '-o', 'loop', cutImage)
    if (!unmount) return t.fail('the disk that was cut cannot be mounted')
    const last = Math.max(...rounds)
    t.ok(last >= acknowledged)
    acknowledged = last
    await checkStore(t, join(cut, 'store'), acknowledged)
    unmount()
  }
  writer.child.kill('SIGKILL')
  await writer.ended
  t.ok(acknowledged > POWER_CUTS, `${acknowledged} snapshots were committed`)
})

t.test(
  'a full disk fails the round with ENOSPC; what is stored can be read, and room is used again',
  async (t) => {
    const mounted = join(root, 'full')
    mkdirSync(mounted)
    if (!mount(t, mounted, '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs')) {
      return skip(t, 'a tmpfs cannot be mounted')
    }
    const ballast = join(mounted, 'ballast')
    writeFileSync(ballast, new Uint8Array(1_200_000))
    const directory = join(mounted, 'store')
    const store = await openLevelChunkStore(directory)
    t.teardown(() => store.close())
    const last = await fill(t, store)
    for (const what of ['again', 'and again']) {
      await t.rejects(putSnapshot(store, last + 1, [100_000], [], what), {
        code: 'E_STORE',
        message: /No space left|bytes are needed/,
      })
    }
    t.same((await verifySnapshot(store, last)).damage, [], 'reads work meanwhile')
    rmSync(ballast)
    await putSnapshot(store, last + 1, [50_000, 50_000])
    await checkAll(t, store, last + 1)
    await store.close()
    const again = await openLevelChunkStore(directory)
    await checkAll(t, again, last + 1)
    await again.close()
  },
)

t.test(
  'nothing is acknowledged behind a sync that failed, until the store is opened anew',
  async (t) => {
    if (!succeeds('strace', '-V')) return skip(t, 'strace is not there')
    for (const [call, failing] of SYNCS) {
      const directory = join(root, `${call}-${failing}`)
      const store = await openLevelChunkStore(directory)
      await putSnapshot(store, 1, [1000])
      await store.close()
      const injected = `--inject=${call}:error=EIO:when=${failing}`
      const { status, stdout, stderr } = spawnSync(
        'strace',
        [
          '-f',
          '-qq',
          '-o',
          '/dev/null',
          '-e',
          `trace=${call}`,
          injected,
          process.execPath,
          WRITER,
          directory,
          '6',
        ],
        { encoding: 'utf8', env: { ...process.env, UV_THREADPOOL_SIZE: '1' } },
      )
      if (/ptrace|Operation not permitted/.test(stderr)) return skip(t, 'strace may not trace')
      t.equal(status, 0, stderr)
      const lines = stdout.trim().split('\n')
      const at = lines.indexOf('E_STORE EIO')
      t.ok(at > 0, stdout)
      t.ok(
        lines.slice(at).every((line) => line === 'E_STORE EIO'),
        stdout,
      )
      await checkStore(
        t,
        directory,
        Math.max(1, ...lines.filter((line) => /^\d+$/.test(line)).map(Number)),
      )
    }
  },
)

/** Numbers of snapshots until there is no room: the last that was stored. */
async function fill(t: Test, store: ChunkStore): Promise<number> {
  for (let round = 1; round < 100; round++) {
    try {
      await putSnapshot(store, round, [70_000, 500])
    } catch (error) {
      t.match(error, {
        code: 'E_STORE',
        retryable: true,
        message: /cannot write to the snapshot store .*full\/store: .*\(make room on the disk/,
        details: { code: 'ENOSPC' },
      })
      return round - 1
    }
  }
  throw new Error('the disk has not become full')
}

/** The store can be opened, and its newest snapshot is whole and no older than `acknowledged`. */
async function checkStore(t: Test, directory: string, acknowledged: number): Promise<number> {
  const store = await openLevelChunkStore(directory)
  const newest = (await store.manifests()).at(-1) ?? 0
  if (newest < acknowledged)
    t.fail(`snapshot ${acknowledged} was acknowledged, ${newest} is the newest`)
  await checkAll(t, store, newest)
  await store.close()
  return newest
}

async function checkAll(t: Test, store: ChunkStore, newest: number): Promise<void> {
  for (const number of await store.manifests()) {
    const { damage } = await verifySnapshot(store, number)
    if (damage.length > 0) t.fail(`snapshot ${number} of ${newest}: ${damage[0]!.message}`)
  }
  if (newest > 0) t.equal((await store.manifests()).at(-1), newest)
  t.ok((await idsOf(store)).length < 200)
}

function startWriter(saidFile: string, directory: string) {
  const out = openSync(saidFile, 'w')
  const child = spawn(process.execPath, [WRITER, directory], { stdio: ['ignore', out, 'inherit'] })
  closeSync(out)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  // Whole lines: the last one may be cut by the kill.
  const said = () => readFileSync(saidFile, 'utf8').split('\n').slice(0, -1)
  /** Looks at the file now and then: it is not ours to be told of. */
  const hasSaid = async (lines: number) => {
    while (said().length < lines) {
      if (child.exitCode !== null) throw new Error(`the writer has ended: ${said()}`)
      await passed(2)
    }
  }
  return { child, ended, said, hasSaid }
}
