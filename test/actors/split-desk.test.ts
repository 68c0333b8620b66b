import t from 'tap'
import { SplitDesk } from '../../actors/job/split-desk.js'
import type { Plan } from '../../lib/graph/plan.js'

const plan = { chains: [{ parallelism: 1 }] } as unknown as Plan
const subtask = { chain: 0, index: 0 }
const listing = { splits: [{ id: 'all', data: {} }], concurrent: true }

t.test(
  'what a former attempt was handed is not missing from a round of the present one',
  async (t) => {
    const asked: number[] = []
    const desk = new SplitDesk(plan, {
      enumerate: (_subtask, attempt) => asked.push(attempt),
      assign: () => {},
    })
    desk.begins([0], 1)
    desk.requested(subtask, 1)
    desk.listed(0, 1, listing)
    t.same(desk.unassigned.get(0)?.splits, [], 'all is handed out')
    desk.begins([0], 2)
    t.notOk(desk.unassigned.has(0), 'nothing is known of the present attempt before it has asked')
    desk.requested(subtask, 2)
    t.same(asked, [1, 2])
  },
)

t.test('an attempt that begins in several slots begins once', async (t) => {
  const desk = new SplitDesk(plan, { enumerate: () => {}, assign: () => {} })
  desk.restore(0, 2, { concurrent: true, splits: [] })
  desk.begins([0], 2)
  t.ok(desk.unassigned.has(0))
})
