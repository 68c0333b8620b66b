/**
 * The COST jobs as pipelines; `args.job` names one, `args.n` its number of records, `args.file` the
 * input of those that read a file. The default export is what slots load.
 */
import {
  count,
  filter,
  keyBy,
  map,
  type Pipeline,
  pipeline,
  reduce,
  type Stream,
  sum,
} from 'millrace'
import { blackhole, generate, lines, type Source } from 'millrace/connectors'
import { type Bid, createBids } from './bids.js'
import {
  auctionOf,
  dearer,
  firstField,
  isDear,
  isFair,
  parseCsv,
  priceOf,
  score,
  toCents,
  toEuro,
  withFee,
} from './functions.js'

export interface CostArgs {
  readonly job?: string
  readonly n?: string
  readonly file?: string
}

/** Together with numbers and the rest, about 90 and 180 bytes a record. */
export const SMALL_TEXT = 40
export const LARGE_TEXT = 130

/** The input of a job: the baselines read it too. */
export function sourceOf(job: string, n: number, file: string): Source<unknown> {
  if (job === 'b') return lines(file)
  return generate(n, createBids(job === 'c2-180' ? LARGE_TEXT : SMALL_TEXT))
}

export default function costJob(args: CostArgs): Pipeline {
  const n = Number(args.n)
  const job = args.job ?? ''
  return pipeline(`cost-${job}`, (flow) => {
    const input = flow.from(sourceOf(job, n, args.file ?? ''))
    const bids = input as Stream<Bid>
    switch (job) {
      case 'a':
        return bids
          .pipe(
            map(priceOf),
            filter(isDear),
            map(toEuro),
            filter(isFair),
            map(withFee),
            map(toCents),
          )
          .to(blackhole())
      case 'a60':
        return bids
          .pipe(map(priceOf), filter(isDear), map(toEuro), map(score), map(withFee), map(toCents))
          .to(blackhole())
      case 'b':
        return (input as Stream<string>)
          .pipe(map(parseCsv), keyBy(firstField), count({ name: 'count' }))
          .to(blackhole())
      case 'c1':
        return bids.pipe(keyBy(auctionOf), sum(priceOf, { name: 'sum' })).to(blackhole())
      case 'c2-90':
      case 'c2-180':
        return bids
          .pipe(keyBy(auctionOf), reduce(dearer, undefined, { name: 'dearest' }))
          .to(blackhole())
      default:
        throw new Error(`no such COST job: ${job}`)
    }
  })
}
