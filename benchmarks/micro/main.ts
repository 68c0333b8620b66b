/** `npm run bench -- micro [--quick] [--reps N]`: parts of the data plane, each by itself. */
import { machine, median, round } from '../cost/report.js'
import { channelBench } from './channel.js'
import { codecBench } from './codec.js'
import { fusedBench } from './fused.js'
import { linesBench } from './lines.js'
import { mailboxBench } from './mailbox.js'

export interface Result {
  readonly name: string
  readonly value: number
  readonly unit: string
}

type Bench = (options: { readonly quick: boolean }) => Iterable<Result> | Promise<Iterable<Result>>

const BENCHES: Readonly<Record<string, Bench>> = {
  codec: codecBench,
  channel: channelBench,
  mailbox: mailboxBench,
  'fused loop': fusedBench,
  lines: linesBench,
}

/** Repetitions go round all benches, so that a slow moment of the machine hits none alone. */
export async function microBench(options: { quick: boolean; reps: number }): Promise<void> {
  console.error(`micro: ${JSON.stringify(machine())}`)
  const runs = new Map<string, { readonly unit: string; readonly values: number[] }>()
  for (let rep = 0; rep < options.reps; rep++) {
    for (const [part, bench] of Object.entries(BENCHES)) {
      for (const { name, value, unit } of await bench({ quick: options.quick })) {
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
    console.log(JSON.stringify({ bench: 'micro', name, value, unit, runs: values }))
    console.error(`${name.padEnd(width)}  ${String(value).padStart(10)} ${unit}`)
  }
}
