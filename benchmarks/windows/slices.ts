/**
 * What a sliding window costs beside a tumbling one of its size: the same 10 M records over 1,000 keys, 100
 * records per key and slide, size / slide = 60, in one whole job in the calling thread. Time is that from
 * running to finished; results are counted, and what sliding costs more is also given per result.
 */
import {
  type Assigner,
  aggregate,
  count,
  keyBy,
  type Op,
  pipeline,
  type Stream,
  sliding,
  timestamps,
  tumbling,
  type Windowed,
  type WindowOptions,
  type WindowResult,
  window,
} from 'millrace'
import { run } from 'millrace/actors'
import { callback, generate } from 'millrace/connectors'
import type { Result } from '../micro/main.js'

const KEYS = 1_000
const PER_KEY_AND_SLIDE = 100
const SLIDE_MS = 1_000
const SIZE_MS = 60 * SLIDE_MS
const PER_MS = (KEYS * PER_KEY_AND_SLIDE) / SLIDE_MS

interface Reading {
  readonly key: number
  readonly timeMs: number
  readonly value: number
}

const readingOf = (i: number): Reading => ({
  key: i % KEYS,
  timeMs: Math.floor(i / PER_MS),
  value: i & 1023,
})

type Counted = Op<
  Stream<Reading, 'event', Windowed<number>>,
  Stream<WindowResult<number, unknown>, 'event'>
>

interface Case {
  readonly name: string
  readonly content: Counted
  readonly options?: WindowOptions<Reading>
}

interface Mean {
  readonly sum: number
  readonly n: number
}

const mean: Counted = aggregate({
  select: (reading: Reading) => reading.value,
  create: (): Mean => ({ sum: 0, n: 0 }),
  add: (mean: Mean, value: number) => ({ sum: mean.sum + value, n: mean.n + 1 }),
  merge: (a: Mean, b: Mean) => ({ sum: a.sum + b.sum, n: a.n + b.n }),
  result: ({ sum, n }) => sum / n,
})

const CASES: readonly Case[] = [
  { name: 'count', content: count() },
  { name: 'mean', content: mean },
  // Nothing is folded before the state.
  { name: 'count, 1 s late', content: count(), options: { allowedLateness: SLIDE_MS } },
]

export async function* slicesBench({ quick }: { readonly quick: boolean }): AsyncIterable<Result> {
  const records = quick ? 1_000_000 : 10_000_000
  for (const of of CASES) {
    const one = await measure(records, of, tumbling(SIZE_MS))
    const many = await measure(records, of, sliding(SIZE_MS, SLIDE_MS))
    const extra = (many.seconds - one.seconds) / (many.results - one.results)
    yield { name: `${of.name}, tumbling`, value: (one.seconds * 1e9) / records, unit: 'ns/record' }
    yield { name: `${of.name}, sliding`, value: (many.seconds * 1e9) / records, unit: 'ns/record' }
    yield { name: `${of.name}, sliding / tumbling`, value: many.seconds / one.seconds, unit: '×' }
    yield { name: `${of.name}, results of tumbling`, value: one.results, unit: 'results' }
    yield { name: `${of.name}, results of sliding`, value: many.results, unit: 'results' }
    yield { name: `${of.name}, more per result more`, value: extra * 1e9, unit: 'ns/result' }
  }
}

async function measure(
  records: number,
  { content, options }: Case,
  assigner: Assigner<Reading, 'event'>,
): Promise<{ readonly seconds: number; readonly results: number }> {
  let results = 0
  const job = run(
    pipeline('slices', (flow) => {
      const keyed = flow.from(generate(records, readingOf)).pipe(
        timestamps((reading) => reading.timeMs),
        keyBy((reading) => reading.key),
        window(assigner, options),
      )
      keyed.pipe(content).to(
        callback(() => {
          results++
        }),
      )
    }),
    { parallelism: 1 },
  )
  let [startMs, endMs] = [0, 0]
  job.events$.subscribe((event) => {
    if (event.kind !== 'StateChanged') return
    if (event.to === 'Running') startMs = performance.now()
    if (event.to === 'Finished') endMs = performance.now()
  })
  await job.done
  if (results === 0) throw new Error('the windows have said nothing')
  return { seconds: (endMs - startMs) / 1000, results }
}
