/** Far more records than the sink takes: from the source, or out of one record. */
import { map, mergeMap, pipeline, rebalance } from 'millrace'
import { callback, generate } from 'millrace/connectors'

interface Args {
  /** `source`: many records. `generator`, `iterable`: one record that becomes many. */
  readonly from: 'source' | 'generator' | 'iterable'
  /** Pause of the sink after each batch; 0: as fast as it can. */
  readonly pauseMs: string
}

export const FLOOD = 50_000_000
export const EXPANDED = 10_000_000

function* numbers() {
  for (let i = 0; i < EXPANDED; i++) yield i
}

/** As `Array.from({ length })` would give, but one by one. */
const iterable = {
  [Symbol.iterator](): Iterator<number> {
    let i = 0
    return {
      next: () => (i < EXPANDED ? { done: false, value: i++ } : { done: true, value: undefined }),
    }
  },
}

export default ({ from, pauseMs }: Args) =>
  pipeline(`flood-from-${from}`, (flow) => {
    const source = flow.from(
      generate(from === 'source' ? FLOOD : 1, (i) => i),
      { name: 'flood' },
    )
    const many =
      from === 'source'
        ? source.pipe(map((i: number) => i))
        : source.pipe(mergeMap(() => (from === 'generator' ? numbers() : iterable)))
    const wait = () => new Promise((resolve) => setTimeout(resolve, Number(pauseMs)))
    many
      .pipe(
        rebalance(),
        map((i: number) => i + 1, { name: 'beyond' }),
      )
      .to(callback(pauseMs === '0' ? () => {} : wait, { per: 'batch' }))
  })
