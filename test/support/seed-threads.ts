/**
 * Simulations of many seeds, in threads of their own: where tests run, every promise is watched, and that
 * takes as long as the jobs do. Each thread takes every n-th seed; what a seed does depends on nothing else.
 */
import { availableParallelism } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { parentPort, Worker, workerData } from 'node:worker_threads'

/** More of them would stand in each other's way. */
const THREADS_MAX = 4

/** What a life of a job allocates is gone with it: less is copied where more of it fits. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 96 }

/**
 * Bytes of a function's code that run before V8 optimises it: seven times as many as by default. What one seed runs often
 * the next one hardly needs, so that optimising all of it takes longer than it saves.
 */
const OPTIMISED_FROM = '--interrupt-budget=500000'

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
  setFlagsFromString(OPTIMISED_FROM)
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

/** In such a thread: what it was started with. */
export const threadData = <D>(): D => (workerData as Share<D>).data

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

/** What seeds have taken, as a comment says it: `beganMs` is when the first of them began. */
export function timesOf(eachMs: readonly number[], beganMs: number): string {
  const seeds = eachMs.length
  const perSeedMs = (performance.now() - beganMs) / seeds
  const medianMs = eachMs.toSorted((a, b) => a - b)[seeds >> 1] ?? Number.NaN
  const meanMs = eachMs.reduce((sum, ms) => sum + ms, 0) / seeds
  return (
    `${perSeedMs.toFixed(1)} ms per seed, ` +
    `in a thread mean ${meanMs.toFixed(1)} ms, median ${medianMs.toFixed(1)} ms`
  )
}
