import t from 'tap'
import { connect, startCoordinator, startNode } from '../../actors/index.js'

t.test('a node without slots is refused for good, and nothing of it is left', async (t) => {
  const coordinator = await startCoordinator({ data: t.testdir({}), listen: '127.0.0.1:0' })
  t.teardown(() => coordinator.stop())
  const events: string[] = []
  coordinator.events$.subscribe(({ kind }) => events.push(kind))
  await t.rejects(startNode({ join: coordinator.url, slots: 0 }), {
    code: 'E_BAD_NODE',
    message: /expected of a node 1 to \d+ slots, saw 0/,
  })
  const cluster = await connect(coordinator.url)
  t.teardown(() => cluster.close())
  t.same(await cluster.nodes(), [])
  t.notOk(events.includes('NodeJoined'), 'nor has anyone heard of it')
  const node = await startNode({ join: coordinator.url, slots: 1 })
  t.teardown(() => node.stop())
  t.match(await cluster.nodes(), [{ slots: 1 }])
})
