import { ok } from 'node:assert/strict'
import t from 'tap'

/**
 * Where the random choices of a test begin: at `MILLRACE_SEED`, which repeats a run, else at `usual`, else anywhere. The
 * output says where. Properties of fast-check begin there after `fc.configureGlobal({ seed: testSeed() })`.
 */
export function testSeed(usual = Math.floor(Math.random() * 2 ** 31)): number {
  const seed = Number(process.env.MILLRACE_SEED ?? usual)
  ok(
    Number.isSafeInteger(seed),
    `MILLRACE_SEED must be an integer, not ${process.env.MILLRACE_SEED}`,
  )
  t.comment(`MILLRACE_SEED=${seed}`)
  return seed
}
