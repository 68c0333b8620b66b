/**
 * Simulations of many seeds, in threads of their own: where tests run, every promise is watched, and that
 * takes as long as the jobs do. Each thread takes every n-th seed; what a seed does depends on nothing else.
 */
import { availableParallelism } from 'node:os'
import { parentPort, Worker, workerData } from 'node:worker_threads'

/** More of them would stand in each other's way. */
const THREADS_MAX = 4

/** What a life of a job allocates is gone with it: less is copied where more of it fits. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 96 }

export interface SeedRange {
  readonly first: number
  readonly seeds: number
}

/** What a thread is started with. */
interface Share<D> {
  readonly from: number
  readonly to: number
  readonly stride: number
  readonly data: D
}

export interface Told<O> {
  readonly seed: number
  readonly outcome: O
  /** How long it took. */
  readonly ms: number
}

/**
 * Tells of seeds as they end, in whatever order, until all have or `told` returns false. Rejects where a
 * thread dies.
 */
export async function runSeeds<D, O>(
  script: URL,
  { first, seeds }: SeedRange,
  data: D,
  told: (one: Told<O>) => boolean,
): Promise<void> {
  const stride = Math.min(availableParallelism(), THREADS_MAX, seeds)
  const workers = Array.from({ length: stride }, (_, i) => {
    const share: Share<D> = { from: first + i, to: first + seeds, stride, data }
    // Of a thousand seeds nobody reads traces, and each operator has one: they are not led back to their sources.
    const options = seeds === 1 ? {} : { execArgv: [] }
    return new Worker(script, { workerData: share, resourceLimits: RESOURCE_LIMITS, ...options })
  })
  let isOver = false
  const ends = workers.map(
    (worker) =>
      new Promise<void>((resolve, reject) => {
        worker.on('message', (one: Told<O>) => {
          if (isOver || told(one)) return
          isOver = true
          for (const each of workers) void each.terminate()
        })
        worker.on('error', reject)
        worker.on('exit', () => resolve())
      }),
  )
  try {
    await Promise.all(ends)
  } finally {
    for (const worker of workers) void worker.terminate()
  }
}

/** In such a thread: its seeds, one after the other. */
export async function eachSeed<D>(
  simulate: (seed: number, data: D) => Promise<unknown>,
): Promise<void> {
  const { from, to, stride, data } = workerData as Share<D>
  for (let seed = from; seed < to; seed += stride) {
    const beganMs = performance.now()
    const outcome = await simulate(seed, data)
    parentPort!.postMessage({ seed, outcome, ms: performance.now() - beganMs })
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}
