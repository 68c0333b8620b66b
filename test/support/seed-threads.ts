/**
 * Simulations of many seeds, in threads of their own: where tests run, every promise is watched, and that
 * takes as long as the jobs do. Each thread takes every n-th seed; what a seed does depends on nothing else.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { parentPort, Worker, workerData } from 'node:worker_threads'

/** More of them would stand in each other's way. */
const THREADS_MAX = 4

/** What a life of a job allocates is gone with it: less is copied where more of it fits. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 96 }

/**
 * Bytes of a function's code that run before V8 optimises it: three times as many as by default. What one seed runs often
 * the next one hardly needs, so that optimising all of it takes longer than it saves.
 */
const OPTIMISED_FROM = '--interrupt-budget=200000'
/** What one seed has not run for a while the next one runs again: V8 would throw it away, and compile it anew. */
const KEPT = '--no-flush-bytecode'

/** A seed takes well below a second. One that takes this long comes to no end. */
const SILENT_MAX_MS = 100_000

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

export interface SeedTime {
  readonly seed: number
  /** Of CPU that its thread took for it. */
  readonly cpuMs: number
}

export interface Told<O> extends SeedTime {
  readonly outcome: O
}

/**
 * Tells of seeds as they end, in whatever order, until all have or `told` returns false. Rejects where a
 * thread dies, or a seed comes to no end: a loop in which no time passes gives its thread to nothing else.
 */
export async function runSeeds<D, O>(
  script: URL,
  { first, seeds }: SeedRange,
  data: D,
  told: (one: Told<O>) => boolean,
): Promise<void> {
  setFlagsFromString(OPTIMISED_FROM)
  setFlagsFromString(KEPT)
  const stride = Math.min(availableParallelism(), THREADS_MAX, seeds)
  const workers = Array.from({ length: stride }, (_, i) => {
    const share: Share<D> = { from: first + i, to: first + seeds, stride, data }
    // Of a thousand seeds nobody reads traces, and each operator has one: they are not led back to their sources.
    const options = seeds === 1 ? {} : { execArgv: [] }
    return new Worker(script, { workerData: share, resourceLimits: RESOURCE_LIMITS, ...options })
  })
  let isOver = false
  const ends = workers.map(
    (worker, i) =>
      new Promise<void>((resolve, reject) => {
        let seed = first + i
        const silent = () => {
          reject(new Error(`MILLRACE_SEED=${seed} MILLRACE_SEEDS=1 has come to no end`))
        }
        const watch = setTimeout(silent, SILENT_MAX_MS)
        worker.on('exit', () => clearTimeout(watch))
        worker.on('message', (one: Told<O>) => {
          watch.refresh()
          seed = one.seed + stride
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
  // Of a thousand seeds nobody reads traces.
  if (to - from > 1) Error.stackTraceLimit = 0
  for (let seed = from; seed < to; seed += stride) {
    const beganMs = threadCpuMs()
    const outcome = await simulate(seed, data)
    parentPort!.postMessage({ seed, outcome, cpuMs: threadCpuMs() - beganMs })
  }
}

/** Of CPU that this thread has taken; where the system does not say so, the time. */
function threadCpuMs(): number {
  try {
    const [takenNs] = readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ', 1)
    return Number(takenNs) / 1e6
  } catch {
    return performance.now()
  }
}

/** Those seeds are named that took longest. */
const SLOWEST_SHOWN = 5

/** What seeds have taken, as a comment says it: `beganMs` is when the first of them began. */
export function timesOf(all: readonly SeedTime[], beganMs: number): string {
  const perSeedMs = (performance.now() - beganMs) / all.length
  const meanMs = all.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / all.length
  const falling = all.toSorted((a, b) => b.cpuMs - a.cpuMs)
  const [medianMs, mostMs] = [0.5, 0.1].map((part) => falling[Math.floor(all.length * part)]!.cpuMs)
  const slowest = falling
    .slice(0, SLOWEST_SHOWN)
    .map(({ seed, cpuMs }) => `${seed} (${cpuMs.toFixed(0)} ms)`)
  return (
    `${perSeedMs.toFixed(1)} ms per seed; CPU of its thread: mean ${meanMs.toFixed(1)} ms, ` +
    `median ${medianMs!.toFixed(1)} ms, 90 % below ${mostMs!.toFixed(1)} ms; slowest ${slowest.join(', ')}`
  )
}
