/** Several inputs, with keys and without, also broadcast, on channels between threads. */
import {
  combineLatest,
  concat,
  cross,
  keyBy,
  map,
  merge,
  pipeline,
  rebalance,
  takeUntil,
  zip,
  zipWith,
} from 'millrace'
import { fromArray, generate, results } from 'millrace/connectors'

export const PAIRS = 900
const KEYS = 7

export default () =>
  pipeline('combined', (flow) => {
    const numbers = (from: number) =>
      flow.from(
        fromArray(
          Array.from({ length: PAIRS }, (_, i) => from + i),
          { splits: 1 },
        ),
      )
    const keyed = numbers(0).pipe(keyBy((n) => n % KEYS))
    const others = numbers(1_000_000).pipe(keyBy((n) => (n - 1_000_000) % KEYS))
    const zipped = keyed.pipe(zipWith(others))
    zipped.pipe(map(([a, b]) => `zip ${b - a}`)).to(results())

    const letters = merge(flow.from(['a', 'b']), flow.from(['c']))
    keyed
      .pipe(cross(letters))
      .pipe(map(([n, letter]) => `cross ${n} ${letter}`))
      .to(results())
    numbers(0)
      .pipe(rebalance(), cross(letters.pipe(keyBy((letter) => letter))))
      .pipe(map(([n, letter]) => `open ${n} ${letter}`))
      .to(results())

    const all = numbers(0)
    zip(all, all)
      .pipe(map(([a, b]) => `self ${a - b}`))
      .to(results())
    combineLatest([numbers(0), flow.from(['only'])])
      .pipe(map(([n, only]) => (n === PAIRS - 1 ? `latest ${only}` : 'latest')))
      .to(results())
    concat(flow.from(['one']), flow.from(['two']))
      .pipe(map((text) => `concat ${text}`, { parallelism: 1 }))
      .to(results())
    flow
      .from(generate(Infinity, (i) => i))
      .pipe(
        takeUntil(all),
        map((n) => (n < 0 ? 'never' : 'until')),
      )
      .to(results())
  })
