/** An endless stream that fails once at each hundredth record, and goes on behind it. */
import { map, pipeline } from 'millrace'
import { generate, results } from 'millrace/connectors'

const stumbled = new Set<number>()

function stumble(i: number): number {
  if (i % 100 !== 99 || stumbled.has(i)) return i
  stumbled.add(i)
  throw new Error(`record ${i} is hard`)
}

export default () =>
  pipeline('stumbling', (flow) =>
    flow
      .from(generate(Number.POSITIVE_INFINITY, (i) => i, { perSecond: 200 }))
      .pipe(map(stumble, { name: 'careful' }))
      .to(results()),
  )
