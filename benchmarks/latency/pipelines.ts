/**
 * One exchange between two slots under open-loop load: a source in slot 0 gives every record the time
 * at which it was due, a sink in slot 1 notes how late it came. Late starts count, so a queue that
 * grows is seen as latency and not hidden by a slower source.
 */
import { map, type Pipeline, partitionBy, pipeline } from 'millrace'
import { callback, generate, type Sink } from 'millrace/connectors'

export interface Timed {
  /** When it was due: ms since 1970, with fractions. */
  readonly dueMs: number
  readonly auction: number
  readonly price: number
}

/** One clock for all threads of a process. */
const nowMs = (): number => performance.timeOrigin + performance.now()

/** Bounds of the histogram's buckets grow by 2 %, from 1 µs to a minute. */
const GROWTH = 1.02
const BUCKETS = Math.ceil(Math.log(60_000_000) / Math.log(GROWTH)) + 1

export function percentile(buckets: readonly number[], share: number): number {
  const total = buckets.reduce((sum, count) => sum + count, 0)
  let seen = 0
  for (const [at, count] of buckets.entries()) {
    seen += count
    if (seen >= total * share) return GROWTH ** at / 1000
  }
  return Number.NaN
}

const bucketOf = (lateMs: number): number =>
  Math.min(
    BUCKETS - 1,
    Math.max(0, Math.round(Math.log(Math.max(1, lateMs * 1000)) / Math.log(GROWTH))),
  )

export default function latencyJob(args: {
  readonly perSecond?: string
  readonly seconds?: string
}): Pipeline {
  const perSecond = Number(args.perSecond)
  const seconds = Number(args.seconds)
  const warmUp = Math.min(1, seconds / 4)
  return pipeline('latency', (flow) => {
    let startMs = 0
    const timed = (index: number): Timed => {
      if (index === 0) startMs = nowMs()
      return { dueMs: startMs + (index * 1000) / perSecond, auction: index & 1023, price: index }
    }
    flow
      .from(generate(Math.round(perSecond * seconds), timed, { perSecond, splits: 1 }), {
        parallelism: 1,
      })
      .pipe(
        partitionBy(() => 1),
        map((record: Timed) => record),
      )
      .to(histogram(warmUp * perSecond))
  })
}

/** Publishes one histogram when its input ends. */
function histogram(skip: number): Sink<Timed> {
  return {
    ...callback<Timed>(() => {}),
    kind: 'histogram',
    label: 'histogram',
    open(context) {
      const buckets = new Array<number>(BUCKETS).fill(0)
      let last = 0
      return {
        write(records) {
          const now = nowMs()
          for (const { dueMs, price } of records) {
            if (price >= skip) buckets[bucketOf(now - dueMs)]!++
          }
          last = records.at(-1)!.dueMs
          return true
        },
        flush() {},
        async finish() {
          if (last > 0) context.publish([buckets])
        },
        abort() {},
      }
    },
  }
}
