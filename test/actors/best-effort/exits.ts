/** For a slot: a pipeline in which a worker thread ends itself. */
import { map, pipeline } from 'millrace'
import { fromArray, results } from 'millrace/connectors'

export default pipeline('exits', (flow) =>
  flow
    .from(fromArray([1, 2, 3]))
    .pipe(
      map((i) => {
        if (i === 2) process.exit(3)
        return i
      }),
    )
    .to(results()),
)
