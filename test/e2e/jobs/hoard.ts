/** Keeps state for ever new keys: a kilobyte each. */
import { keyBy, pipeline, scan } from 'millrace'
import { blackhole, generate } from 'millrace/connectors'

export default pipeline('hoard', (flow) =>
  flow
    .from(generate(Number.POSITIVE_INFINITY, (i) => i))
    .pipe(
      keyBy((i: number) => `somebody who never comes again ${i}`),
      scan((visits: readonly number[], i) => [...visits, i], new Array<number>(128).fill(0.5), {
        name: 'visits',
      }),
    )
    .to(blackhole()),
)
