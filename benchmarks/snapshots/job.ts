/**
 * What snapshots cost a whole job in the calling thread: the same job with checkpoints every second and
 * without, in turn; how long a checkpoint of changed keys takes; and how long a restart waits for its state.
 * Wall time of whole jobs, so opening the store and the last checkpoint count.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyBy, pipeline, scan } from 'millrace'
import { type Job, type RunOptions, run } from 'millrace/actors'
import { blackhole, generate } from 'millrace/connectors'
import { median } from '../cost/report.js'
import type { Result } from '../micro/main.js'

interface Sizes {
  readonly records: number
  readonly keys: number
}

/** Some seconds each, so that there are several checkpoints. */
const SIZES: readonly Sizes[] = [
  { records: 12_000_000, keys: 1_000 },
  { records: 5_000_000, keys: 1_000_000 },
]
const QUICK_SIZES: readonly Sizes[] = [
  { records: 6_000_000, keys: 1_000 },
  { records: 4_000_000, keys: 100_000 },
]

/** Counts per key, each key in turn: after `keys` records every one of them has changed. */
const counting = ({ records, keys }: Sizes) =>
  pipeline('counting', (flow) =>
    flow
      .from(generate(records, (n) => n))
      .pipe(
        keyBy((n) => n % keys),
        scan((count) => count + 1, 0, { name: 'counts' }),
      )
      .to(blackhole()),
  )

interface Ran {
  readonly wallMs: number
  /** Of all threads. */
  readonly cpuMs: number
  /** From the start of the job to its first turn. */
  readonly startMs: number
  /** Of each checkpoint but the last, which holds nothing. */
  readonly durationsMs: readonly number[]
}

async function once(sizes: Sizes, options: RunOptions): Promise<Ran> {
  const beganMs = performance.now()
  const began = process.cpuUsage()
  const job = run(counting(sizes), { stallWatch: false, ...options })
  const durationsMs: number[] = []
  let startMs = 0
  watch(job, {
    running: () => {
      startMs ||= performance.now() - beganMs
    },
    completed: (durationMs) => durationsMs.push(durationMs),
  })
  const { wallMs } = await job.done
  const { user, system } = process.cpuUsage(began)
  return { wallMs, cpuMs: (user + system) / 1_000, startMs, durationsMs: durationsMs.slice(0, -1) }
}

function watch(
  job: Job,
  on: { readonly running: () => void; readonly completed: (durationMs: number) => void },
): void {
  job.events$.subscribe((event) => {
    if (event.kind === 'StateChanged' && event.to === 'Running') on.running()
    if (event.kind === 'SnapshotCompleted') on.completed(event.durationMs)
  })
}

export async function* jobBench({ quick }: { readonly quick: boolean }): AsyncIterable<Result> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  try {
    yield* throughput(dir, quick)
    yield* restart(dir, quick)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

async function* throughput(dir: string, quick: boolean): AsyncIterable<Result> {
  for (const sizes of quick ? QUICK_SIZES : SIZES) {
    const { keys } = sizes
    const without: Ran[] = []
    const beside: Ran[] = []
    const durations: number[] = []
    // What is not compiled yet would count against the first turn alone.
    await once({ ...sizes, records: sizes.records / 4 }, {})
    for (let turn = 0; turn < (quick ? 1 : 3); turn++) {
      without.push(await once(sizes, {}))
      const directory = join(dir, `${keys}-${turn}`)
      const ran = await once(sizes, { checkpoint: { directory, interval: '1s' } })
      beside.push(ran)
      durations.push(...ran.durationsMs)
    }
    const of = `${keys} keys`
    const wall = (rans: readonly Ran[]) => median(rans.map(({ wallMs }) => wallMs))
    const cpu = (rans: readonly Ran[]) => median(rans.map(({ cpuMs }) => cpuMs))
    const mean = sizes.records / wall(without) / 1_000
    yield { name: `${of}, without checkpoints`, value: mean, unit: 'M/s' }
    yield {
      name: `${of}, with checkpoints every second`,
      value: wall(without) / wall(beside),
      unit: '×',
    }
    yield { name: `${of}, CPU time with checkpoints`, value: cpu(beside) / cpu(without), unit: '×' }
    if (durations.length > 0) {
      yield { name: `${of}, a checkpoint takes`, value: median(durations), unit: 'ms' }
    }
  }
}

/** A job that has stopped behind a checkpoint starts again. */
async function* restart(dir: string, quick: boolean): AsyncIterable<Result> {
  const keys = quick ? 100_000 : 1_000_000
  const directory = join(dir, 'restart')
  const checkpoint = { directory, interval: '1h' } as const
  const sizes = { records: Number.POSITIVE_INFINITY, keys }
  const job = run(counting(sizes), { stallWatch: false, checkpoint })
  await new Promise<void>((resolve) => {
    job.metrics$.subscribe(({ chains }) => {
      if (chains.some(({ totals }) => totals.recordsIn > keys)) resolve()
    })
  })
  await job.stop()
  const again = run(counting(sizes), { stallWatch: false, checkpoint, restore: 'latest' })
  const beganMs = performance.now()
  await new Promise<void>((resolve) => watch(again, { running: resolve, completed: () => {} }))
  yield {
    name: `${keys} keys, restart from a checkpoint`,
    value: performance.now() - beganMs,
    unit: 'ms',
  }
  await again.cancel()
}
