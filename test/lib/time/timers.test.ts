import t from 'tap'
import { Epochs } from '../../../lib/base/epochs.js'
import { createTimers } from '../../../lib/time/timers.js'
import { timerConformance } from '../../conformance/timers.js'

t.test('timers on the heap keep the laws', (t) => timerConformance(t, () => createTimers()))

t.test('they keep them while epochs go on', (t) =>
  timerConformance(t, () => {
    const epochs = new Epochs()
    const timers = createTimers(epochs)
    return new Proxy(timers, {
      get(_, name) {
        epochs.needed = Math.max(0, epochs.now++ - 2)
        const member: unknown = Reflect.get(timers, name, timers)
        return typeof member === 'function' ? member.bind(timers) : member
      },
    })
  }),
)

t.test('the key of a timer does not keep the string it was cut from', async (t) => {
  const timers = createTimers()
  const big = 'x'.repeat(1_000)
  timers.register(0, big.slice(10, 40), 1)
  t.equal(timers.takeDue(1)?.key, 'x'.repeat(30))
})
