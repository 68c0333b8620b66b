/** A job that stops into a directory which fails at the last moment. */
import t from 'tap'
import { runHere } from '../../actors/job/run.js'
import { collect } from '../../actors/testing/index.js'
import { seededRandom } from '../../lib/base/random.js'
import { generate } from '../../lib/connectors/index.js'
import { keyBy, map, pipeline, scan } from '../../lib/index.js'
import { MemoryChunkStore } from '../../lib/snapshot/memory-chunk-store.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'
import { live } from '../support/simulated-life.js'

const ROWS = 500

t.test('it has stopped, behind a checkpoint of its own, and goes on from there', async (t) => {
  const own = new MemoryChunkStore({ place: 'checkpoints' })
  const saved = new MemoryChunkStore({ place: 'saved' })
  saved.commit = () => Promise.reject(new Error('the disk is full'))
  const begin = () => {
    const clock = createVirtualClock()
    const seen = collect<number>()
    const job = runHere(
      pipeline('counts', (flow) => {
        flow
          .from(generate(ROWS, (n) => n, { perSecond: 1_000 }))
          .pipe(
            keyBy(() => 'all'),
            scan((count) => count + 1, 0, { name: 'counts' }),
            map(([, count]) => count),
          )
          .to(seen)
      }),
      {
        stallWatch: false,
        restore: 'latest',
        checkpoint: { directory: 'checkpoints', interval: 20, retained: 1 },
      },
      {
        clock,
        random: seededRandom(1),
        pick: seededRandom(1),
        openStore: async (directory) => (directory === 'saved' ? saved : own),
      },
    )
    return { clock, seen, job }
  }
  const first = begin()
  let refused: Error | null = null
  first.clock.after(200, () => {
    first.job.stop('saved').catch((error: Error) => {
      refused = error
    })
  })
  t.equal(await live(first.job, first.clock, () => true), 'done')
  t.match(await first.job.done, { state: 'Stopped' })
  t.match(refused, { code: 'E_SNAPSHOT_ABANDONED', message: /has stopped .* the disk is full$/ })
  t.equal((await own.manifests()).length, 1, 'those before are retired')
  const second = begin()
  t.equal(await live(second.job, second.clock, () => true), 'done')
  t.same(
    [...first.seen.records, ...second.seen.records],
    Array.from({ length: ROWS }, (_, i) => i + 1),
  )
})
