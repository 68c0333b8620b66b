/**
 * The highest valid bid of each auction, the earliest of equal ones; q4, q6 and q9 begin with it.
 *
 *     SELECT a.*, b.* FROM auction a JOIN bid b ON b.auction = a.id AND b.dateTime BETWEEN a.dateTime AND a.expires
 *     -- and of these, for each a.id, the first by b.price DESC, b.dateTime, b.seq
 *
 * Keeps open auctions with their best bid, and bids that wait for their auction. What event time has
 * passed goes: an auction that has expired gets no valid bid any more, and for a bid that was made before
 * its auction began it makes no difference when that comes.
 */
import { keyBy, listState, processWith, recordsOf, type Stream, valueState } from 'millrace'
import type { Events } from '../events.js'
import type { Auction, Bid } from '../model.js'

/** An auction has a better bid than `before`, or its first. */
export interface Lead {
  readonly auction: Auction
  readonly bid: Bid
  readonly before: Bid | null
}

/** At every bid that takes the lead; or once, when the auction has closed. */
export function winningBids(
  { auctions, bids }: Events,
  when: 'leads' | 'closed' = 'leads',
): Stream<Lead, 'event'> {
  return auctions.pipe(
    keyBy(({ id }) => id),
    processWith(bids.pipe(keyBy(({ auction }) => auction)), {
      emits: recordsOf<Lead>(),
      state: {
        auction: valueState<Auction>(),
        best: valueState<Bid>(),
        early: listState<Bid>(),
      },
      onLeft(auction, { state, timers, emit }) {
        state.auction.set(auction)
        timers.event.register(auction.expires)
        for (const bid of state.early.get()) {
          const before = state.best.get() ?? null
          if (!leads(bid, auction, before)) continue
          state.best.set(bid)
          if (when === 'leads') emit({ auction, bid, before })
        }
        state.early.clear()
      },
      onRight(bid, { state, timers, emit }) {
        const auction = state.auction.get()
        if (auction === undefined) {
          if (state.early.length === 0) timers.event.register(bid.dateTime)
          state.early.append(bid)
          return
        }
        const before = state.best.get() ?? null
        if (!leads(bid, auction, before)) return
        state.best.set(bid)
        if (when === 'leads') emit({ auction, bid, before })
      },
      onTimer({ timeMs }, { state, timers, watermarkMs, emit }) {
        const auction = state.auction.get()
        if (auction !== undefined) {
          if (timeMs < auction.expires) return
          const bid = state.best.get()
          if (when === 'closed' && bid !== undefined) emit({ auction, bid, before: null })
          state.auction.clear()
          state.best.clear()
          return
        }
        const early = state.early.get().filter(({ dateTime }) => dateTime > watermarkMs)
        state.early.replace(early)
        if (early.length > 0) timers.event.register(early[0]!.dateTime)
      },
    }),
  )
}

function leads(bid: Bid, { dateTime, expires }: Auction, best: Bid | null): boolean {
  if (bid.dateTime < dateTime || bid.dateTime > expires) return false
  if (best === null || bid.price > best.price) return true
  if (bid.price < best.price) return false
  return bid.dateTime < best.dateTime || (bid.dateTime === best.dateTime && bid.seq < best.seq)
}
