/** What is made of slots of two nodes that cannot be joined. */
import t from 'tap'
import { ClusterPool } from '../../actors/coordinator/cluster-pool.js'
import type { Place, RemoteSlot } from '../../actors/coordinator/remote-slot.js'
import { PeerLinks } from '../../actors/node/peer-links.js'
import { MillraceError } from '../../lib/base/errors.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'
import type { Lane } from '../../lib/transport/node-links.js'
import { identityOf, MemoryInternet } from '../support/memory-network.js'

/** A pool of two slots on two nodes, where `connectSlots` fails with that code. */
async function failingWith(code: string) {
  const apart: (readonly [string, string])[] = []
  const calls = {
    call: async (method: string) => {
      if (method === 'connectSlots') throw new MillraceError(code, 'as told', { retryable: true })
    },
  } as unknown as Place['calls']
  const pool = new ClusterPool({
    size: 2,
    life: 'life',
    stallMs: null,
    place: async ({ index }) => ({ node: `node-${index}`, calls }),
    urlOf: () => 'ws://there:1',
    newSession: () => 1,
    foundApart: (pair) => apart.push(pair),
    setUpFailed: () => {},
    onSlot: () => {},
    onEnded: () => {},
  })
  const slots = [pool.create(0), pool.create(1)] as RemoteSlot[]
  const module = { kind: 'bundle', file: 'x', args: {} } as never
  await Promise.all(slots.map(({ commands }) => commands.setUp({} as never, module)))
  await pool.connect(slots[0]!, slots[1]!)
  return { apart, slots }
}

t.test('nodes that say so do not reach each other; one that is busy says nothing', async (t) => {
  const unreached = await failingWith('E_CONNECT')
  t.same(unreached.apart, [['node-0', 'node-1']])
  const busy = await failingWith('E_CALL_TIMEOUT')
  t.same(busy.apart, [])
  await t.rejects(busy.slots[0]!.linked(), { code: 'E_CALL_TIMEOUT' }, 'tried once more')
  t.same(busy.apart, [])
})

t.test('a node says in time that it does not reach another, and keeps no later lane', async (t) => {
  const clock = createVirtualClock()
  const internet = new MemoryInternet(clock)
  const lanes: string[] = []
  const ports = { ofLane: (lane: Lane) => lane as never, pair: () => [] as never }
  const [a, b] = ['a', 'b'].map((id) => {
    const network = internet.of(identityOf('node', id))
    return { network, links: new PeerLinks(network, clock, () => {}, ports) }
  })
  const { url } = await a!.network.listen('a:1', {
    onControl: () => {},
    onData: (link) => a!.links.accept(link),
  })
  const slot = { index: 1, joining: 7, withinMs: 2_500 }
  const said: string[] = []
  const joining = a!.links.join({ ...slot, at: 'x', to: 'y', node: 'b', url: null })
  joining.catch(({ code }) => said.push(code))
  const run = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(50)
      await clock.settle()
    }
  }
  await run(2_400)
  t.same(said, [])
  await run(200)
  t.same(said, ['E_CONNECT'])
  const { port } = await Promise.all([
    b!.links.join({ ...slot, at: 'y', to: 'x', node: 'a', url }),
    run(100),
  ]).then(([joint]) => joint)
  ;(port as unknown as Lane).onClose(() => lanes.push('closed'))
  await run(100)
  t.same(lanes, ['closed'])
})

t.test('a node that is not reached is dialled again at once, and then more slowly', async (t) => {
  const clock = createVirtualClock()
  const internet = new MemoryInternet(clock)
  const ports = { ofLane: (lane: Lane) => lane as never, pair: () => [] as never }
  const network = internet.of(identityOf('node', 'b'))
  const dials: number[] = []
  const counted: typeof network = {
    ...network,
    dialData: (url, expect) => {
      dials.push(clock.now())
      return network.dialData(url, expect)
    },
  }
  const links = new PeerLinks(
    counted,
    clock,
    () => {},
    ports,
    () => 0.5,
  )
  const slot = { at: 'y', to: 'x', index: 1, node: 'a', url: 'ws://a:1', withinMs: 2_500 }
  const run = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 10) {
      clock.advance(10)
      await clock.settle()
    }
  }
  await Promise.all([
    t.rejects(links.join({ ...slot, joining: 7 }), { code: 'E_CONNECT' }),
    run(3_000),
  ])
  const gaps = dials.slice(1).map((atMs, i) => atMs - dials[i]!)
  t.ok(gaps.length >= 4 && gaps[0]! <= 100, `${gaps}`)
  t.ok(
    gaps.every((gap, i) => i === 0 || gap > gaps[i - 1]!),
    'each pause is longer',
  )
  dials.length = 0
  const joining = links.join({ ...slot, joining: 8 })
  await run(200)
  const peer = new PeerLinks(internet.of(identityOf('node', 'a')), clock, () => {}, ports)
  await internet.of(identityOf('node', 'a')).listen('a:1', {
    onControl: () => {},
    onData: (link) => peer.accept(link),
  })
  await Promise.all([joining, run(1_000)])
  t.ok(dials.length > 1)
  const count = dials.length
  const late = links.join({ ...slot, node: 'c', url: 'ws://c:1', joining: 9 })
  await Promise.all([t.rejects(late), run(60).then(() => links.forget('y')), run(3_000)])
  t.ok(dials.length - count <= 3, 'for a slot that is no more nobody is dialled')
})
