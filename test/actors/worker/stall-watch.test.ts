import t from 'tap'
import { type SubtaskStalled, watchForStalls } from '../../../actors/worker/stall-watch.js'
import { MillraceError } from '../../../lib/base/errors.js'
import { column, counterRow, createCounterTable } from '../../../lib/metrics/counters.js'
import { createVitalsMemory, vitalsIn } from '../../../lib/metrics/vitals.js'
import { createVirtualClock } from '../../../lib/testing/virtual-clock.js'

t.test('a stall is reported, and its subtask ended, though its stack cannot be told', async (t) => {
  const clock = createVirtualClock()
  const counters = createCounterTable(1)
  counterRow(counters, 0)[column.inTurn] = 1
  const reports: SubtaskStalled[] = []
  const kills: MillraceError[] = []
  const stop = watchForStalls({
    subtasks: [{ chain: 0, index: 0, row: 0, operator: 'map' }],
    counters,
    vitals: vitalsIn(createVitalsMemory()),
    stallMs: 2_000,
    clock,
    stack: async () => {
      throw new MillraceError('E_TEST', 'no path of this machine')
    },
    onStalled: (event) => reports.push(event),
    onKill: (error) => kills.push(error),
  })
  t.teardown(stop)
  clock.advance(3_000)
  await clock.settle()
  t.match(reports, [{ kind: 'SubtaskStalled', subtask: { chain: 0, index: 0 }, stack: null }])
  t.match(kills, [{ code: 'E_STALLED' }])
})
