import t from 'tap'
import { Coordinator } from '../../actors/coordinator/coordinator.js'
import { systemClock } from '../../lib/base/clock.js'
import { identityOf, MemoryInternet } from '../support/memory-network.js'
import { until } from '../support/until.js'

t.test('nobody reaches a coordinator that waits for its planner to end', async (t) => {
  const internet = new MemoryInternet(systemClock)
  let plannerEnds: (() => void) | null = null
  const coordinator = new Coordinator({
    network: internet.of(identityOf('coordinator', 'hub')),
    address: '',
    data: t.testdir(),
    cluster: 'test',
    planner: {
      plan: () => Promise.reject(new Error('nothing is planned')),
      close() {
        return new Promise((resolve) => {
          plannerEnds = resolve
        })
      },
    },
  })
  await coordinator.start()
  const { url } = coordinator
  const node = internet.of(identityOf('node', 'a'))
  const dial = () => node.dialControl(url)
  ;(await dial()).close()
  const stopped = coordinator.stop()
  await until(() => plannerEnds !== null)
  await t.rejects(dial(), { code: 'E_CONNECT' })
  plannerEnds!()
  await stopped
})
