/**
 * How long a checkpoint of a running job takes, from its trigger to the last acknowledgement, where one key in a
 * hundred changes between two of them; and the same job where each holds everything. So the way of the barrier,
 * steps that alternate with records, hashing, and synced writes all count, in either.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyBy, pipeline, scan } from 'millrace'
import { run } from 'millrace/actors'
import { blackhole, generate } from 'millrace/connectors'
import { median } from '../cost/report.js'
import type { Result } from '../micro/main.js'

/** In hundred keys one changes. */
const SHARE = 100
/** Checkpoints that begin with all keys there, and are not timed: the code of small ones is compiled in them. */
const AHEAD = 6
const TIMED = 10
/** Jobs of either kind, in turn: one that comes later in a process finds more of its code compiled. */
const TURNS = 2

/** Each key once; from then on some of them, over and over. */
const counting = (keys: number) =>
  pipeline('counting', (flow) =>
    flow
      .from(generate(Number.POSITIVE_INFINITY, (n) => n))
      .pipe(
        keyBy((n) => (n < keys ? n : (n * SHARE) % keys)),
        scan((count) => count + 1, 0, { name: 'counts' }),
      )
      .to(blackhole()),
  )

/** Of each checkpoint that is timed. */
async function durationsMs(
  keys: number,
  directory: string,
  incremental: boolean,
): Promise<readonly number[]> {
  const checkpoint = { directory, interval: '300ms', incremental } as const
  const job = run(counting(keys), { stallWatch: false, checkpoint })
  const taken: number[] = []
  let read = 0
  job.metrics$.subscribe(({ chains }) => {
    read = Math.max(...chains.map(({ totals }) => totals.recordsIn))
  })
  await new Promise<void>((resolve, reject) => {
    job.done.catch(reject)
    job.events$.subscribe((event) => {
      if (event.kind !== 'SnapshotCompleted' || read < 2 * keys) return
      if (taken.push(event.durationMs) === AHEAD + TIMED) resolve()
    })
  })
  await job.cancel()
  return taken.slice(AHEAD)
}

export async function* fewBench({ quick }: { readonly quick: boolean }): AsyncIterable<Result> {
  const keys = quick ? 100_000 : 1_000_000
  const dir = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  try {
    const fewMs: number[] = []
    const allMs: number[] = []
    for (let turn = 0; turn < TURNS; turn++) {
      fewMs.push(...(await durationsMs(keys, join(dir, `few-${turn}`), true)))
      allMs.push(...(await durationsMs(keys, join(dir, `all-${turn}`), false)))
    }
    const few = median(fewMs)
    const all = median(allMs)
    yield { name: `${keys} keys, 1 % changed: a checkpoint takes`, value: few, unit: 'ms' }
    yield { name: `${keys} keys, all in each: a checkpoint takes`, value: all, unit: 'ms' }
    yield { name: '1 % changed, time of all in each', value: few / all, unit: '×' }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
