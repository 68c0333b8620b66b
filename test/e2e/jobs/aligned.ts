/** Sources whose subtasks keep together in event time, wherever they run. */
import { map, pipeline, timestamps } from 'millrace'
import { generate, results } from 'millrace/connectors'

export const ROWS = 20_000

export default () =>
  pipeline('aligned', (flow) => {
    flow
      .from(generate(ROWS, (n) => n, { splits: 2 }))
      .pipe(
        timestamps((n: number) => n, { align: { group: 'all', maxDrift: 100 } }),
        map((n) => n),
      )
      .to(results())
  })
