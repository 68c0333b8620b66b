/**
 * What Millrace is compared with: a hand-written loop and plain RxJS, in one thread, with the same
 * reader and the same user functions.
 */

import { once } from 'node:events'
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  groupBy,
  type Observable,
  count as rxCount,
  filter as rxFilter,
  map as rxMap,
  mergeMap as rxMergeMap,
  reduce as rxReduce,
  Subject,
} from 'rxjs'
import { systemClock } from '../../lib/base/clock.js'
import type { Source, SourceReader } from '../../lib/connectors/source.js'
import { type Bid, createBids } from './bids.js'
import {
  auctionOf,
  dearer,
  firstField,
  isDear,
  isFair,
  parseCsv,
  priceOf,
  score,
  toCents,
  toEuro,
  withFee,
} from './functions.js'
import { SMALL_TEXT } from './pipelines.js'

const BATCH = 1024

/** Drives a source with its own reader, as a subtask does, without anything around it. */
async function drive<T>(source: Source<T>, take: (records: T[]) => void): Promise<void> {
  for (const split of await source.splits(1)) {
    let wake = (): void => {}
    const reader: SourceReader<T> = source.open(split, null, {
      operator: source.label,
      subtask: 0,
      parallelism: 1,
      clock: systemClock,
      wake: () => wake(),
      fail: (error) => {
        throw error
      },
      badRecord: (error) => {
        throw error
      },
    })
    for (;;) {
      const records: T[] = []
      const status = reader.read(records, BATCH)
      if (records.length > 0) take(records)
      if (status === 'end') break
      if (status === 'waiting') {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
    await reader.close()
  }
}

/** What comes out is used, so that no compiler can leave the work out. */
export interface Outcome {
  checksum: number
}

export type Baseline = (job: string, source: Source<unknown>) => Promise<Outcome>

export const runLoop: Baseline = async (job, source) => {
  const out: Outcome = { checksum: 0 }
  switch (job) {
    case 'a':
      await drive(source as Source<Bid>, (bids) => {
        for (let i = 0; i < bids.length; i++) {
          const price = priceOf(bids[i]!)
          if (!isDear(price)) continue
          const euro = toEuro(price)
          if (!isFair(euro)) continue
          out.checksum += toCents(withFee(euro))
        }
      })
      return out
    case 'a60':
      await drive(source as Source<Bid>, (bids) => {
        for (let i = 0; i < bids.length; i++) {
          const price = priceOf(bids[i]!)
          if (!isDear(price)) continue
          out.checksum += toCents(withFee(score(toEuro(price))))
        }
      })
      return out
    case 'b': {
      const counts = new Map<string, number>()
      await drive(source as Source<string>, (rows) => {
        for (let i = 0; i < rows.length; i++) {
          const key = firstField(parseCsv(rows[i]!))
          counts.set(key, (counts.get(key) ?? 0) + 1)
        }
      })
      for (const n of counts.values()) out.checksum += n
      return out
    }
    case 'c1': {
      const sums = new Map<number, number>()
      await drive(source as Source<Bid>, (bids) => {
        for (let i = 0; i < bids.length; i++) {
          const key = auctionOf(bids[i]!)
          sums.set(key, (sums.get(key) ?? 0) + priceOf(bids[i]!))
        }
      })
      for (const sum of sums.values()) out.checksum += sum
      return out
    }
    default: {
      const best = new Map<number, Bid>()
      await drive(source as Source<Bid>, (bids) => {
        for (let i = 0; i < bids.length; i++) {
          const bid = bids[i]!
          const key = auctionOf(bid)
          const known = best.get(key)
          best.set(key, known === undefined ? bid : dearer(known, bid))
        }
      })
      for (const bid of best.values()) out.checksum += bid.price
      return out
    }
  }
}

export const runRx: Baseline = async (job, source) => {
  const out: Outcome = { checksum: 0 }
  const input = new Subject<unknown>()
  const results = rxPipeline(job, input)
  results.subscribe((value) => {
    out.checksum += value
  })
  await drive(source, (records) => {
    for (let i = 0; i < records.length; i++) input.next(records[i])
  })
  input.complete()
  return out
}

function rxPipeline(job: string, input: Observable<unknown>): Observable<number> {
  const bids = input as Observable<Bid>
  switch (job) {
    case 'a':
      return bids.pipe(
        rxMap(priceOf),
        rxFilter(isDear),
        rxMap(toEuro),
        rxFilter(isFair),
        rxMap(withFee),
        rxMap(toCents),
      )
    case 'a60':
      return bids.pipe(
        rxMap(priceOf),
        rxFilter(isDear),
        rxMap(toEuro),
        rxMap(score),
        rxMap(withFee),
        rxMap(toCents),
      )
    case 'b':
      return (input as Observable<string>).pipe(
        rxMap(parseCsv),
        groupBy(firstField),
        rxMergeMap((group) => group.pipe(rxCount())),
      )
    case 'c1':
      return bids.pipe(
        groupBy(auctionOf),
        rxMergeMap((group) => group.pipe(rxReduce((sum, bid) => sum + priceOf(bid), 0))),
      )
    default:
      return bids.pipe(
        groupBy(auctionOf),
        rxMergeMap((group) => group.pipe(rxReduce(dearer), rxMap(priceOf))),
      )
  }
}

/** The input of job b: `auction,bidder,price` lines in a temporary folder. */
export async function writeBidFile(n: number): Promise<{ file: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-cost-'))
  const file = join(folder, 'bids.csv')
  const bid = createBids(SMALL_TEXT)
  const stream = createWriteStream(file)
  for (let i = 0; i < n; ) {
    let chunk = ''
    for (const to = Math.min(n, i + 4096); i < to; i++) {
      const { auction, bidder, price } = bid(i)
      chunk += `${auction},${bidder},${price}\n`
    }
    if (!stream.write(chunk)) await once(stream, 'drain')
  }
  stream.end()
  await once(stream, 'finish')
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
