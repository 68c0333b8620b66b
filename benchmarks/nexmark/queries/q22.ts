/**
 * q22, get URL directories.
 *
 *     SELECT auction, bidder, price, channel, SPLIT_INDEX(url, '/', 3), SPLIT_INDEX(url, '/', 4), SPLIT_INDEX(url, '/', 5)
 *     FROM bid
 *
 * Keeps nothing.
 */
import { map } from 'millrace'
import type { Bid } from '../model.js'
import { defineQuery } from '../query.js'

interface Directories {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly channel: string
  readonly dir1: string
  readonly dir2: string
  readonly dir3: string
}

export default defineQuery<Directories>({
  name: 'q22',
  title: 'bids with the directories of their URL',
  reads: ['bid'],
  columns: {
    auction: (row) => row.auction,
    bidder: (row) => row.bidder,
    price: (row) => row.price,
    channel: (row) => row.channel,
    dir1: (row) => row.dir1,
    dir2: (row) => row.dir2,
    dir3: (row) => row.dir3,
  },
  build: (_flow, { bids }) =>
    bids.pipe(
      map(({ auction, bidder, price, channel, url }: Bid) => {
        const [, , , dir1 = '', dir2 = '', dir3 = ''] = url.split('/')
        return { auction, bidder, price, channel, dir1, dir2, dir3 }
      }),
    ),
})
