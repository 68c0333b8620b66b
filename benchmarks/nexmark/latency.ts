/**
 * How long results take: from when the events that brought them about were read, or, paced, from when
 * they were due, to when the results reach the sink. Time that a result waits for its window to end is
 * not counted, for the window ends with the event that ends it.
 *
 * Source and sink of one slot meet in this module: each thread has its own copy. Histograms have
 * buckets that grow by 2 %, from 1 µs to above an hour.
 */
const GROWTH = 1.02
const LOG_GROWTH = Math.log(GROWTH)
const BUCKETS = Math.ceil(Math.log(3.6e9) / LOG_GROWTH) + 1

export type Histogram = readonly number[]

/** One clock for all threads of a process. */
export const nowMs = (): number => performance.timeOrigin + performance.now()

const LOG_MAX = 1 << 20

/** When this thread had read up to which event time: both only grow. */
const log = { times: [] as number[], readAt: [] as number[] }

export function noteRead(timeMs: number, atMs: number): void {
  const { times, readAt } = log
  if (times.length > 0 && timeMs <= times[times.length - 1]!) return
  times.push(timeMs)
  readAt.push(atMs)
  if (times.length <= LOG_MAX) return
  // Results that are older than half of it are late by more than can be told.
  times.splice(0, LOG_MAX / 2)
  readAt.splice(0, LOG_MAX / 2)
}

/** When the first event at or behind this time was read; NaN where there was none yet. */
function readAt(timeMs: number): number {
  const { times, readAt } = log
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (times[middle]! < timeMs) low = middle + 1
    else high = middle
  }
  return low < times.length ? readAt[low]! : (readAt[times.length - 1] ?? Number.NaN)
}

export class LatencyHistogram {
  readonly buckets = new Array<number>(BUCKETS).fill(0)

  /** A batch of results: its first and its last stand for all. */
  note(times: ArrayLike<number> | null | undefined): void {
    if (times == null || times.length === 0) return
    const now = nowMs()
    this.#add(now - readAt(times[0]!))
    this.#add(now - readAt(times[times.length - 1]!))
  }

  #add(ms: number): void {
    if (Number.isNaN(ms)) return
    const bucket = Math.round(Math.log(Math.max(1, ms * 1000)) / LOG_GROWTH)
    this.buckets[Math.min(bucket, BUCKETS - 1)]!++
  }
}

export const addHistograms = (a: Histogram, b: Histogram): Histogram =>
  a.length === 0 ? b : a.map((count, at) => count + b[at]!)

/** Ms; null where nothing was counted. */
export function percentile(buckets: Histogram, share: number): number | null {
  const total = buckets.reduce((sum, count) => sum + count, 0)
  let seen = 0
  for (const [at, count] of buckets.entries()) {
    seen += count
    if (count > 0 && seen >= total * share) return GROWTH ** at / 1000
  }
  return null
}
