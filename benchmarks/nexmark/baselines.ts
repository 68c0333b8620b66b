/**
 * What a query is compared with: the loop that a good programmer would write for it, in one thread, in
 * memory, over the same files by the same reader (McSherry, Isard, Murray: "Scalability! But at what
 * COST?", 2015). It relies on all that a query cannot: one partition, in order of time.
 */
import type { Baseline } from './baseline.js'
import { q0, q1, q2, q14, q21, q22 } from './loops-of-bids.js'
import { q3, q5, q8, q11, q17, q18 } from './loops-with-state.js'
import type { Cell } from './row-text.js'

/** By the query that each stands beside. */
export const BASELINES: Readonly<Record<string, Baseline>> = {
  q0,
  q1,
  q2,
  q3,
  q5,
  q8,
  q11,
  q14,
  q17,
  q18,
  q21,
  q22,
}

/** Queries whose third column is a price in thousandths. */
const IN_THOUSANDTHS = ['q1', 'q14']

/** The canonical text of a baseline's row. */
export function baselineText(query: string, row: readonly Cell[]): string {
  if (!IN_THOUSANDTHS.includes(query)) return row.join('|')
  return row.map((cell, at) => (at === 2 ? decimal3(cell as number) : cell)).join('|')
}

/** Thousandths as a number with three decimals. */
const decimal3 = (thousandths: number): string => (thousandths / 1000).toFixed(3)
