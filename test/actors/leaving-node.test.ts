/** A node that leaves or stops has no threads started that nobody will use. */
import t, { type Test } from 'tap'
import { Coordinator } from '../../actors/coordinator/coordinator.js'
import { HostedSlots, type Office } from '../../actors/node/hosted-slots.js'
import { ClusterNode } from '../../actors/node/node.js'
import { NodeCopies } from '../../actors/node/node-copies.js'
import type { NodeParts } from '../../actors/node/node-parts.js'
import type { RemoteSetup } from '../../actors/node/protocol.js'
import type { SlotGround } from '../../actors/node/slot-ground.js'
import type { Slot } from '../../actors/worker/protocol.js'
import { systemClock } from '../../lib/base/clock.js'
import { identityOf, MemoryInternet } from '../support/memory-network.js'

/** Of a node of three slots, and what becomes of the ground that they stand on. */
function partsOf(internet: MemoryInternet, join: string) {
  const log: string[] = []
  const slot = {
    commands: { setUp: async () => {} },
    kill: async () => void log.push('a slot ends'),
  } as unknown as Slot
  const ground: SlotGround = {
    clock: systemClock,
    open: () => slot,
    expect: (slots) => log.push(`expects ${slots}`),
    close: async () => void log.push('closed'),
  }
  const network = internet.of(identityOf('node', 'a'))
  const parts: NodeParts = {
    network,
    join,
    address: '',
    slots: 3,
    labels: {},
    version: '0.1.0',
    ground,
  }
  return { log, parts }
}

const office = { control: { tell: () => {} }, bulk: {}, isPaused: false } as unknown as Office
const setup = {
  plan: { chains: [], edges: [] },
  slot: 0,
  slots: 1,
  settings: { state: { backend: 'heap' } },
} as unknown as RemoteSetup

async function withOneSlot(t: Test) {
  const { log, parts } = partsOf(new MemoryInternet(systemClock), '')
  const copies = new NodeCopies(null, { clock: systemClock, read: () => {}, failed: () => {} })
  const slots = new HostedSlots({
    parts,
    clock: systemClock,
    bundles: { fetch: async () => 'file' },
    copies,
    tell: () => {},
    peerLost: () => {},
  })
  t.teardown(() => copies.close())
  await slots.start(office, 'one', setup)
  t.same(log.splice(0), ['expects 2'])
  return { log, slots }
}

t.test(
  'threads that wait end before the slots do, so that nothing takes one any more',
  async (t) => {
    const { log, slots } = await withOneSlot(t)
    await slots.end('the node stops')
    t.same(log, ['closed', 'expects 0', 'a slot ends'])
  },
)

t.test('a node that leaves expects no slots where others have ended', async (t) => {
  const { log, slots } = await withOneSlot(t)
  slots.expectNoMore()
  await slots.kill('one', 'it has moved')
  t.same(log, ['expects 0', 'expects 0', 'a slot ends'])
  await slots.end('the node stops')
})

t.test('a node expects slots from when it joins until it leaves', async (t) => {
  const internet = new MemoryInternet(systemClock)
  const coordinator = new Coordinator({
    network: internet.of(identityOf('coordinator', 'hub')),
    address: '',
    data: t.testdir(),
    cluster: 'test',
    planner: { plan: () => Promise.reject(new Error('nothing is planned')), close: async () => {} },
  })
  await coordinator.start()
  t.teardown(() => coordinator.stop())
  const { log, parts } = partsOf(internet, coordinator.url)
  const node = new ClusterNode(parts)
  await node.start()
  await node.leave(10_000)
  t.same(log, ['expects 3', 'expects 0', 'closed'])
})
