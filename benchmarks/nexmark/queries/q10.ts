/**
 * q10, log to files: all bids as CSV, in a directory for each day and minute.
 *
 *     INSERT INTO files PARTITIONED BY (dt, hm)
 *     SELECT auction, bidder, price, dateTime, extra, DATE_FORMAT(dateTime, 'yyyy-MM-dd'), DATE_FORMAT(dateTime, 'HH:mm')
 *     FROM bid
 *
 * A part is shown when the snapshot behind its last record is complete, each record once. Keeps the parts
 * that are open.
 */
import { map } from 'millrace'
import { partFiles } from 'millrace/connectors'
import type { Bid } from '../model.js'
import { defineQuery } from '../query.js'
import { BARE_BID, type BareBid } from './columns.js'
import { dayOf, dayText, minuteOf, minuteText } from './day.js'

const FIELDS = ['auction', 'bidder', 'price', 'dateTime', 'extra']

const dayOfRow = ({ dateTime }: BareBid): string => dayText(dayOf(dateTime))
const minuteOfRow = ({ dateTime }: BareBid): string => minuteText(minuteOf(dateTime))

export default defineQuery<BareBid>({
  name: 'q10',
  title: 'all bids as files, by day and minute',
  reads: ['bid'],
  columns: {
    ...BARE_BID,
    dt: dayOfRow,
    hm: minuteOfRow,
  },
  files: (directory) =>
    partFiles(directory, {
      format: 'csv',
      columns: FIELDS,
      header: false,
      bucket: (row) => `dt=${dayOfRow(row)}/hm=${minuteOfRow(row).replace(':', '')}`,
      roll: { every: '1m' },
    }),
  build: (_flow, { bids }) =>
    bids.pipe(
      map(({ auction, bidder, price, dateTime, extra }: Bid) => ({
        auction,
        bidder,
        price,
        dateTime,
        extra,
      })),
    ),
})
