/** Restarts count until a checkpoint lies beyond the failure: by hand, and in whole jobs. */
import t from 'tap'
import { runHere } from '../../../actors/job/run.js'
import { seededRandom } from '../../../lib/base/random.js'
import { blackhole, generate } from '../../../lib/connectors/index.js'
import { map, pipeline } from '../../../lib/index.js'
import { RegionProgress } from '../../../lib/job/region-progress.js'
import { MemoryChunkStore } from '../../../lib/snapshot/memory-chunk-store.js'
import { createVirtualClock } from '../../../lib/testing/virtual-clock.js'

t.test('a checkpoint before the failing position is no progress, one beyond it is', async (t) => {
  const progress = new RegionProgress(2)
  progress.triggered(1, [60, 5])
  t.same(progress.completed(1), [], 'nothing has failed yet')
  progress.failed(0, 100)
  progress.triggered(2, [40, 7])
  t.same(progress.completed(2), [], 'as far as the failure, not beyond')
  progress.failed(0, 45)
  progress.triggered(3, [5, 9])
  t.same(progress.completed(3), [], 'an earlier failure hides no later one')
  progress.triggered(4, [6, 9])
  t.same(progress.completed(4), [0])
  progress.triggered(5, [9, 9])
  t.same(progress.completed(5), [], 'it is told once')
})

t.test('who goes on with what another has seen fail knows what lies beyond', async (t) => {
  const before = new RegionProgress(2)
  before.failed(1, 30)
  t.same(before.kept, [
    { failedAt: null, savedAt: 0 },
    { failedAt: 30, savedAt: 0 },
  ])
  const progress = new RegionProgress(2, before.kept)
  progress.triggered(7, [90, 30])
  t.same(progress.completed(7), [])
  progress.triggered(8, [90, 31])
  t.same(progress.completed(8), [1])
  t.notOk(progress.hasFailed)
})

t.test('and begins anew at the newest round of the attempt that is no more', async (t) => {
  for (const isAdopted of [false, true]) {
    const before = new RegionProgress(1)
    before.failed(0, 100)
    before.triggered(1, [70])
    t.same(before.completed(1), [])
    const progress = new RegionProgress(1, before.kept, isAdopted)
    const behind = isAdopted ? 70 : 0
    progress.triggered(2, [behind + 30])
    t.same(progress.completed(2), [], 'as far as the failure')
    progress.triggered(3, [behind + 31])
    t.same(progress.completed(3), [0], 'what was read behind that round is not read again')
  }
})

t.test(
  'a round that is complete after the failure is what the next attempt begins at',
  async (t) => {
    const progress = new RegionProgress(1)
    progress.triggered(1, [60])
    progress.completed(1)
    progress.triggered(2, [90])
    progress.failed(0, 100)
    t.same(progress.completed(2), [], 'it lies before the failure')
    progress.triggered(3, [10])
    t.same(progress.completed(3), [])
    progress.triggered(4, [11])
    t.same(progress.completed(4), [0])
  },
)

t.test('what fails once more before it runs has got no further', async (t) => {
  const progress = new RegionProgress(1)
  progress.triggered(1, [80])
  progress.completed(1)
  progress.failed(0, 100)
  progress.failed(0, 0)
  progress.triggered(2, [21])
  t.same(progress.completed(2), [0])
})

t.test('what an attempt had read under another coordinator is not in the way', async (t) => {
  const kept = [null, 30, null].map((failedAt) => ({ failedAt, savedAt: 0 }))
  const progress = new RegionProgress(3, kept, true)
  // Of the first it is not known how many of these lie behind the newest snapshot.
  progress.failed(0, 1_000_000)
  const failures = () => progress.kept.map(({ failedAt }) => failedAt)
  t.same(failures(), [0, 30, null])
  progress.failed(1, 1_000_000)
  t.same(failures(), [0, 30, null], 'what was in the way before still is')
  progress.triggered(7, [1, 31, 2_000_000])
  t.same(progress.completed(7), [0, 1])
  progress.failed(2, 2_000_005)
  t.same(progress.kept[2], { failedAt: 5, savedAt: 0 }, 'from its first round on it is known')
})

t.test('a round that was abandoned says nothing', async (t) => {
  const progress = new RegionProgress(1)
  progress.failed(0, 3)
  progress.triggered(1, [9])
  progress.abandoned(1)
  t.same(progress.completed(1), [])
})

async function run(failsAt: (n: number, attempt: number) => boolean) {
  const clock = createVirtualClock()
  const attempts = new Map<number, number>()
  const job = runHere(
    pipeline('fails', (flow) => {
      flow
        .from(generate(3_000, (n) => n, { perSecond: 1_000, splits: 1 }))
        .pipe(
          map((n) => {
            const attempt = attempts.get(n) ?? 0
            attempts.set(n, attempt + 1)
            if (failsAt(n, attempt)) throw new Error(`record ${n}`)
            return n
          }),
        )
        .to(blackhole())
    }),
    {
      stallWatch: false,
      settings: { accountIntervalMs: 0 },
      checkpoint: { directory: 'memory', interval: 50 },
      restore: 'latest',
    },
    { clock, random: seededRandom(1), openStore: async () => new MemoryChunkStore() },
  )
  let outcome: string | null = null
  let restarts = 0
  job.events$.subscribe(({ kind }) => {
    if (kind === 'RegionRestarting') restarts++
  })
  job.done.then(
    ({ state }) => {
      outcome = state
    },
    (error: Error) => {
      outcome = error.message
    },
  )
  while (outcome === null) {
    await clock.settle()
    if (outcome === null) clock.runNext()
  }
  return { outcome: outcome as string, restarts }
}

t.test('failures at ever new records are survived, one at the same record is not', async (t) => {
  const ever = await run((n, attempt) => n % 300 === 299 && attempt === 0)
  t.equal(ever.outcome, 'Finished')
  t.equal(ever.restarts, 10, 'more than the three restarts without progress that are allowed')
  const poison = await run((n) => n === 1_500)
  t.match(poison.outcome, /record 1500/)
  t.equal(poison.restarts, 3)
})
