/** Loops of queries that look at each bid by itself. */
import type { Baseline } from './baseline.js'
import type { Bid } from './model.js'
import type { Cell } from './row-text.js'

/** `row`: of one bid; null where it gives none. */
const ofBids = (row: (bid: Bid) => readonly Cell[] | null): Baseline => ({
  reads: ['bid'],
  create: (emit) => ({
    block(events) {
      for (const bid of events as readonly Bid[]) {
        const cells = row(bid)
        if (cells !== null) emit(cells)
      }
    },
    end() {},
  }),
})

export const q0 = ofBids(({ auction, bidder, price, dateTime, extra }) => [
  auction,
  bidder,
  price,
  dateTime,
  extra,
])

export const q1 = ofBids(({ auction, bidder, price, dateTime, extra }) => [
  auction,
  bidder,
  price * 908,
  dateTime,
  extra,
])

export const q2 = ofBids(({ auction, price }) => (auction % 123 === 0 ? [auction, price] : null))

const HOUR_MS = 3_600_000

export const q14 = ofBids(({ auction, bidder, price, dateTime, extra }) => {
  const thousandths = price * 908
  if (!(thousandths > 1_000_000_000 && thousandths < 50_000_000_000)) return null
  const time = timeOfDay(Math.floor(dateTime / HOUR_MS) % 24)
  return [auction, bidder, thousandths, time, dateTime, extra, count(extra, 'c')]
})

function timeOfDay(hour: number): string {
  if (hour >= 8 && hour <= 18) return 'dayTime'
  return hour <= 6 || hour >= 20 ? 'nightTime' : 'otherTime'
}

function count(text: string, character: string): number {
  let n = 0
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) n++
  return n
}

const CHANNEL_ID = /(?:&|^)channel_id=([^&]*)/
const CHANNEL_IDS: ReadonlyMap<string, string> = new Map([
  ['apple', '0'],
  ['google', '1'],
  ['facebook', '2'],
  ['baidu', '3'],
])

export const q21 = ofBids(({ auction, bidder, price, channel, url }) => {
  const id = CHANNEL_IDS.get(channel.toLowerCase()) ?? CHANNEL_ID.exec(url)?.[1]
  return id === undefined ? null : [auction, bidder, price, channel, id]
})

export const q22 = ofBids(({ auction, bidder, price, channel, url }) => {
  const [, , , dir1 = '', dir2 = '', dir3 = ''] = url.split('/')
  return [auction, bidder, price, channel, dir1, dir2, dir3]
})
