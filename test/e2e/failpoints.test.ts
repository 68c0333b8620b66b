/**
 * The death of the process before and after each durable step. Each place that the source names as a
 * failpoint is the end of one life of the accounting job; the next life restores what that one left.
 * `CI_FULL=1` gives each place a job of its own, at its first passes.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Random, seededRandom } from '../../lib/base/random.js'
import { ROOT } from '../support/command.js'
import { testSeed } from '../support/test-seed.js'
import { directoryOf, type Life, startAccounting } from './accounting.js'
import { judgeOutput, judgeSoFar } from './judge.js'

const SEED = testSeed()
const PASSES = 3
const ROWS = 120_000

t.setTimeout(process.env.CI_FULL ? 1_800_000 : 600_000)

/** Names of all failpoints in the source but those of coordinators: `cluster/phases` sweeps them. */
function failpoints(): readonly string[] {
  const found = ['lib', 'actors'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.startsWith('coordinator'))
      .flatMap((file) => {
        const text = readFileSync(join(ROOT, folder, file), 'utf8')
        return [...text.matchAll(/\bfailpoint\('([^']+)'\)/g)].map(([, name]) => name!)
      }),
  )
  return [...new Set(found)]
}

/** A life that ends at the place; true where it did. */
async function dies(
  t: Test,
  dir: string,
  place: string,
  life: Partial<Life> = {},
): Promise<boolean> {
  const env = { MILLRACE_FAILPOINT: place }
  const paced = { rows: ROWS, perSecond: 1_000, interval: '30ms', env }
  const { signal, code, stderr } = await startAccounting(dir, { ...paced, ...life }).ended
  if (!t.equal(signal, 'SIGKILL', `dies at ${place}; exit code ${code}: ${stderr}`)) return false
  return t.equal(judgeSoFar(dir), null, `what ${place} left`)
}

/** Of five lives one has two. */
const slotsFor = (random: Random): number => (random() < 0.2 ? 2 : 1)

async function endsExactly(t: Test, dir: string, rows = ROWS): Promise<void> {
  const { code, stderr } = await startAccounting(dir, { rows, perSecond: 1e6 }).ended
  t.equal(code, 0, stderr)
  t.equal(await judgeOutput(dir, rows), null)
}

const directory = (t: Test) => directoryOf(t, 'failpoints')

t.test('names before and after each durable step', async (t) => {
  const names = new Set(failpoints())
  for (const step of [
    ...['chunk-put', 'manifest-commit', 'manifest-retire', 'chunk-delete', 'restore-read'],
    ...['part-sync', 'part-rename', 'part-prepare', 'part-link', 'part-unlink', 'part-clear'],
    ...['file-sync', 'file-cut', 'level-epoch', 'index-write'],
  ]) {
    for (const when of ['before', 'after']) t.ok(names.has(`${step}.${when}`), `${step}.${when}`)
  }
})

t.test('whichever step a process dies at, each row is in the output once', async (t) => {
  const places = failpoints()
  const half = Math.ceil(places.length / 2)
  const startMs = Date.now()
  // Side by side, since a life waits more than it works.
  const jobs = await Promise.all([
    diesAtAll(t, places.slice(0, half), SEED),
    diesAtAll(t, places.slice(half), SEED + 1),
  ])
  t.comment(`killed at ${places.length} failpoints in ${Date.now() - startMs} ms`)
  for (const dir of jobs) if (dir !== null) await endsExactly(t, dir)
})

/** Where the job that has died at each of them lies; null: one has not. */
async function diesAtAll(t: Test, places: readonly string[], seed: number): Promise<string | null> {
  const dir = directory(t)
  const random = seededRandom(seed)
  const diesAt = (place: string) => dies(t, dir, place, { slots: slotsFor(random) })
  // So that the first of them has something to restore.
  if (!(await diesAt('manifest-retire.after:2'))) return null
  for (const name of places) {
    // What a life clears away, the one before must have left.
    if (/^(part-clear|file-cut)/.test(name) && !(await diesAt('manifest-commit.before:2'))) {
      return null
    }
    const pass = 1 + Math.floor(random() * PASSES)
    if (!(await diesAt(`${name}:${isRare(name) ? 1 : pass}`))) return null
  }
  return dir
}

t.test('a restored process that dies behind its end, before any barrier', async (t) => {
  const dir = directory(t)
  const rows = 4_000
  if (!(await dies(t, dir, 'manifest-commit.after:5', { rows }))) return
  const atOnce = { rows, perSecond: 1e6, interval: '1h' }
  if (!(await dies(t, dir, 'manifest-commit.before:1', atOnce))) return
  await endsExactly(t, dir, rows)
})

if (process.env.CI_FULL) {
  const random = seededRandom(SEED)
  for (const name of failpoints()) {
    t.test(`dies at ${name}, and goes on`, async (t) => {
      for (let pass = 1; pass <= (isRare(name) ? 1 : PASSES); pass++) {
        const dir = directory(t)
        await dies(t, dir, 'manifest-retire.after:1')
        await dies(t, dir, 'manifest-commit.before:2')
        const slots = slotsFor(random)
        if (await dies(t, dir, `${name}:${pass}`, { slots })) await endsExactly(t, dir)
      }
    })
  }
}

/** Steps of a restart come once in a life. */
function isRare(name: string): boolean {
  return /^(restore-read|part-clear|file-cut)\./.test(name)
}
