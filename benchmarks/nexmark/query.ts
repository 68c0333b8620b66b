/**
 * What a query file is: `export default defineQuery({…})`. The result is a job module's function, so that
 * `run(module, { slots, args })` and the command line run a query as they run any job; and it carries
 * what the runner and the tests ask of it: its columns, what it reads, whether it updates.
 *
 * A query is composed from `millrace` alone, as a user would write it. It gets streams that have event
 * time, and returns the stream of its results; it knows neither where events come from nor where
 * results go.
 */
import { type Pipeline, pipeline } from 'millrace'
import { openEvents } from './events.js'
import type { AppendQuery, Described, UpdatingQuery } from './query-kinds.js'
import { type QueryArgs, settingsOf } from './settings.js'
import { toSink } from './sinks.js'

/** A query as the runner sees it. */
export interface Query extends Described<never> {
  (args: QueryArgs): Pipeline
  readonly updates: boolean
}

/**
 * Defines a query; the default export of its file.
 *
 *     export default defineQuery({
 *       name: 'q2',
 *       title: 'bids of some auctions',
 *       reads: ['bid'],
 *       columns: { auction: (bid: Bid) => bid.auction, price: (bid: Bid) => bid.price },
 *       build: (_flow, { bids }) => bids.pipe(filter((bid) => bid.auction % 123 === 0)),
 *     })
 */
export function defineQuery<Row>(query: AppendQuery<Row> | UpdatingQuery<Row>): Query {
  const build = (args: QueryArgs): Pipeline => {
    const settings = settingsOf(args)
    return pipeline(query.name, (flow) => {
      const events = openEvents(flow, query.reads, settings)
      toSink(query, query.build(flow, events), settings)
    })
  }
  const { name, ...rest } = query
  Object.defineProperty(build, 'name', { value: name })
  return Object.assign(build, { ...rest, updates: 'key' in query }) as unknown as Query
}
