/** Sends what cannot travel. */
import { map, pipeline, rebalance } from 'millrace'
import { blackhole, generate } from 'millrace/connectors'

class Ticket {
  readonly seat = 7
}

const STOWAWAYS = {
  function: () => ({ id: 1, inner: { call: () => 1 } }),
  instance: () => ({ id: 1, inner: { ticket: new Ticket() } }),
  symbol: () => ({ id: 1, inner: { mark: Symbol('x') } }),
}

export default ({ kind }: { readonly kind: keyof typeof STOWAWAYS }) =>
  pipeline('stowaway', (flow) =>
    flow
      .from(generate(10, () => STOWAWAYS[kind]()))
      .pipe(
        map((it: object) => it, { name: 'sender' }),
        rebalance(),
        map((it: object) => it),
      )
      .to(blackhole()),
  )
