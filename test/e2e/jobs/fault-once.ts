/** Does something terrible in one record, the first time or every time; else sums numbers by key. */
import { keyBy, map, pipeline, rebalance, sum } from 'millrace'
import { generate, results } from 'millrace/connectors'
import { type Fault, happen } from './faults.js'

interface Args {
  readonly fault: Fault
  /** Written when the fault happens. */
  readonly marker: string
  readonly every?: string
}

const AT = 300
const COUNT = 600

export default ({ fault, marker, every }: Args) =>
  pipeline('fault-once', (flow) =>
    flow
      .from(generate(COUNT, (i) => i, { perSecond: 2000 }))
      .pipe(
        rebalance(),
        map(
          (i: number) => {
            if (i === AT) happen(fault, marker, every !== undefined)
            return i
          },
          { name: 'terrible' },
        ),
        keyBy((i: number) => i % 3),
        sum(),
      )
      .to(results()),
  )
