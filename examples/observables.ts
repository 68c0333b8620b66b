/**
 * Observable in, Observable out: a pipeline between two ends of an RxJS program, in this thread.
 * `node dist/examples/observables.js`
 */
import { keyBy, pipeline, scan } from 'millrace'
import { run } from 'millrace/actors'
import { fromObservable, toObservable } from 'millrace/connectors'
import { interval, map, take } from 'rxjs'

interface Reading {
  readonly sensor: string
  readonly celsius: number
}

const readings$ = interval(1).pipe(
  take(60),
  map((i): Reading => ({ sensor: i % 2 === 0 ? 'north' : 'south', celsius: 20 + (i % 7) })),
)

const warmest = pipeline('warmest', (flow) =>
  flow
    // An Observable cannot be kept waiting: it must say what happens when the pipeline is slower.
    .from(fromObservable(readings$, { capacity: 1000, overflow: 'fail' }))
    .pipe(
      keyBy((reading) => reading.sensor),
      scan((best, reading) => Math.max(best, reading.celsius), Number.NEGATIVE_INFINITY, {
        name: 'warmest',
      }),
    )
    .to(toObservable()),
)

const job = run(warmest)
const latest = new Map<string, number>()
job.results$.subscribe((result) => {
  const [sensor, celsius] = result as readonly [string, number]
  latest.set(sensor, celsius)
})
const { recordsIn } = await job.done
console.log(`${recordsIn} readings; warmest: ${JSON.stringify(Object.fromEntries(latest))}`)
