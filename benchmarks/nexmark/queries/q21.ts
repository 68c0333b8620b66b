/**
 * q21, add channel id: of four channels by name, of others from the URL; bids without one are left out.
 *
 *     SELECT auction, bidder, price, channel,
 *            CASE LOWER(channel) WHEN 'apple' THEN '0' WHEN 'google' THEN '1' WHEN 'facebook' THEN '2' WHEN 'baidu' THEN '3'
 *                 ELSE REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2) END AS channel_id
 *     FROM bid
 *     WHERE REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2) IS NOT NULL
 *        OR LOWER(channel) IN ('apple', 'google', 'facebook', 'baidu')
 *
 * Keeps nothing.
 */
import { filter, map } from 'millrace'
import type { Bid } from '../model.js'
import { defineQuery } from '../query.js'

interface Channelled {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly channel: string
  readonly channelId: string | undefined
}

const CHANNEL_ID = /(?:&|^)channel_id=([^&]*)/

const IDS: ReadonlyMap<string, string> = new Map([
  ['apple', '0'],
  ['google', '1'],
  ['facebook', '2'],
  ['baidu', '3'],
])

export default defineQuery<Channelled>({
  name: 'q21',
  title: 'bids with the id of their channel',
  reads: ['bid'],
  columns: {
    auction: (row) => row.auction,
    bidder: (row) => row.bidder,
    price: (row) => row.price,
    channel: (row) => row.channel,
    channelId: (row) => row.channelId ?? '',
  },
  build: (_flow, { bids }) =>
    bids.pipe(
      map(({ auction, bidder, price, channel, url }: Bid) => ({
        auction,
        bidder,
        price,
        channel,
        channelId: IDS.get(channel.toLowerCase()) ?? CHANNEL_ID.exec(url)?.[1],
      })),
      filter(({ channelId }) => channelId !== undefined),
    ),
})
