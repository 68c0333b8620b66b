/** Runs one query once, and measures it: from running to finished, start-up and compiling apart. */
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Job, type RunModuleOptions, run } from 'millrace/actors'
import { MillraceError } from '../../lib/base/errors.js'
import { loadQuery, queryModule } from './catalog.js'
import { type Flag, type Flags, pick, required } from './flags.js'
import { addHistograms, type Histogram, percentile } from './latency.js'
import type { Measured } from './measured-sink.js'
import { addSums, NO_ROWS, type RowSum } from './row-hash.js'
import { oneOf, type QueryArgs, settingsOf, wholeNumber } from './settings.js'

export const RUN_FLAGS: readonly Flag[] = [
  'query',
  'events',
  'rate',
  'seed',
  'profile',
  'out-of-order',
  'partitions',
  'data',
  'slots',
  'parallelism',
  'checkpoint-interval',
  'checkpoint-dir',
  'restore',
  'sink',
  'out',
  'pace',
  'memory',
]

const INPUT_FLAGS = [
  'events',
  'rate',
  'seed',
  'profile',
  'out-of-order',
  'partitions',
  'data',
  'pace',
] as const

/** One run, as one line of JSON. Times in seconds, latency in ms, memory in MiB. */
export interface RunReport {
  readonly query: string
  readonly events: number
  readonly rate: number
  readonly slots: number
  readonly parallelism: number
  readonly wallSeconds: number
  /** Of all threads, from running to finished. */
  readonly cpuSeconds: number
  readonly eventsPerSecond: number
  readonly eventsPerCpuSecond: number
  /** From read, or paced from due, to the sink; null where results have no event time. */
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly peakRssMb: number
  readonly checkpoints: number
  readonly restarts: number
  readonly rows?: number
  readonly rowSum?: number
}

export async function runQuery(flags: Flags): Promise<RunReport> {
  const query = required('run', flags, 'query')
  const module = queryModule(query)
  const slots = wholeNumber('slots', flags.slots ?? '0', 0, 64)
  const parallelism = wholeNumber('parallelism', flags.parallelism ?? `${slots || 1}`, 1, 128)
  const scratch = mkdtempSync(join(tmpdir(), 'millrace-nexmark-'))
  try {
    const args = argsOf(flags, parallelism)
    const { dataset } = settingsOf(args)
    const options = optionsOf(flags, parallelism, scratch)
    const job =
      slots === 0
        ? run((await loadQuery(query))(args), options)
        : run(module, { ...options, slots, args: { ...args } })
    const measured = await measure(job, noteOf(flags))
    if (args.sink === 'file' && flags.out !== undefined) gather(args.out!, flags.out)
    const { wallSeconds, cpuSeconds, restarts } = measured
    if (restarts > 0 && args.sink === 'hash') throw sumsAreLost(restarts)
    return {
      query,
      events: dataset.events,
      rate: dataset.rate,
      slots,
      parallelism,
      wallSeconds: round(wallSeconds, 3),
      cpuSeconds: round(cpuSeconds, 3),
      eventsPerSecond: Math.round(dataset.events / wallSeconds),
      eventsPerCpuSecond: Math.round(dataset.events / cpuSeconds),
      p50Ms: roundOrNull(percentile(measured.latency, 0.5)),
      p99Ms: roundOrNull(percentile(measured.latency, 0.99)),
      peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
      checkpoints: measured.checkpoints,
      restarts,
      ...(args.sink === 'hash' && { rows: measured.sum.rows, rowSum: measured.sum.sum }),
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Results go into parts beside `--out` while the job runs: exactly once, also over restarts. */
function argsOf(flags: Flags, parallelism: number): QueryArgs {
  const sink = flags.sink ?? (flags.out === undefined ? 'blackhole' : 'file')
  return {
    ...pick(flags, INPUT_FLAGS),
    ...(flags.data === undefined && { partitions: flags.partitions ?? `${parallelism}` }),
    sink,
    ...(flags.out !== undefined && { out: `${flags.out}.parts` }),
  }
}

function optionsOf(flags: Flags, parallelism: number, scratch: string): RunModuleOptions {
  const interval = flags['checkpoint-interval'] as `${number}s` | undefined
  const directory = flags['checkpoint-dir'] ?? join(scratch, 'snapshots')
  if (flags.restore !== undefined) {
    oneOf('restore', flags.restore, ['latest'])
    required('run --restore', flags, 'checkpoint-dir')
    oneOf('restore with --sink', flags.sink ?? 'file', ['blackhole', 'file'])
  }
  if (flags['checkpoint-dir'] !== undefined) {
    required('run --checkpoint-dir', flags, 'checkpoint-interval')
  }
  return {
    parallelism,
    memoryMb: wholeNumber('memory', flags.memory ?? '8192', 64, 2 ** 20),
    ...(interval !== undefined && { checkpoint: { directory, interval } }),
    ...(flags.restore !== undefined && { restore: 'latest' }),
  }
}

/** Whoever goes on from snapshots wants to know when there are some: on standard error. */
const noteOf =
  (flags: Flags) =>
  (round: number): void => {
    if (flags['checkpoint-dir'] !== undefined) console.error(JSON.stringify({ checkpoint: round }))
  }

interface Measurement {
  readonly wallSeconds: number
  readonly cpuSeconds: number
  readonly latency: Histogram
  readonly checkpoints: number
  readonly restarts: number
  readonly sum: RowSum
}

async function measure(job: Job, onCheckpoint: (round: number) => void): Promise<Measurement> {
  let startMs = 0
  let endMs = 0
  let before = process.cpuUsage()
  let cpu = before
  let checkpoints = 0
  let latency: Histogram = []
  let sum = NO_ROWS
  job.events$.subscribe((event) => {
    if (event.kind === 'SnapshotCompleted') {
      checkpoints++
      onCheckpoint(event.round)
    }
    if (event.kind !== 'StateChanged') return
    if (event.to === 'Running' && startMs === 0) {
      startMs = performance.now()
      before = process.cpuUsage()
    }
    if (event.to === 'Finished') {
      endMs = performance.now()
      cpu = process.cpuUsage(before)
    }
  })
  job.results$.subscribe({
    next: (result) => {
      if (isMeasured(result)) latency = addHistograms(latency, result.latency)
      else sum = addSums(sum, result as RowSum)
    },
    error: () => {},
  })
  const { restarts } = await job.done
  return {
    wallSeconds: (endMs - startMs) / 1000,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    latency,
    checkpoints,
    restarts,
    sum,
  }
}

/** A sum is no state: what a subtask had summed up is gone with it, or is published again by the next one. */
const sumsAreLost = (restarts: number): MillraceError =>
  new MillraceError(
    'E_RESTARTED',
    `nexmark run --sink hash: the job restarted ${restarts} times, and sums of hashes do not outlast a restart; use --sink file`,
  )

const isMeasured = (result: unknown): result is Measured => 'latency' in (result as object)

/** All part files of a directory, one after another, as one file. */
function gather(parts: string, file: string): void {
  const names = readdirSync(parts, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
  writeFileSync(file, '')
  for (const name of names) appendFileSync(file, readFileSync(name))
  rmSync(parts, { recursive: true })
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits))
const roundOrNull = (ms: number | null): number | null => (ms === null ? null : round(ms, 2))
