/** What the command line says and does: stops and how to go on, and snapshots that are damaged. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type LevelDb, openLevel } from '../../lib/base/level.js'
import { openLevelChunkStore } from '../../lib/snapshot/level-chunk-store.js'
import { decodeManifest, type Manifest } from '../../lib/snapshot/manifest.js'
import { chunksOf } from '../../lib/snapshot/manifest-chunks.js'
import { directoryOf, explainRestore, type Life, startAccounting } from './accounting.js'
import { judgeOutput } from './judge.js'

t.setTimeout(400_000)

const ROWS = 40_000
const SLOW = { rows: ROWS, perSecond: 2_000 }
const FAST = { rows: ROWS, perSecond: 1e6 }

t.test(
  'Ctrl-C stops behind a checkpoint and says how to go on; a second one ends at once',
  async (t) => {
    const dir = directoryOf(t, 'interrupted')
    const state = join(dir, 'state')
    const loud = { ...SLOW, quiet: false, interval: '200ms', more: ['--verbose'] }
    const first = startAccounting(dir, loud)
    await first.errors((stderr) => /checkpoint \d+: /.test(stderr))
    first.process.kill('SIGINT')
    const { code, stderr } = await first.ended
    t.equal(code, 130)
    const goOn = `to go on: --checkpoint-dir ${state} --restore latest`
    t.match(stderr, new RegExp(`stopped behind checkpoint \\d+; ${goOn}`))
    // The next life hangs in a loop, half-way: no checkpoint can be taken behind that.
    const hanging = ['--arg', 'fault=loop', '--arg', `marker=${join(dir, 'hangs')}`]
    const faster = { ...loud, perSecond: 50_000, more: [...loud.more, ...hanging] }
    const second = startAccounting(dir, faster)
    await second.errors((stderr) => stderr.includes('has made no progress for'))
    second.process.kill('SIGINT')
    await second.errors((stderr) => stderr.includes('stopping behind a checkpoint'))
    second.process.kill('SIGINT')
    const interrupted = await second.ended
    t.equal(interrupted.code, 130)
    t.notMatch(interrupted.stderr, 'stopped behind')
    t.equal((await startAccounting(dir, FAST).ended).code, 0)
    t.equal(await judgeOutput(dir, ROWS), null)
  },
)

t.test('explain says what would become of state, and what would be refused', async (t) => {
  const dir = directoryOf(t, 'explained')
  t.equal((await startAccounting(dir, { ...FAST, rows: 1_000 }).ended).code, 0)
  const same = await explainRestore(dir, 'counts').ended
  t.equal(same.code, 0)
  t.match(
    same.stdout,
    /It could go on from snapshot \d+ in .*state\n {2}kept .*counts.*\n {2}new {6}none/,
  )
  const renamed = await explainRestore(dir, 'tallies').ended
  t.equal(renamed.code, 0, 'a finished job has no state to lose')
  t.match(renamed.stdout, /new {6}.*tallies/)
  const nowhere = await explainRestore(join(dir, 'none'), 'counts').ended
  t.equal(nowhere.code, 2)
  t.match(nowhere.stderr, /no snapshots? in|is no directory/)
})

interface Damaged {
  readonly dir: string
  readonly newest: Manifest
  /** Numbers that are there. */
  readonly rounds: readonly number[]
}

/** A job that was killed, and what `damage` made of its store. */
async function damaged(
  t: Test,
  from: string,
  damage: (db: LevelDb, newest: Manifest) => Promise<void>,
): Promise<Damaged> {
  const dir = directoryOf(t, 'damaged')
  cpSync(from, dir, { recursive: true })
  const state = join(dir, 'state')
  const store = await openLevelChunkStore(state)
  const rounds = await store.manifests()
  const newest = decodeManifest((await store.manifest(rounds.at(-1)!))!, 'newest')
  await store.close()
  const db = await openLevel(state, false, { writeBufferBytes: 4e6, fileBytesMax: 2e6 })
  await damage(db, newest)
  await db.close()
  return { dir, newest, rounds }
}

/** Of its own, not of an older one: that one is whole. */
function ownChunk(newest: Manifest): string {
  const found = chunksOf(newest).find(({ id }) => id.split('/')[1] === String(newest.round))
  return found!.id
}

const keyOfManifest = ({ round }: Manifest) => `m/${String(round).padStart(12, '0')}`

async function change(db: LevelDb, key: string, to: (bytes: Uint8Array) => Uint8Array) {
  const bytes = await db.get(key)
  await db.put(key, to(Uint8Array.from(bytes!)), { sync: true })
}

function flipped(bytes: Uint8Array): Uint8Array {
  bytes[bytes.length >> 1]! ^= 4
  return bytes
}

const damages = [
  ['a flipped chunk', (db: LevelDb, of: Manifest) => change(db, `c/${ownChunk(of)}`, flipped)],
  [
    'a truncated chunk',
    (db: LevelDb, of: Manifest) => change(db, `c/${ownChunk(of)}`, (b) => b.slice(0, -1)),
  ],
  ['a missing chunk', (db: LevelDb, of: Manifest) => db.del(`c/${ownChunk(of)}`)],
  ['a flipped manifest', (db: LevelDb, of: Manifest) => change(db, keyOfManifest(of), flipped)],
] as const

t.test(
  'a damaged snapshot is not restored, but named, until duplicates are accepted',
  async (t) => {
    const from = directoryOf(t, 'killed')
    const env = { MILLRACE_FAILPOINT: 'manifest-retire.after:3' }
    t.equal((await startAccounting(from, { ...SLOW, env }).ended).signal, 'SIGKILL')
    const restore = (dir: string, life: Partial<Life>) => startAccounting(dir, { ...FAST, ...life })
    for (const [what, damage] of damages) {
      const { dir, newest, rounds } = await damaged(t, from, damage)
      const { code, stderr } = await restore(dir, {}).ended
      t.equal(code, 2, what)
      t.match(stderr, `snapshot ${newest.round} is damaged`, what)
      t.match(stderr, what.endsWith('chunk') ? ownChunk(newest) : `manifest ${newest.round}`, what)
      const whole = String(rounds.at(-2))
      t.match(stderr, `--restore ${whole} --accept-duplicates`, what)
      if (what !== 'a flipped chunk') continue
      t.match(await restore(dir, { restore: whole }).ended, { code: 2, stderr: /would come twice/ })
      const more = ['--accept-duplicates']
      t.equal((await restore(dir, { restore: whole, more }).ended).code, 0)
      t.not(await judgeOutput(dir, ROWS), null, 'they have come')
    }
  },
)
