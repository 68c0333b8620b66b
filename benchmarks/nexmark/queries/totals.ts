/**
 * Numbers of bids by price: all, cheap, fair and dear ones; q15, q16 and q17 have them, of bids, bidders
 * and auctions.
 *
 *     COUNT(*), COUNT(*) FILTER (WHERE price < 10000),
 *     COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000), COUNT(*) FILTER (WHERE price >= 1000000)
 */
import type { Columns } from '../row-text.js'

export interface Totals {
  readonly all: number
  readonly cheap: number
  readonly fair: number
  readonly dear: number
}

export const CHEAP_BELOW = 10_000
export const DEAR_FROM = 1_000_000

const CHEAP: Totals = { all: 1, cheap: 1, fair: 0, dear: 0 }
const FAIR: Totals = { all: 1, cheap: 0, fair: 1, dear: 0 }
const DEAR: Totals = { all: 1, cheap: 0, fair: 0, dear: 1 }

export const NONE: Totals = { all: 0, cheap: 0, fair: 0, dear: 0 }

/** Of one bid. */
export const totalsOf = (price: number): Totals =>
  price < CHEAP_BELOW ? CHEAP : price < DEAR_FROM ? FAIR : DEAR

export const plus = (a: Totals, b: Totals): Totals => ({
  all: a.all + b.all,
  cheap: a.cheap + b.cheap,
  fair: a.fair + b.fair,
  dear: a.dear + b.dear,
})

/** What is in `a` and not in `b`, where `a` has all of `b`. */
export const minus = (a: Totals, b: Totals): Totals => ({
  all: a.all - b.all,
  cheap: a.cheap - b.cheap,
  fair: a.fair - b.fair,
  dear: a.dear - b.dear,
})

/**
 * Each number is 0 or 1: whether there is one at all. One of the two where it has all of the other: of the same
 * accumulator no change is told.
 */
export const either = (a: Totals, b: Totals): Totals =>
  hasAll(a, b)
    ? a
    : hasAll(b, a)
      ? b
      : {
          all: a.all | b.all,
          cheap: a.cheap | b.cheap,
          fair: a.fair | b.fair,
          dear: a.dear | b.dear,
        }

const hasAll = (a: Totals, b: Totals): boolean =>
  a.all >= b.all && a.cheap >= b.cheap && a.fair >= b.fair && a.dear >= b.dear

export const totalsColumns = <Row>(name: string, totals: (row: Row) => Totals): Columns<Row> => ({
  [name]: (row) => totals(row).all,
  [`${name}Rank1`]: (row) => totals(row).cheap,
  [`${name}Rank2`]: (row) => totals(row).fair,
  [`${name}Rank3`]: (row) => totals(row).dear,
})
