/** Loops of queries that remember something. */
import type { Baseline } from './baseline.js'
import type { Auction, Bid, Person } from './model.js'

const nothing = (): void => {}

export const q3: Baseline = {
  reads: ['person', 'auction'],
  create(emit) {
    const persons = new Map<number, Person>()
    const waiting = new Map<number, number[]>()
    const isNear = ({ state }: Person) => state === 'OR' || state === 'ID' || state === 'CA'
    const give = ({ name, city, state }: Person, id: number) => emit([name, city, state, id])
    function onPerson(person: Person): void {
      if (!isNear(person)) return
      persons.set(person.id, person)
      for (const id of waiting.get(person.id) ?? []) give(person, id)
      waiting.delete(person.id)
    }
    function onAuction({ id, seller, category }: Auction): void {
      if (category !== 10) return
      const person = persons.get(seller)
      if (person !== undefined) return give(person, id)
      const ids = waiting.get(seller)
      if (ids === undefined) waiting.set(seller, [id])
      else ids.push(id)
    }
    return {
      block(events) {
        for (const event of events) {
          if ('seller' in event) onAuction(event)
          else onPerson(event as Person)
        }
      },
      end: nothing,
    }
  },
}

const SLIDE_MS = 2_000
const SLICES = 5

/** Counts per slice; a window is the sum of five. */
export const q5: Baseline = {
  reads: ['bid'],
  create(emit) {
    const slices: Map<number, number>[] = []
    let counts = new Map<number, number>()
    let slice = Number.NaN
    /** The window that ends with this slice. */
    function fire(): void {
      const totals = new Map<number, number>()
      let most = 0
      for (const each of slices) {
        for (const [auction, n] of each) {
          const total = (totals.get(auction) ?? 0) + n
          totals.set(auction, total)
          if (total > most) most = total
        }
      }
      const end = (slice + 1) * SLIDE_MS
      for (const [auction, n] of totals) {
        if (n === most) emit([end - SLICES * SLIDE_MS, end, auction, n])
      }
    }
    function advance(to: number): void {
      for (; slice < to; slice++) {
        slices.push(counts)
        if (slices.length > SLICES) slices.shift()
        fire()
        counts = new Map()
      }
      slice = to
    }
    return {
      block(events) {
        for (const { auction, dateTime } of events as readonly Bid[]) {
          const of = Math.floor(dateTime / SLIDE_MS)
          if (of !== slice) advance(of)
          counts.set(auction, (counts.get(auction) ?? 0) + 1)
        }
      },
      end() {
        if (!Number.isNaN(slice)) advance(slice + SLICES)
      },
    }
  },
}

const WINDOW_MS = 10_000

export const q8: Baseline = {
  reads: ['person', 'auction'],
  create(emit) {
    let window = Number.NaN
    const persons = new Map<number, string>()
    const sellers = new Set<number>()
    function fire(): void {
      for (const [id, name] of persons) {
        if (sellers.has(id)) emit([id, name, window * WINDOW_MS])
      }
      persons.clear()
      sellers.clear()
    }
    return {
      block(events) {
        for (const event of events) {
          const of = Math.floor(event.dateTime / WINDOW_MS)
          if (of !== window) {
            fire()
            window = of
          }
          if ('seller' in event) sellers.add(event.seller)
          else persons.set((event as Person).id, (event as Person).name)
        }
      },
      end: fire,
    }
  },
}

const DAY_MS = 86_400_000
const CHEAP_BELOW = 10_000
const DEAR_FROM = 1_000_000

interface Totals {
  count: number
  cheap: number
  fair: number
  dear: number
  min: number
  max: number
  sum: number
}

export const q17: Baseline = {
  reads: ['bid'],
  create(emit) {
    const days = new Map<number, Map<number, Totals>>()
    let day = Number.NaN
    let auctions = new Map<number, Totals>()
    function open(of: number): void {
      day = of
      auctions = days.get(of) ?? new Map()
      days.set(of, auctions)
    }
    return {
      block(events) {
        for (const { auction, price, dateTime } of events as readonly Bid[]) {
          const of = Math.floor(dateTime / DAY_MS)
          if (of !== day) open(of)
          let totals = auctions.get(auction)
          if (totals === undefined) {
            totals = { count: 0, cheap: 0, fair: 0, dear: 0, min: price, max: price, sum: 0 }
            auctions.set(auction, totals)
          }
          totals.count++
          if (price < CHEAP_BELOW) totals.cheap++
          else if (price < DEAR_FROM) totals.fair++
          else totals.dear++
          if (price < totals.min) totals.min = price
          if (price > totals.max) totals.max = price
          totals.sum += price
        }
      },
      end() {
        for (const [of, all] of days) {
          const text = new Date(of * DAY_MS).toISOString().slice(0, 10)
          for (const [auction, { count, cheap, fair, dear, min, max, sum }] of all) {
            emit([auction, text, count, cheap, fair, dear, min, max, Math.floor(sum / count), sum])
          }
        }
      },
    }
  },
}

const GAP_MS = 10_000

interface Session {
  start: number
  last: number
  count: number
}

export const q11: Baseline = {
  reads: ['bid'],
  create(emit) {
    const sessions = new Map<number, Session>()
    const give = (bidder: number, { start, last, count }: Session) =>
      emit([bidder, count, start, last + GAP_MS])
    return {
      block(events) {
        for (const { bidder, dateTime } of events as readonly Bid[]) {
          const session = sessions.get(bidder)
          if (session === undefined) {
            sessions.set(bidder, { start: dateTime, last: dateTime, count: 1 })
          } else {
            if (dateTime - session.last > GAP_MS) {
              give(bidder, session)
              session.start = dateTime
              session.count = 0
            }
            session.last = dateTime
            session.count++
          }
        }
      },
      end() {
        for (const [bidder, session] of sessions) give(bidder, session)
      },
    }
  },
}

/** Of auction and bidder one key: both are far below 2^26. */
const PAIR = 2 ** 26

export const q18: Baseline = {
  reads: ['bid'],
  create(emit) {
    const last = new Map<number, Bid>()
    const give = (bid: Bid, sign: 1 | -1) => {
      const { auction, bidder, price, channel, url, dateTime, extra } = bid
      emit([auction, bidder, price, channel, url, dateTime, extra], sign)
    }
    return {
      block(events) {
        for (const bid of events as readonly Bid[]) {
          const key = bid.bidder * PAIR + bid.auction
          const known = last.get(key)
          if (known !== undefined) {
            if (bid.dateTime < known.dateTime) continue
            give(known, -1)
          }
          give(bid, 1)
          last.set(key, bid)
        }
      },
      end: nothing,
    }
  },
}
