/**
 * q15, bidding statistics: of each day the number of bids, of bidders and of auctions, by price.
 *
 *     SELECT DATE_FORMAT(dateTime, 'yyyy-MM-dd') AS day, COUNT(*), …, COUNT(DISTINCT bidder), …, COUNT(DISTINCT auction), …
 *     FROM bid GROUP BY DATE_FORMAT(dateTime, 'yyyy-MM-dd')
 *
 * Keeps a row per day, and of each day its bidders and auctions, for ever: a bid may come at any time.
 */
import { defineQuery } from '../query.js'
import { bidStatistics, STATISTICS, type Statistics } from './bid-statistics.js'
import { dayOf, dayText } from './day.js'

export default defineQuery<Statistics>({
  name: 'q15',
  title: 'bids, bidders and auctions of each day',
  reads: ['bid'],
  columns: { day: ({ group }) => dayText(Number(group)), ...STATISTICS },
  key: ({ group }) => group,
  build: (_flow, { bids }) => bidStatistics(bids, ({ dateTime }) => `${dayOf(dateTime)}`),
})
