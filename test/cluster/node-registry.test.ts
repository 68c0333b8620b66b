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

const FACTS = { slots: 1, labels: {}, url: 'ws://a:1', version: '1', node: '24', pid: 1 }

/** A registry with one member, node `a`, that has registered. */
async function withMember() {
  const world = await withGuest()
  await Promise.all([world.calls.call('register', [FACTS, []]), world.run(50)])
  return world
}

/** A registry, and node `a` that has said nothing yet. */
async function withGuest() {
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
    wanted: () => [],
    kept: () => {},
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
  const stopping = new AbortController().signal
  const parts = { network, join: 'ws://hub:1', clock, random: () => 0.5, number: 1, stopping }
  const [links] = await Promise.all([CoordinatorLinks.open(parts), run(100)])
  const calls = createCalls<CoordinatorMethods>({
    link: links.control,
    handlers: {},
    deadlineMs: 1_000,
    clock,
  })
  return { internet, network, registry, links, calls, events, lost, run }
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

t.test('a node says who it is within limits, or is refused and told what is wrong', async (t) => {
  const { calls, events, registry, run } = await withGuest()
  const good = [
    { slots: 1024 },
    { labels: { zone: 'Zürich 1', 'a.b': '' } },
    { url: `ws://${'h'.repeat(250)}:65535` },
    { url: 'wss://[::1]:7000' },
    { version: '1.0.0-rc.1+build' },
  ]
  for (const some of good) {
    await Promise.all([calls.call('register', [{ ...FACTS, ...some }, []]), run(50)])
    t.equal(registry.nodes.length, 1)
  }
  const joined = events.length
  const labels = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, '']))
  const odd: readonly (readonly [unknown, RegExp])[] = [
    [null, /facts about itself, saw null/],
    [[], /facts about itself, saw \[\]/],
    [{ ...FACTS, slots: 0 }, /1 to 1024 slots, saw 0/],
    [{ ...FACTS, slots: 10n }, /slots, saw 10n/],
    [{ ...FACTS, slots: 1.5 }, /slots, saw 1.5/],
    [{ ...FACTS, slots: '4' }, /slots, saw '4'/],
    [{ ...FACTS, labels: null }, /labels by name, saw null/],
    [{ ...FACTS, labels }, /at most 64 labels, saw 65/],
    [{ ...FACTS, labels: { '../x': 'y' } }, /a label with a name .*, saw '..\/x'/],
    [{ ...FACTS, labels: { zone: 'a\u001b[2J' } }, /for label zone .* printable/],
    [{ ...FACTS, labels: { zone: 'a\u202eb' } }, /for label zone/],
    [{ ...FACTS, labels: { zone: 'x'.repeat(256) } }, /for label zone up to 255 .*, saw 'x{79}…/],
    [{ ...FACTS, labels: { zone: 1 } }, /for label zone/],
    [{ ...FACTS, url: 'http://a:1' }, /a url such as ws:.* saw 'http:/],
    [{ ...FACTS, url: 'ws://user:secret@a:1' }, /a url such as/],
    [{ ...FACTS, url: 'ws://a:1/../../etc/passwd' }, /a url such as/],
    [{ ...FACTS, url: `ws://${'h'.repeat(300)}:1` }, /a url such as/],
    [{ ...FACTS, url: undefined }, /a url such as/],
    [{ ...FACTS, version: '' }, /a version of 1 to 64/],
    [{ ...FACTS, version: '1\n2' }, /a version of 1 to 64/],
    [{ ...FACTS, version: { length: 1 } }, /a version of 1 to 64/],
    [{ ...FACTS, node: 'v'.repeat(65) }, /a version of Node.js/],
    [{ ...FACTS, pid: -1 }, /the number of a process, saw -1/],
    [{ ...FACTS, pid: '1' }, /the number of a process/],
  ]
  for (const [facts, message] of odd) {
    const refusal = t.rejects(calls.call('register', [facts as never, []]), {
      code: 'E_BAD_NODE',
      message,
    })
    await Promise.all([refusal, run(50)])
  }
  t.equal(events.length, joined)
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

t.test('only the process that is a member goes on over another connection', async (t) => {
  /** What the registry answers who asks to go on with membership 1, of which it has heard nothing. */
  const answerTo = async (incarnation: string) => {
    const { internet, events, run } = await withMember()
    const said: unknown[] = []
    const network = internet.of(identityOf('node', 'a', incarnation))
    void network.dialControl('ws://hub:1').then((connection) => {
      connection.onMessage((message) => said.push(message))
      connection.send([3, 1, 0])
    })
    await run(100)
    return { answer: (said[0] as readonly number[])[0], returned: events.at(-1)!.kind }
  }
  t.same(await answerTo('a-1'), { answer: 4, returned: 'NodeReturned' })
  t.same(await answerTo('a-2'), { answer: 5, returned: 'NodeJoined' })
})
