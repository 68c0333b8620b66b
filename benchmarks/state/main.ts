/**
 * `npm run bench -- state [--quick] [--reps N]`: a job over state four times the cache of the level backend,
 * beside the same job in the heap; each in a process of its own, in turn. And memory, as state grows.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { machine, median, round } from '../cost/report.js'
import type { Spread } from './spread.js'

const ONE = fileURLToPath(new URL('./one.js', import.meta.url))
const runFile = promisify(execFile)
/** What a slot with this job's value takes: its estimate in `row-cache.ts`. */
const KEY_BYTES = 320
const TIMES_CACHE = 4

interface Ran {
  readonly perSecond: number
  readonly cpuUsPerRecord: number
  readonly threadUsPerRecord: number
  readonly anonMiB: number
}

type Backend = 'heap' | 'level'

async function once(
  backend: Backend,
  spread: Spread,
  keys: number,
  cacheMiB: number,
  records: number,
): Promise<Ran> {
  const args = [ONE, backend, spread, ...[keys, cacheMiB, records].map(String)]
  const { stdout } = await runFile(process.execPath, args)
  return JSON.parse(stdout) as Ran
}

export async function stateBench({ quick, reps }: { quick: boolean; reps: number }): Promise<void> {
  console.error(`state: ${JSON.stringify(machine())}`)
  const cacheMiB = quick ? 8 : 64
  const keys = Math.floor((cacheMiB * TIMES_CACHE * 2 ** 20) / KEY_BYTES)
  const records = quick ? 200_000 : 2_000_000
  for (const spread of ['zipf', 'uniform'] as const) {
    const runs: Record<Backend, Ran[]> = { heap: [], level: [] }
    for (let rep = 0; rep < reps; rep++) {
      for (const backend of ['heap', 'level'] as const) {
        runs[backend].push(await once(backend, spread, keys, cacheMiB, records))
      }
    }
    const of = (backend: Backend, what: keyof Ran) => median(runs[backend].map((ran) => ran[what]))
    const name = `${keys} keys, ${spread}`
    for (const backend of ['heap', 'level'] as const) {
      say(`${name}, ${backend}`, of(backend, 'perSecond') / 1e3, 'k/s')
      say(`${name}, ${backend}, processor`, of(backend, 'cpuUsPerRecord'), 'µs per record')
      say(`${name}, ${backend}, in the thread`, of(backend, 'threadUsPerRecord'), 'µs per record')
    }
    say(`${name}, level to heap`, of('level', 'perSecond') / of('heap', 'perSecond'), '×')
  }
  for (const times of [1, 2, 4]) {
    const ran = await once('level', 'uniform', keys * times, cacheMiB, 10_000)
    say(`memory, state ${times * TIMES_CACHE} times the cache`, ran.anonMiB, 'MiB')
  }
}

function say(name: string, value: number, unit: string): void {
  const rounded = round(value, 3)
  console.log(JSON.stringify({ bench: 'state', name, value: rounded, unit }))
  console.error(`${name.padEnd(48)} ${String(rounded).padStart(10)} ${unit}`)
}
