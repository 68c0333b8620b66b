/** `npm run bench -- snapshots [--quick] [--reps N]`: what snapshots cost, by themselves and in jobs. */
import { machine, median, round } from '../cost/report.js'
import type { Result } from '../micro/main.js'
import { jobBench } from './job.js'
import { stateBench } from './state.js'

type Bench = (options: { readonly quick: boolean }) => Iterable<Result> | AsyncIterable<Result>

const BENCHES: Readonly<Record<string, Bench>> = { state: stateBench, job: jobBench }

export async function snapshotsBench(options: { quick: boolean; reps: number }): Promise<void> {
  console.error(`snapshots: ${JSON.stringify(machine())}`)
  const runs = new Map<string, { readonly unit: string; readonly values: number[] }>()
  for (let rep = 0; rep < options.reps; rep++) {
    for (const [part, bench] of Object.entries(BENCHES)) {
      for await (const { name, value, unit } of bench({ quick: options.quick })) {
        const key = `${part}: ${name}`
        const run = runs.get(key) ?? { unit, values: [] }
        run.values.push(value)
        runs.set(key, run)
      }
    }
  }
  const width = Math.max(...[...runs.keys()].map((name) => name.length))
  for (const [name, { unit, values }] of runs) {
    const value = round(median(values), 3)
    const all = values.map((each) => round(each, 3))
    console.log(JSON.stringify({ bench: 'snapshots', name, value, unit, runs: all }))
    console.error(`${name.padEnd(width)}  ${String(value).padStart(10)} ${unit}`)
  }
}
