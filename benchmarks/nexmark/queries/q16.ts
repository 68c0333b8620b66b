/**
 * q16, channel statistics: of each channel and day the number of bids, of bidders and of auctions, by price,
 * and the minute of the last bid.
 *
 *     SELECT channel, DATE_FORMAT(dateTime, 'yyyy-MM-dd') AS day, MAX(DATE_FORMAT(dateTime, 'HH:mm')),
 *            COUNT(*), …, COUNT(DISTINCT bidder), …, COUNT(DISTINCT auction), …
 *     FROM bid GROUP BY channel, DATE_FORMAT(dateTime, 'yyyy-MM-dd')
 *
 * Keeps a row per channel and day, and of each of these its bidders and auctions, for ever: a bid may come
 * at any time.
 */
import { defineQuery } from '../query.js'
import { bidStatistics, STATISTICS, type Statistics } from './bid-statistics.js'
import { dayOf, dayText, minuteText } from './day.js'

export default defineQuery<Statistics>({
  name: 'q16',
  title: 'bids, bidders and auctions of each channel and day',
  reads: ['bid'],
  columns: {
    channel: ({ group }) => group.slice(group.indexOf(' ') + 1),
    day: ({ group }) => dayText(Number.parseInt(group, 10)),
    minute: ({ minute }) => minuteText(minute),
    ...STATISTICS,
  },
  key: ({ group }) => group,
  build: (_flow, { bids }) =>
    bidStatistics(bids, ({ channel, dateTime }) => `${dayOf(dateTime)} ${channel}`),
})
