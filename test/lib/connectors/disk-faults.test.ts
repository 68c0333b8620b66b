/**
 * Sinks on disks that are full, fail in a sync, or lose what was not synced when the power goes: what a
 * snapshot holds is there, and gone on from there everything is in the output once.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
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
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { Json } from '../../../lib/base/json.js'
import { seededRandom } from '../../../lib/base/random.js'
import { DrivenWriter } from '../../../lib/testing/driven-writer.js'
import { contentOf, recordsOf, SINKS, type SinkKind, sinkOf } from '../../support/durable-sinks.js'
import { mount, skip, succeeds } from '../../support/mount.js'
import { testSeed } from '../../support/test-seed.js'

t.setTimeout(400_000)

const SEED = testSeed()
const POWER_CUTS = process.env.CI_FULL ? 20 : 2

/** More than one round: keys that were written behind the snapshot are not taken back, but caught up with. */
const MORE = 400
const WRITER = fileURLToPath(new URL('../../support/sink-writer.js', import.meta.url))
const root = t.testdir({})

interface Snapshot {
  readonly at: number
  readonly transactions: readonly Json[]
}

/** As a restart does it: everything from the snapshot on is written again, and some more. */
async function goOn(t: Test, kind: SinkKind, directory: string, snapshot: Snapshot | null) {
  const place = { run: 'second', snapshots: true, restored: snapshot?.transactions ?? null }
  const driven = new DrivenWriter(sinkOf(kind, directory), place)
  if (snapshot !== null) {
    await driven.transactional.commit(snapshot.transactions)
    await driven.transactional.recover(snapshot.transactions)
  }
  const from = snapshot?.at ?? 0
  await driven.writeAll([recordsOf(from, from + MORE)])
  await driven.writer.finish()
  await driven.transactional.commit(await driven.transactional.prepare(100_000))
  t.strictSame(await contentOf(kind, directory), recordsOf(0, from + MORE), kind)
  t.same(driven.failures, [])
}

t.test('a full disk is named, and may be tried again when there is room', async (t) => {
  for (const kind of SINKS) {
    const disk = join(root, `full-${kind}`)
    mkdirSync(disk)
    if (!mount(t, disk, '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs')) return skip(t, 'no tmpfs')
    const ballast = join(disk, 'ballast')
    writeFileSync(ballast, new Uint8Array(1_500_000))
    const driven = new DrivenWriter(sinkOf(kind, disk), { snapshots: true, run: 'first' })
    let last: Snapshot | null = null
    let failure: unknown = null
    for (let round = 1, at = 0; failure === null && round < 200; round++) {
      try {
        await driven.writeAll([recordsOf(at, at + 150)])
        const transactions = await driven.transactional.prepare(round)
        last = { at: at + 150, transactions }
        await driven.transactional.commit(transactions)
        at += 150
      } catch (error) {
        failure = error
      }
    }
    t.match(failure, { code: 'E_DISK_FULL', retryable: true, message: new RegExp(disk) }, kind)
    await driven.writer.abort()
    rmSync(ballast)
    await goOn(t, kind, disk, last)
  }
})

t.test('a sync that fails ends it: nothing behind it is acknowledged', async (t) => {
  if (!succeeds('strace', '-V')) return skip(t, 'strace is not there')
  for (const [kind, call, failing] of [
    ['linesFile', 'fsync', 1],
    ['linesFile', 'fsync', 4],
    ['partFiles', 'fsync', 3],
    ['partFiles', 'fsync', 9],
    ['levelSink', 'fdatasync', 3],
  ] as const) {
    const directory = join(root, `eio-${kind}-${failing}`)
    mkdirSync(directory)
    const injected = `--inject=${call}:error=EIO:when=${failing}`
    const command = [process.execPath, WRITER, kind, directory, '8']
    const { stdout, stderr } = spawnSync(
      'strace',
      ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, injected, ...command],
      { encoding: 'utf8', env: { ...process.env, UV_THREADPOOL_SIZE: '1' } },
    )
    if (/ptrace|Operation not permitted/.test(stderr)) return skip(t, 'strace may not trace')
    const said = stdout.trim().split('\n')
    t.equal(said.at(-1), 'E_DEVICE', `${kind} ${failing}: ${stderr}`)
    await goOn(t, kind, directory, said.length > 1 ? JSON.parse(said.at(-2)!) : null)
  }
})

t.test(`${POWER_CUTS} power cuts each: what was acknowledged is there`, async (t) => {
  const random = seededRandom(SEED)
  for (const kind of SINKS) {
    for (let cut = 0; cut < POWER_CUTS; cut++) {
      const name = `${kind}-${cut}`
      const [disk, image] = [join(root, name), join(root, `${name}.img`)]
      mkdirSync(disk)
      writeFileSync(image, '')
      const isMade =
        succeeds('truncate', '-s', '32M', image) && succeeds('mkfs.ext4', '-q', '-F', image)
      const unmount = isMade ? mount(t, disk, '-o', 'loop', image) : null
      if (unmount === null) return skip(t, 'a disk in a file cannot be mounted')
      const { child, said, ended } = startWriter(kind, disk, join(root, `${name}.said`))
      while (said().length < 3 + random() * 20) await passed(5)
      await passed(random() * 30)
      child.kill('SIGSTOP')
      while (!/^State:\s+T/m.test(readFileSync(`/proc/${child.pid}/status`, 'utf8')))
        await passed(1)
      // What has reached the disk; what was only written is lost.
      copyFileSync(image, `${image}.cut`)
      const snapshot = JSON.parse(said().at(-1)!) as Snapshot
      child.kill('SIGKILL')
      await ended
      unmount()
      const again = mount(t, disk, '-o', 'loop', `${image}.cut`)
      if (again === null) return t.fail('the disk that was cut cannot be mounted')
      await goOn(t, kind, disk, snapshot)
      again()
    }
  }
})

function startWriter(kind: SinkKind, directory: string, saidFile: string) {
  const out = openSync(saidFile, 'w')
  const child: ChildProcess = spawn(process.execPath, [WRITER, kind, directory, '100000'], {
    stdio: ['ignore', out, 'inherit'],
  })
  closeSync(out)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  // Whole lines: the last one may be cut by the kill.
  const said = () => readFileSync(saidFile, 'utf8').split('\n').slice(0, -1)
  return { child, said, ended }
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
