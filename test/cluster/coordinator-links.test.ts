/** Links to a coordinator that takes connections and answers nothing on them. */
import t from 'tap'
import { CoordinatorLinks } from '../../actors/node/coordinator-links.js'
import { EndingClock } from '../../lib/base/ending-clock.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'
import { identityOf, MemoryInternet } from '../support/memory-network.js'
import { outcomeOf } from '../support/outcome-of.js'

/** Before a connection is there, and while an answer is waited for. */
for (const stopsMs of [0, 1, 50]) {
  t.test(`whose node stops ${stopsMs} ms after it has dialled leave no connection`, async (t) => {
    const base = createVirtualClock()
    const clock = new EndingClock(base)
    const internet = new MemoryInternet(base)
    const silent = { onControl: () => {}, onData: () => {} }
    await internet.of(identityOf('coordinator', 'hub')).listen('hub:1', silent)
    const stopping = new AbortController()
    const network = internet.of(identityOf('node', 'a'))
    const opened = outcomeOf(
      CoordinatorLinks.open({
        network,
        join: 'ws://hub:1',
        clock,
        random: () => 0.5,
        number: 1,
        stopping: stopping.signal,
      }),
    )
    await base.settle()
    base.advance(stopsMs)
    await base.settle()
    stopping.abort()
    clock.end()
    base.advance(10_000)
    await base.settle()
    t.equal(internet.openOf('a'), 0)
    t.match(opened, { isOver: true, code: /E_PEER_LOST|E_LINK_CLOSED/ })
  })
}
