import t from 'tap'
import { EndingClock } from '../../../lib/base/ending-clock.js'
import { createVirtualClock } from '../../../lib/testing/virtual-clock.js'

t.test('until it ends it is the clock below', async (t) => {
  const base = createVirtualClock()
  const clock = new EndingClock(base)
  const ran: string[] = []
  clock.after(10, () => ran.push('after 10'))
  const cancel = clock.after(20, () => ran.push('cancelled'))
  clock.soon(() => ran.push('soon'))
  cancel()
  base.advance(30)
  t.same(ran, ['soon', 'after 10'])
  t.equal(clock.now(), base.now())
  t.equal(clock.wallTime(), base.wallTime())
})

t.test(
  'with it end its timers, and those set from then on, but not what is to run soon',
  async (t) => {
    const base = createVirtualClock()
    const clock = new EndingClock(base)
    const ran: string[] = []
    const cancel = clock.after(10, () => ran.push('before'))
    base.after(10, () => ran.push('of others'))
    clock.soon(() => ran.push('soon'))
    clock.end()
    t.equal(base.timers, 1)
    clock.after(10, () => ran.push('behind'))()
    clock.after(10, () => ran.push('behind'))
    cancel()
    t.equal(base.timers, 1)
    base.advance(30)
    t.same(ran, ['soon', 'of others'])
  },
)
