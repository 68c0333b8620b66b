/** `results$` over a cluster: a record that is too large for a message comes as it is, or fails its sink. */
import t, { type Test } from 'tap'
import { generate, results } from '../../lib/connectors/index.js'
import { pipeline } from '../../lib/index.js'
import type { Failure } from '../../lib/supervision/failure.js'
import { followedJob } from '../support/followed-job.js'
import { testSeed } from '../support/test-seed.js'

t.setTimeout(400_000)

const SEED = testSeed(1)

/**
 * A job that publishes `count` records, behind one that may be missed, followed by a client. `ended`: its
 * state, or why not.
 */
async function publishing(t: Test, next: (i: number) => unknown, count: number) {
  const all = generate(count + 1, (i) => (i === 0 ? null : next(i - 1)), { perSecond: 10 })
  const large = () => pipeline('large', (flow) => flow.from(all).to(results()))
  const { cluster, job } = await followedJob(t, {
    seed: SEED,
    id: 'large-00000001',
    pipeline: large,
    options: { supervise: { maxRestarts: 0 } },
    ranMs: 50,
  })
  const seen: unknown[] = []
  const take = (record: unknown) => record !== null && seen.push(record)
  job.results$.subscribe({ next: take, error: () => {} })
  const ended = async () => {
    let end = ''
    job.done.then(
      ({ state }) => {
        end = state
      },
      (error) => {
        end = error.code
      },
    )
    await cluster.runUntil(() => end !== '', 100_000)
    return end
  }
  return { job, seen, ended }
}

t.test('records of any size up to the limit come out of a job as they are', async (t) => {
  const sizes = [10, 1_500_000, 20, 5_000_000, 30, 900_000, 1_048_500, 40]
  const { seen, ended } = await publishing(t, (i) => 'x'.repeat(sizes[i]!), sizes.length)
  t.same(await ended(), 'Finished')
  t.same(
    seen.map((record) => (record as string).length),
    sizes,
  )
})

t.test('a record that is cheap to send and dear to read comes as it is, too', async (t) => {
  const { seen, ended } = await publishing(t, (i) => Array.from({ length: 400_000 }, () => i), 2)
  t.same(await ended(), 'Finished')
  t.same(
    (seen as number[][]).map((all) => [all.length, all.at(-1)]),
    [
      [400_000, 0],
      [400_000, 1],
    ],
  )
})

t.test('a record above the limit fails its sink, which says what and how large', async (t) => {
  const { job, ended } = await publishing(t, () => 'x'.repeat(17_000_000), 1)
  const failures: Failure[] = []
  job.failures$.subscribe((failure) => failures.push(failure))
  t.same(await ended(), 'E_RECORD_TOO_LARGE')
  t.match(failures[0]?.operator, /results$/)
  t.match(failures[0]?.error.message, /17000005 bytes.* 16777216 at most/)
})
