/**
 * The death of the whole process, for real: `kill -9` at random moments, then `--restore latest`, until
 * the job has ended. What it leaves is what a run without faults leaves.
 */
import t from 'tap'
import { seededRandom } from '../../lib/base/random.js'
import { directoryOf, judgeOutput, startAccounting } from './accounting.js'

t.setTimeout(300_000)

const SEED = Number(process.env.MILLRACE_SEED ?? Date.now() % 100_000)
t.comment(`MILLRACE_SEED=${SEED}`)
const KILLS = process.env.CI_FULL ? 200 : 30
const ROWS = 60_000

t.test(
  `${KILLS} kills of the process: each row is in the output once`,
  { timeout: 240_000 },
  async (t) => {
    const random = seededRandom(SEED)
    const dir = directoryOf(t, 'crashes')
    let kills = 0
    for (let life = 0; kills < KILLS; life++) {
      // Slow, so that no kill comes too late.
      const slots = 1 + (life % 3)
      const job = startAccounting(dir, { rows: ROWS, slots, perSecond: 25_000 / KILLS })
      const timer = setTimeout(() => job.process.kill('SIGKILL'), 600 + random() * 900)
      const { code, stderr } = await job.ended
      clearTimeout(timer)
      if (code === null) kills++
      else if (!t.fail(`life ${life} ended with ${code}: ${stderr}`)) return
    }
    const { code, stderr } = await startAccounting(dir, {
      rows: ROWS,
      slots: 2,
      perSecond: 1_000_000,
    }).ended
    t.equal(code, 0, stderr)
    t.equal(await judgeOutput(dir, ROWS), null)
  },
)
