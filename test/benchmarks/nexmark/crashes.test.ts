/**
 * `kill -9` in the middle of a query, again and again, each time behind a checkpoint; then it goes on to
 * its end, and has written what a run without faults writes.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { queryNames } from '../../../benchmarks/nexmark/catalog.js'
import { seededRandom } from '../../../lib/base/random.js'
import { testSeed } from '../../support/test-seed.js'
import { SMALL } from './answers.js'
import { judged } from './judge.js'

t.setTimeout(600_000)

const SEED = testSeed()
const random = seededRandom(SEED)
const KILLS = process.env.CI_FULL ? 10 : 2
const QUERIES = process.env.CI_FULL ? queryNames() : ['q4', 'q5', 'q8', 'q11', 'q18']
const MAIN = fileURLToPath(new URL('../../../benchmarks/nexmark/main.js', import.meta.url))

for (const query of QUERIES) {
  const answer = SMALL.of[query]
  if (answer === undefined || !queryNames().includes(query)) continue
  t.test(`${query} gives its answer once, over kills of its process`, async (t) => {
    const out = join(t.testdir(), 'rows.txt')
    const slots = Math.floor(random() * 3)
    let kills = 0
    let end: Death = { code: null, text: '' }
    // On a machine that is slow it may be at its end before it has been killed so often.
    while (end.code === null && kills < KILLS) {
      end = await live(query, out, slots, 1 + Math.floor(random() * 4))
      if (end.code === null) kills++
    }
    t.ok(kills > 0, `killed ${kills} times`)
    if (end.code === null) end = await live(query, out, slots, Number.POSITIVE_INFINITY)
    t.equal(end.code, 0, end.text)
    t.same(judged(query, out), answer, `on ${slots} slots`)
  })
}

interface Death {
  /** Null where it was killed. */
  readonly code: number | null
  readonly text: string
}

/** One process; it is killed once it has completed so many checkpoints. */
function live(query: string, out: string, slots: number, checkpoints: number): Promise<Death> {
  const { events, rate, seed } = SMALL.dataset
  const dataset = ['--events', `${events}`, '--rate', `${rate}`, '--seed', `${seed}`]
  const snapshots = ['--checkpoint-interval', '50ms', '--checkpoint-dir', `${out}.snapshots`]
  const child = spawn(process.execPath, [
    ...[MAIN, 'run', '--query', query, ...dataset, ...snapshots, '--restore', 'latest'],
    ...['--slots', `${slots}`, '--parallelism', '2', '--pace', '10k', '--out', out],
  ])
  let text = ''
  let seen = 0
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    seen += chunk.toString().split('"checkpoint"').length - 1
    if (seen >= checkpoints) child.kill('SIGKILL')
  })
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, text }))
  })
}
