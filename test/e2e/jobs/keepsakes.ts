/** Keeps one key of each frame in keyed state, and says now and then how much memory that takes. */
import v8 from 'node:v8'
import vm from 'node:vm'
import { filter, global, keyBy, map, mergeMap, pipeline, scan } from 'millrace'
import { generate, results } from 'millrace/connectors'

/** One of so many records is kept: about one of each frame. */
const PER_FRAME = 200
/** Keys kept between two measurements. */
export const STEP = 5000
const STEPS = 4

function heapUsed(): number {
  v8.setFlagsFromString('--expose-gc')
  const collect = vm.runInNewContext('gc') as () => void
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const keyOf = (i: number) => `customer ${String(i).padStart(11, '0')}`

interface Visit {
  readonly i: number
  readonly customer: string
}

export default () =>
  pipeline('keepsakes', (flow) => {
    let kept = 0
    flow
      .from(generate(STEPS * STEP * PER_FRAME, (i) => ({ i, customer: keyOf(i) }), { splits: 1 }))
      .pipe(
        map((it: Visit) => it),
        global(),
        filter((it: Visit) => it.i % PER_FRAME === 0, { chain: false }),
        keyBy((it: Visit) => it.customer),
        scan((visits: number) => visits + 1, 0),
        mergeMap(() => (++kept % STEP === 0 ? [{ kept, bytes: heapUsed() }] : [])),
      )
      .to(results())
  })
