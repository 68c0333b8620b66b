/**
 * The death of the whole process, for real: `kill -9` at random moments, then `--restore latest`, until
 * the job has ended. What it leaves is what a run without faults leaves.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { seededRandom } from '../../lib/base/random.js'
import { type Command, command, MILLRACE } from '../support/command.js'

t.setTimeout(300_000)

const SEED = Number(process.env.MILLRACE_SEED ?? Date.now() % 100_000)
t.comment(`MILLRACE_SEED=${SEED}`)
const KILLS = process.env.CI_FULL ? 200 : 30
const ROWS = 60_000
const KEYS = 97

const MODULE = fileURLToPath(new URL('./jobs/accounting.js', import.meta.url))

function start(dir: string, slots: number, perSecond: number): Command {
  return command(MILLRACE, [
    ...['run', MODULE, '--slots', String(slots), '--quiet'],
    ...['--checkpoint-dir', join(dir, 'state'), '--checkpoint-interval', '60ms'],
    ...['--restore', 'latest', '--arg', `out=${join(dir, 'out')}`],
    ...['--arg', `rows=${ROWS}`, '--arg', `perSecond=${perSecond}`],
  ])
}

/** `key count` lines of every committed part. */
function shownIn(dir: string): string[] {
  const parts = join(dir, 'out/parts')
  return readdirSync(parts)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => linesOf(join(parts, name)))
}

const linesOf = (file: string): string[] => readFileSync(file, 'utf8').trimEnd().split('\n')

/** What is wrong with lines of `key count`; null where each key has 1, 2, 3 … once. */
function judge(lines: readonly string[]): string | null {
  const counts = new Map<string, number[]>()
  for (const line of lines) {
    const [key, count] = line.split(' ') as [string, string]
    const of = counts.get(key) ?? []
    counts.set(key, of)
    of.push(Number(count))
  }
  if (counts.size !== KEYS) return `${counts.size} of ${KEYS} keys`
  for (const [key, of] of counts) {
    const sorted = [...of].sort((a, b) => a - b)
    const wrong = sorted.findIndex((count, i) => count !== i + 1)
    if (wrong >= 0) return `key ${key}: count ${wrong + 1} is ${sorted[wrong]}`
  }
  return lines.length === ROWS ? null : `${lines.length} of ${ROWS} rows`
}

t.test(
  `${KILLS} kills of the process: each row is in the output once`,
  { timeout: 240_000 },
  async (t) => {
    const random = seededRandom(SEED)
    const dir = mkdtempSync(join(tmpdir(), 'millrace-crashes-'))
    mkdirSync(dir, { recursive: true })
    t.teardown(() => rmSync(dir, { recursive: true, force: true }))
    let kills = 0
    for (let life = 0; kills < KILLS; life++) {
      // Slow, so that no kill comes too late.
      const job = start(dir, 1 + (life % 3), 25_000 / KILLS)
      const timer = setTimeout(() => job.process.kill('SIGKILL'), 600 + random() * 900)
      const { code, stderr } = await job.ended
      clearTimeout(timer)
      if (code === null) kills++
      else if (!t.fail(`life ${life} ended with ${code}: ${stderr}`)) return
    }
    const { code, stderr } = await start(dir, 2, 1_000_000).ended
    t.equal(code, 0, stderr)
    t.equal(judge(shownIn(dir)), null, 'part files')
    t.equal(judge(linesOf(join(dir, 'out/lines.txt'))), null, 'the plain file')
    t.same(
      readdirSync(join(dir, 'out/parts')).filter((name) => name.startsWith('.')),
      [],
      'nothing is left over',
    )
  },
)
