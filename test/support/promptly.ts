import type { Test } from 'tap'

/**
 * How many times longer than promised something may take in a test. What is promised is measured by the
 * benchmarks on a quiet machine. A test runs beside whatever else there is; it only has to tell "at once"
 * from "after what should not have been waited for".
 */
const SLACK = 8

/** Asserts that `what` took about `promisedMs` milliseconds, and says how long it really took. */
export function promptly(t: Test, what: string, tookMs: number, promisedMs: number): void {
  t.comment(`${what} after ${Math.round(tookMs)} ms`)
  t.ok(tookMs <= promisedMs * SLACK, `${what}, promised within ${promisedMs} ms`)
}

/** As above for the best of several: what else ran here has hardly hit them all. */
const SLACK_OF_BEST = 2

/** Asserts that the quickest of several times `what` took no more than twice as long as promised. */
export function bestPromptly(
  t: Test,
  what: string,
  tookMs: readonly number[],
  promisedMs: number,
): void {
  t.comment(`${what} after ${tookMs.map(Math.round).join(', ')} ms`)
  const limitMs = promisedMs * SLACK_OF_BEST
  t.ok(Math.min(...tookMs) <= limitMs, `${what}, promised within ${promisedMs} ms`)
}
