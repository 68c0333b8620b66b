/** Restart counts go on in another process, whose clock has nothing in common with the first. */
import t from 'tap'
import type { Restarts } from '../../../lib/supervision/decision.js'
import { noIntensity } from '../../../lib/supervision/intensity.js'
import { keepRestarts, recallRestarts } from '../../../lib/supervision/kept-restarts.js'
import { QUIET_MS } from '../../../lib/supervision/restart-count.js'

const counted = (restarts: number, lastFailureMs: number): Restarts => ({
  count: { restarts, lastFailureMs },
  intensity: noIntensity,
})

t.test('what was counted is as long ago on the next clock', async (t) => {
  const kept = keepRestarts(new Map([['region 0', counted(3, 900)]]), {
    nowMs: 1_000,
    wallMs: 50_000,
  })
  t.same(kept, [{ group: 'region 0', restarts: 3, lastFailureMs: 49_900 }])
  const recalled = recallRestarts(kept, { nowMs: 7, wallMs: 52_000 })
  t.same(recalled.get('region 0')?.count, { restarts: 3, lastFailureMs: 7 - 2_100 })
})

t.test('what has been quiet for long is not kept', async (t) => {
  const moment = { nowMs: QUIET_MS + 5, wallMs: 0 }
  const restartsOf = new Map([
    ['region 0', counted(3, 5)],
    ['region 1', counted(0, 0)],
    ['region 2', counted(1, 6)],
  ])
  t.same(
    keepRestarts(restartsOf, moment).map(({ group }) => group),
    ['region 2'],
  )
})

t.test('where the wall clock was set back, the failure was just now', async (t) => {
  const kept = [{ group: 'region 0', restarts: 1, lastFailureMs: 5_000 }]
  const recalled = recallRestarts(kept, { nowMs: 70, wallMs: 1_000 })
  t.same(recalled.get('region 0')?.count, { restarts: 1, lastFailureMs: 70 })
})
