/**
 * `all`: every query beside its loop, in the calling thread and on slots. Each run is a process of its
 * own, so that none is warmed up, or burdened, by another; variants alternate, and medians are compared.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { machine } from '../cost/report.js'
import { BASELINES } from './baselines.js'
import { queryNames } from './catalog.js'
import { dataFileName } from './data-file.js'
import { writeDataFile } from './data-writer.js'
import type { Dataset } from './dataset.js'
import { type Flag, type Flags, pick } from './flags.js'
import { type Measured, tableOf, type Variant } from './report.js'
import { DATASET_ARGUMENTS, datasetOf, wholeNumber } from './settings.js'

export const ALL_FLAGS: readonly Flag[] = [
  'query',
  ...DATASET_ARGUMENTS,
  'data',
  'slots',
  'checkpoint-interval',
  'memory',
  'reps',
]

export async function runAll(flags: Flags): Promise<void> {
  const dataset = datasetOf(pick(flags, DATASET_ARGUMENTS))
  const slots = wholeNumber('slots', flags.slots ?? '2', 1, 64)
  const reps = wholeNumber('reps', flags.reps ?? '3', 1, 100)
  const queries = flags.query?.split(',') ?? queryNames()
  const scratch = mkdtempSync(join(tmpdir(), 'millrace-nexmark-'))
  try {
    const data = (partitions: number): string => dataOf(flags.data ?? scratch, dataset, partitions)
    const all: Measured[] = []
    for (const query of queries) {
      const measured = { query, runs: new Map<Variant, Record<string, number>[]>() }
      for (let rep = 0; rep < reps; rep++) {
        for (const [variant, args] of variantsOf(query, flags, slots, data)) {
          const report = await runApart(args, flags)
          measured.runs.set(variant, [...(measured.runs.get(variant) ?? []), report])
          console.log(JSON.stringify({ variant, ...report }))
        }
      }
      all.push(measured)
    }
    console.log(`${JSON.stringify({ ...machine(), ...dataset, slots, reps })}\n`)
    console.log(tableOf(all))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function variantsOf(
  query: string,
  flags: Flags,
  slots: number,
  data: (partitions: number) => string,
): readonly (readonly [Variant, readonly string[]])[] {
  const run = ['run', '--query', query, ...valuesOf(flags, 'memory')]
  const onSlots = [...run, '--data', data(slots), '--slots', `${slots}`]
  const checkpoints = valuesOf(flags, 'checkpoint-interval')
  return [
    ...(query in BASELINES
      ? [['loop', ['baseline', '--query', query, '--data', data(1)]] as const]
      : []),
    ['in-thread', [...run, '--data', data(1)]],
    ['slots', onSlots],
    ...(checkpoints.length > 0 ? [['checkpoints', [...onSlots, ...checkpoints]] as const] : []),
  ]
}

const valuesOf = (flags: Flags, name: Flag): readonly string[] =>
  flags[name] === undefined ? [] : [`--${name}`, flags[name]]

/** The directory of the data set in so many partitions; made where it is missing. */
function dataOf(directory: string, dataset: Dataset, partitions: number): string {
  const { events, rate, seed, profile, outOfOrder } = dataset
  const name = [events, rate, seed, profile, outOfOrder, partitions].join('-')
  const place = join(directory, name)
  mkdirSync(place, { recursive: true })
  for (let partition = 0; partition < partitions; partition++) {
    if (existsSync(join(place, dataFileName(partition, partitions)))) continue
    writeDataFile(place, dataset, partition, partitions)
  }
  return place
}

/** Runs a command of this program in a process of its own, and gives what it printed. */
function runApart(args: readonly string[], flags: Flags): Promise<Record<string, number>> {
  const main = fileURLToPath(new URL('./main.js', import.meta.url))
  const heap = `--max-old-space-size=${flags.memory ?? '8192'}`
  const child = spawn(process.execPath, [heap, main, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(text) as Record<string, number>)
      else reject(new Error(`nexmark ${args.join(' ')} ended with ${code}`))
    })
  })
}
