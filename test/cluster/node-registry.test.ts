/** What the coordinator makes of what a node says. */

import { Subject } from 'rxjs'
import t from 'tap'
import { NodeRegistry } from '../../actors/coordinator/node-registry.js'
import type { ClusterEvent } from '../../actors/coordinator/protocol.js'
import { CoordinatorLinks } from '../../actors/node/coordinator-links.js'
import type { CoordinatorMethods } from '../../actors/node/protocol.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'
import { createCalls } from '../../lib/transport/calls.js'
import { identityOf, MemoryInternet } from '../support/memory-network.js'

/** A registry with one member, node `a`. */
async function withMember() {
  const clock = createVirtualClock()
  const internet = new MemoryInternet(clock)
  const events$ = new Subject<ClusterEvent>()
  const events: ClusterEvent[] = []
  const lost: string[] = []
  events$.subscribe((event) => events.push(event))
  const registry = new NodeRegistry({
    clock,
    membership: { term: 1, cluster: 'test' },
    events$,
    bundle: async () => null,
    joined: () => {},
    left: () => {},
    peerLost: (node, other) => lost.push(`${node} ${other}`),
    evacuate: async () => {},
  })
  await internet.of(identityOf('coordinator', 'hub')).listen('hub:1', {
    onControl: (link) => registry.acceptControl(link),
    onData: (link) => registry.acceptData(link),
  })
  async function run(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) {
      clock.advance(10)
      await clock.settle()
    }
  }
  const network = internet.of(identityOf('node', 'a'))
  const parts = { network, join: 'ws://hub:1', clock, random: () => 0.5, number: 1 }
  const [links] = await Promise.all([CoordinatorLinks.open(parts), run(100)])
  const calls = createCalls<CoordinatorMethods>({
    link: links.control,
    handlers: {},
    deadlineMs: 1_000,
    clock,
  })
  const facts = { slots: 1, labels: {}, url: 'ws://a:1', version: '1', node: '24', pid: 1 }
  await Promise.all([calls.call('register', [facts]), run(50)])
  return { network, registry, links, calls, events, lost, run }
}

t.test('that a peer was lost is told on, with a reason of bounded length', async (t) => {
  const { calls, events, lost, run } = await withMember()
  calls.tell('peerLost', ['b', 'x'.repeat(9_000)])
  await run(50)
  t.same(lost, ['a b'])
  const event = events.find(({ kind }) => kind === 'PeersApart')
  t.match(event, { node: 'a', other: 'b', reason: 'x'.repeat(500) })
  t.equal((event as { reason: string }).reason.length, 500)
})

t.test('a node that tells something odd of a peer is a member no more', async (t) => {
  const odd: readonly (readonly unknown[])[] = [
    ['b', Object.create(null)],
    ['b'],
    [Object.create(null), 'reset'],
    ['no name!', 'reset'],
    [],
  ]
  for (const args of odd) {
    const { calls, events, lost, run } = await withMember()
    calls.tell('peerLost', args as never)
    await run(50)
    t.same(
      events.map(({ kind }) => kind),
      ['NodeJoined', 'NodeLost'],
    )
    t.same(lost, [])
  }
})

t.test('a dial that was given up and arrives late changes nothing', async (t) => {
  const { network, links, calls, events, run } = await withMember()
  // The answers to them are acknowledged.
  for (let n = 0; n < 3; n++) await Promise.all([calls.call('heartbeat', []), run(300)])
  const late: readonly (readonly unknown[])[] = [
    [3, 1, 0],
    [3, 1, null],
    [3, 0, null],
  ]
  for (const opening of late) {
    const said: unknown[] = []
    void network.dialControl('ws://hub:1').then((connection) => {
      connection.onMessage((message) => said.push(message))
      connection.send(opening)
    })
    await run(100)
    t.same(said, [[5]])
    t.ok(links.control.isUp)
  }
  // Nor is it taken for the one to be listened to.
  for (let n = 0; n < 20; n++) await Promise.all([calls.call('heartbeat', []), run(250)])
  t.same(
    events.map(({ kind }) => kind),
    ['NodeJoined'],
  )
})
