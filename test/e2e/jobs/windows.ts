/** Sums per key and window of event time, whose records come out of order. */
import { keyBy, map, pipeline, sum, timestamps, tumbling, window } from 'millrace'
import { generate, results } from 'millrace/connectors'

interface Row {
  readonly key: number
  readonly value: number
  readonly timeMs: number
}

const ROWS = 3_000
/** Records are up to so many places early or late. */
const DISORDER = 16

export default () =>
  pipeline('windows', (flow) => {
    flow
      .from(
        generate(ROWS, (n): Row => ({ key: n % 11, value: n, timeMs: n + ((n * 7) % DISORDER) }), {
          splits: 6,
        }),
      )
      .pipe(
        timestamps((row: Row) => row.timeMs, { outOfOrderMs: DISORDER }),
        keyBy((row) => row.key),
        window(tumbling(100)),
        sum((row) => row.value, { name: 'sums' }),
        map(({ key, start, value }) => `${key} ${start} ${value}`),
      )
      .to(results())
  })
