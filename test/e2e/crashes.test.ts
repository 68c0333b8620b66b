/**
 * The death of the whole process, for real: `kill -9` at random moments, then `--restore latest`, until
 * the job has ended. What it leaves is what a run without faults leaves.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { seededRandom } from '../../lib/base/random.js'
import { readIndex } from '../../lib/snapshot/store-index.js'
import { testSeed } from '../support/test-seed.js'
import { directoryOf, type Life, startAccounting } from './accounting.js'
import { judgeOutput } from './judge.js'

t.setTimeout(600_000)

const SEED = testSeed()
const KILLS = process.env.CI_FULL ? 200 : 30
const ROWS = 60_000
/**
 * Once a third of all lives have taken a checkpoint, none waits longer for one: so on a machine on which a
 * process takes seconds to start, too, all kills here take half of the four minutes that CI has for kills and sweeps.
 */
const LIFE_MS = process.env.CI_FULL ? 60_000 : 3_000

/** The newest checkpoint; 0: none. */
const newestIn = async (dir: string): Promise<number> =>
  Math.max(0, ...((await readIndex(join(dir, 'state'))) ?? []))

/**
 * Kills the job at random moments, over and over. Of three lives one may die before it has got anywhere; the
 * others take a checkpoint, where they are not too slow. Returns how to let the last life end.
 */
async function killAll(
  t: Test,
  dir: string,
  kills: number,
  lifeOf: (life: number) => Partial<Life>,
  seed = SEED,
): Promise<() => Promise<void>> {
  const random = seededRandom(seed)
  let gotOn = 0
  for (let life = 0, killed = 0; killed < kills; life++) {
    // Slow, so that no kill comes too late.
    const pace = { rows: ROWS, perSecond: 25_000 / kills }
    const job = startAccounting(dir, { ...pace, ...lifeOf(life) })
    let isOver = false
    const ended = job.ended.finally(() => {
      isOver = true
    })
    const before = await newestIn(dir)
    const untilMs = gotOn < kills / 3 ? Number.POSITIVE_INFINITY : Date.now() + LIFE_MS
    const isDue = async () => isOver || Date.now() > untilMs || (await newestIn(dir)) > before
    if (life % 3 === 2) await pause(600)
    else while (!(await isDue())) await pause(10)
    await pause(random() * 600)
    job.process.kill('SIGKILL')
    const { code, stderr } = await ended
    if ((await newestIn(dir)) > before) gotOn++
    if (code === null) killed++
    else if (!t.fail(`life ${life} ended with ${code}: ${stderr}`)) return async () => {}
  }
  t.ok(gotOn >= kills / 3, `${gotOn} of ${kills} lives took a checkpoint`)
  return async () => {
    const last = { rows: ROWS, perSecond: 1_000_000, ...lifeOf(1) }
    const { code, stderr } = await startAccounting(dir, last).ended
    t.equal(code, 0, stderr)
  }
}

/** Each life may take its rounds another way, whatever the one before did. */
const roundsOf = (life: number): readonly string[] =>
  [[], ['--unaligned'], ['--alignment-timeout', '5ms'], []][life % 4]!

t.test(
  `${KILLS} kills of the process: each row is in the output once`,
  { timeout: 400_000 },
  async (t) => {
    const startMs = Date.now()
    const lifeOf = (life: number) => ({ slots: 1 + (life % 3), more: roundsOf(life) })
    const dirs = [directoryOf(t, 'crashes'), directoryOf(t, 'crashes')]
    // Side by side, since a life waits more than it works.
    const ends = await Promise.all(
      dirs.map((dir, i) => killAll(t, dir, KILLS / dirs.length, lifeOf, SEED + i)),
    )
    t.comment(`${KILLS} kills in ${Date.now() - startMs} ms`)
    for (const end of ends) await end()
    for (const dir of dirs) t.equal(await judgeOutput(dir, ROWS), null)
  },
)

t.test(
  'state larger than its cache: after kills each row is in the output once, and no life leaves files',
  { timeout: 400_000 },
  async (t) => {
    const dir = directoryOf(t, 'level')
    const work = join(dir, 'work')
    const keys = 20_011
    const level = ['--state-backend', 'level', '--state-dir', work, '--state-cache', '1']
    // Now and then in the heap: a snapshot does not know where it came from.
    const startMs = Date.now()
    const end = await killAll(t, dir, 6, (life) => ({
      keys,
      slots: 1 + (life % 2),
      more: life % 3 === 2 ? [] : level,
    }))
    t.comment(`6 kills in ${Date.now() - startMs} ms`)
    await end()
    t.equal(await judgeOutput(dir, ROWS, keys), null)
    t.same(readdirSync(work), [])
  },
)
