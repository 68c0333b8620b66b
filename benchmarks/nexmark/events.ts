/**
 * The streams a query is given: of one source with as many splits as the data set has partitions, each
 * with a watermark of its own.
 */
import { type Flow, filter, type Stream, timestamps } from 'millrace'
import type { Source } from 'millrace/connectors'
import { replayed } from './data-source.js'
import { disorderMs, spanMs } from './dataset.js'
import { generated } from './generated-source.js'
import {
  type Auction,
  type Bid,
  type EventKind,
  isAuction,
  isBid,
  isPerson,
  type NexmarkEvent,
  type Person,
} from './model.js'
import { observed } from './observed-source.js'
import type { QuerySettings } from './settings.js'

/**
 * So many events may one partition lead another, in event time. Joins keep what leads until time has come as far:
 without it, all of that by which the slower thread or host is behind.
 */
const LEAD_MAX = 100_000

/** Branches of one stream. Reading a kind that the query's `reads` does not name is an error. */
export interface Events {
  readonly persons: Stream<Person, 'event'>
  readonly auctions: Stream<Auction, 'event'>
  readonly bids: Stream<Bid, 'event'>
}

export function openEvents(
  flow: Flow,
  reads: readonly EventKind[],
  settings: QuerySettings,
): Events {
  const all = flow.from(sourceOf(reads, settings), { name: 'events' }).pipe(
    timestamps((event: NexmarkEvent) => event.dateTime, {
      outOfOrderMs: disorderMs(settings.dataset),
      align: { group: 'events', maxDrift: spanMs(settings.dataset, LEAD_MAX) },
    }),
  )
  const branch = (kind: EventKind, pick: () => Stream<NexmarkEvent, 'event'>) => {
    if (!reads.includes(kind)) throw new Error(`the query reads ${reads.join(', ')}; not ${kind}`)
    return reads.length === 1 ? all : pick()
  }
  return {
    get persons() {
      return branch('person', () => all.pipe(filter(isPerson))) as Stream<Person, 'event'>
    },
    get auctions() {
      return branch('auction', () => all.pipe(filter(isAuction))) as Stream<Auction, 'event'>
    },
    get bids() {
      return branch('bid', () => all.pipe(filter(isBid))) as Stream<Bid, 'event'>
    },
  }
}

function sourceOf(reads: readonly EventKind[], settings: QuerySettings): Source<NexmarkEvent> {
  const { dataset, data, partitions, pace } = settings
  const source = data === null ? generated(dataset, reads, partitions) : replayed(data, reads)
  return observed(source, pace)
}
