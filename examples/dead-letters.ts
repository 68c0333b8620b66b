/**
 * A pipeline that survives poison records: amounts that are no numbers go to a dead-letter file, with
 * the reason and the place they came from; the rest is summed up.
 * `millrace run examples/dead-letters.ts -- payments.ndjson dead.ndjson`
 */
import { keyBy, map, pipeline, sum } from 'millrace'
import { ndjson, ndjsonFile, print } from 'millrace/connectors'

interface Payment {
  readonly account: string
  readonly amount: string
}

const toCents = ({ account, amount }: Payment) => {
  const cents = Math.round(Number(amount) * 100)
  if (Number.isNaN(cents)) throw new TypeError(`"${amount}" is no amount`)
  return { account, cents }
}

export default (args: { readonly _: readonly string[] }) =>
  pipeline(
    'payments',
    (flow) => {
      flow
        .from(ndjson<Payment>(args._[0] ?? 'payments.ndjson'))
        .pipe(
          map(toCents, { name: 'to-cents' }),
          keyBy((payment) => payment.account),
          sum((payment) => payment.cents, { name: 'totals' }),
        )
        .to(print())
      flow.deadLetters().to(ndjsonFile(args._[1] ?? 'dead.ndjson'))
    },
    { onRecordError: 'deadLetter' },
  )
