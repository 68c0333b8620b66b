/** `npm run bench -- snapshots [--quick] [--reps N]`: what snapshots cost, by themselves and in jobs. */
import { machine, median, round } from '../cost/report.js'
import type { Result } from '../micro/main.js'
import { fewBench } from './few.js'
import { jobBench } from './job.js'
import { stateBench } from './state.js'

type Bench = (options: { readonly quick: boolean }) => AsyncIterable<Result>

const BENCHES: Readonly<Record<string, Bench>> = {
  state: stateBench,
  few: fewBench,
  job: jobBench,
}

/** Wide enough for every name. */
const NAME_WIDTH = 64

/** Each value is shown as it comes, and the median of a row as soon as its last repetition is through. */
export async function snapshotsBench(options: { quick: boolean; reps: number }): Promise<void> {
  console.error(`snapshots: ${JSON.stringify(machine())}`)
  const runs = new Map<string, number[]>()
  for (let rep = 1; rep <= options.reps; rep++) {
    for (const [part, bench] of Object.entries(BENCHES)) {
      for await (const { name, value, unit } of bench({ quick: options.quick })) {
        const row = `${part}: ${name}`
        const values = [...(runs.get(row) ?? []), value]
        runs.set(row, values)
        if (rep === options.reps) show(row, values, unit)
        else console.error(`${rep}/${options.reps} ${line(row, value, unit)}`)
      }
    }
  }
}

function show(name: string, values: readonly number[], unit: string): void {
  const value = median(values)
  const all = values.map((each) => round(each, 3))
  console.log(JSON.stringify({ bench: 'snapshots', name, value: round(value, 3), unit, runs: all }))
  console.error(line(name, value, unit))
}

const line = (name: string, value: number, unit: string): string =>
  `${name.padEnd(NAME_WIDTH)}  ${String(round(value, 3)).padStart(10)} ${unit}`
