/** Sums whatever comes until it is drained. */
import { keyBy, pipeline, sum, tap } from 'millrace'
import { generate, results } from 'millrace/connectors'

const HUGE = 10_000_000

export default pipeline('drained', (flow) =>
  flow
    .from(generate(HUGE, () => 1, { perSecond: 5000 }))
    .pipe(
      tap(() => {}),
      keyBy((one: number) => one),
      sum(),
    )
    .to(results()),
)
