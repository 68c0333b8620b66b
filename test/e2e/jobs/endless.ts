/** An endless stream over two exchanges, whole or cut short. */
import { keyBy, pipeline, rebalance, scan, take } from 'millrace'
import { generate, results } from 'millrace/connectors'

interface Args {
  /** Records after which it ends by itself. */
  readonly take?: string
  readonly perSecond?: string
}

export default (args: Args) =>
  pipeline('endless', (flow) =>
    flow
      .from(
        generate(
          Number.POSITIVE_INFINITY,
          (i) => i,
          args.perSecond === undefined ? {} : { perSecond: Number(args.perSecond) },
        ),
      )
      .pipe(
        rebalance(),
        keyBy((i: number) => i % 5),
        scan((seen: number) => seen + 1, 0),
        take(args.take === undefined ? Number.MAX_SAFE_INTEGER : Number(args.take)),
      )
      .to(results()),
  )
