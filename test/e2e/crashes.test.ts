/**
 * The death of the whole process, for real: `kill -9` at random moments, then `--restore latest`, until
 * the job has ended. What it leaves is what a run without faults leaves.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { seededRandom } from '../../lib/base/random.js'
import { directoryOf, type Life, startAccounting } from './accounting.js'
import { judgeOutput } from './judge.js'

t.setTimeout(600_000)

const SEED = Number(process.env.MILLRACE_SEED ?? Date.now() % 100_000)
t.comment(`MILLRACE_SEED=${SEED}`)
const KILLS = process.env.CI_FULL ? 200 : 30
const ROWS = 60_000

/** Kills the job at random moments, over and over, and lets the last life end. */
async function killAll(
  t: Test,
  dir: string,
  kills: number,
  lifeOf: (life: number) => Partial<Life>,
): Promise<void> {
  const random = seededRandom(SEED)
  for (let life = 0, killed = 0; killed < kills; life++) {
    // Slow, so that no kill comes too late.
    const pace = { rows: ROWS, perSecond: 25_000 / kills }
    const job = startAccounting(dir, { ...pace, ...lifeOf(life) })
    const timer = setTimeout(() => job.process.kill('SIGKILL'), 600 + random() * 900)
    const { code, stderr } = await job.ended
    clearTimeout(timer)
    if (code === null) killed++
    else if (!t.fail(`life ${life} ended with ${code}: ${stderr}`)) return
  }
  const last = { rows: ROWS, perSecond: 1_000_000, ...lifeOf(1) }
  const { code, stderr } = await startAccounting(dir, last).ended
  t.equal(code, 0, stderr)
}

/** Each life may take its rounds another way, whatever the one before did. */
const roundsOf = (life: number): readonly string[] =>
  [[], ['--unaligned'], ['--alignment-timeout', '5ms'], []][life % 4]!

t.test(
  `${KILLS} kills of the process: each row is in the output once`,
  { timeout: 400_000 },
  async (t) => {
    const dir = directoryOf(t, 'crashes')
    await killAll(t, dir, KILLS, (life) => ({ slots: 1 + (life % 3), more: roundsOf(life) }))
    t.equal(await judgeOutput(dir, ROWS), null)
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
    await killAll(t, dir, 6, (life) => ({
      keys,
      slots: 1 + (life % 2),
      more: life % 3 === 2 ? [] : level,
    }))
    t.equal(await judgeOutput(dir, ROWS, keys), null)
    t.same(readdirSync(work), [])
  },
)
