import { ok } from 'node:assert/strict'
import t from 'tap'

/** One for all that draw in this process, so that one seed repeats them. */
const DRAWN = Math.floor(Math.random() * 2 ** 31)

/**
 * Where the random choices of a test begin: at `MILLRACE_SEED`, which repeats a run, else at `usual`, else anywhere. The
 * output says where; within a test it would only as that ends, so a file takes its seed as it is loaded. Properties of
 * fast-check begin there after `fc.configureGlobal({ seed: testSeed() })`.
 */
export function testSeed(usual?: number): number {
  const given = process.env.MILLRACE_SEED
  const seed = Number(given ?? usual ?? DRAWN)
  ok(Number.isSafeInteger(seed), `MILLRACE_SEED must be an integer, not ${given}`)
  const isUsual = given === undefined && usual !== undefined
  t.comment(isUsual ? `seed ${seed}, as always without MILLRACE_SEED` : `MILLRACE_SEED=${seed}`)
  return seed
}
