/** Numbers per key in order behind a hash exchange: `scan` speaks of each that is not the next one. */
import { filter, keyBy, map, pipeline, scan } from 'millrace'
import { generate, results } from 'millrace/connectors'

export const PER_SOURCE = 20_000
const KEYS = 7

interface Step {
  readonly last: number
  readonly wrong: boolean
  readonly seen: number
}

const START: Step = { last: -1, wrong: false, seen: 0 }

/** Two splits, of which each is read in order; keys name the split, so order is promised for each. */
const keyOf = (i: number) => `${i < PER_SOURCE ? 'first' : 'second'} ${i % KEYS}`

export default () =>
  pipeline('in-order', (flow) =>
    flow
      .from(generate(2 * PER_SOURCE, (i) => i, { splits: 2 }))
      .pipe(
        map((i: number) => i),
        keyBy(keyOf),
        scan(
          ({ last, seen }: Step, i: number) => ({
            last: i,
            wrong: last >= 0 && i !== last + KEYS,
            seen: seen + 1,
          }),
          START,
        ),
        filter(([, { wrong, last }]) => wrong || last >= 2 * PER_SOURCE - KEYS),
        map(([key, { wrong, seen }]) => ({ key, wrong, seen })),
      )
      .to(results()),
  )
