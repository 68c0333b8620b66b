import { MessageChannel } from 'node:worker_threads'
import t from 'tap'
import { createInlet } from '../../../lib/channel/inlet.js'
import {
  createLinkRouter,
  FRAMES_PER_POLL,
  type LinkRouter,
} from '../../../lib/channel/link-router.js'
import { createOutlet } from '../../../lib/channel/outlet.js'
import { createCreditLedger } from '../../../lib/credit/ledger.js'
import { type Batch, batch, end } from '../../../lib/operators/signal.js'
import { createLoopback } from '../../../lib/transport/loopback.js'
import { createMessagePortLink } from '../../../lib/transport/message-port.js'
import type { Link } from '../../../lib/transport/transport.js'
import { numbers, takeAll, testChannel } from '../../conformance/channel.js'
import { until } from '../../support/until.js'

const ID = { edge: 1, from: 0, to: 2 }

interface Slots {
  /** Of slot `left`, which sends, and of slot `right`. */
  readonly routers: readonly [LinkRouter, LinkRouter]
  readonly links: readonly [Link, Link]
  settle(): void
}

/** Two slots with a link between them. */
function openSlots(sessions: readonly [number, number] = [1, 1], sealed = false): Slots {
  const routers = [createLinkRouter(), createLinkRouter()] as const
  const links = createLoopback()
  routers[0].attach(links[0], { session: sessions[0], sealed })
  routers[1].attach(links[1], { session: sessions[1], sealed })
  const settle = () => {
    while (routers.map((router) => router.poll()).includes(true)) {}
  }
  return { routers, links, settle }
}

/** One channel from slot `left` to slot `right`. */
function openChannel(
  slots: Slots,
  {
    exclusive = 2,
    floating = 0,
    attempts = [1, 1],
    keys = 'shipped' as 'shipped' | 'derived' | 'dropped',
  } = {},
) {
  const { accounts } = createCreditLedger({ channels: 1, exclusive, floating })
  const [left, right] = slots.routers
  const input = right.openInput({
    id: ID,
    attempt: attempts[1]!,
    peer: 'left',
    credits: accounts[0]!,
  })
  const output = left.openOutput({
    id: ID,
    attempt: attempts[0]!,
    peer: 'right',
    exclusive,
    operator: 'split',
    keys,
  })
  const failures: unknown[] = []
  input.onFailure = (error) => failures.push(error)
  output.onFailure = (error) => failures.push(error)
  return { ...slots, input, output, failures }
}

testChannel(t, 'a channel over a link', (settings) => openChannel(openSlots(), settings))

t.test('a batch larger than a frame takes several frames, and arrives whole', async (t) => {
  const pair = openChannel(openSlots(), { exclusive: 1, floating: 2 })
  const records = numbers(0, 1000).map((n) => `${n} ${'x'.repeat(300)}`)
  pair.output.pushBatch(batch(records))
  t.equal(pair.output.writable, false, 'each frame needs its credit')
  const taken = takeAll(pair) as unknown[][]
  t.ok(taken.length >= 5, `${taken.length} frames`)
  t.same(taken.flat(), records)
  t.equal(pair.input.sequence, taken.length)
})

t.test('a record larger than a frame arrives whole, in fragments with a credit each', async (t) => {
  const pair = openChannel(openSlots(), { exclusive: 1 })
  const huge = { id: 2, text: 'é'.repeat(400_000) }
  const records = [{ id: 1, text: 'a' }, huge, { id: 3, text: 'c' }]
  pair.output.pushBatch(batch(records, [1, 2, 3], Uint16Array.of(4, 5, 6)))
  pair.output.signal(end)
  pair.settle()
  t.equal(pair.output.writable, false)
  const taken: unknown[] = []
  const keys: unknown[] = []
  while (taken.length < 3) {
    const signal = pair.input.take()
    if (signal?.tag === 0) {
      taken.push(...signal.records)
      keys.push(...signal.keys!, ...signal.groups!)
    }
    pair.settle()
  }
  t.same(taken, records)
  t.same(keys, [1, 4, 2, 5, 3, 6])
  t.equal(pair.input.sequence, 3, 'fragments are not batches')
  t.same(pair.input.take(), end)
  t.same(pair.failures, [])
})

t.test('keys travel with groups, or groups alone, or neither', async (t) => {
  const sent = batch(numbers(0, 200), numbers(0, 200), new Uint16Array(200).fill(7))
  for (const [keys, hasKeys, hasGroups] of [
    ['shipped', true, true],
    ['derived', false, true],
    ['dropped', false, false],
  ] as const) {
    const pair = openChannel(openSlots(), { keys })
    pair.output.pushBatch(sent)
    pair.settle()
    const taken = pair.input.take() as Batch
    t.same(taken.records, sent.records)
    t.same(taken.keys, hasKeys ? sent.keys : null)
    t.same(taken.groups, hasGroups ? sent.groups : null)
  }
})

t.test(
  'a record that cannot travel is an error of its sender, with operator and field',
  async (t) => {
    const expected = { code: 'E_CANNOT_TRAVEL', details: { operator: 'split' } }
    const bad = batch([{ id: 1, run: () => 1 }])
    const { output } = openChannel(openSlots())
    output.pushBatch(bad)
    t.throws(() => output.flush(), expected)
    const waiting = openChannel(openSlots(), { exclusive: 1 })
    waiting.output.pushBatch(batch(numbers(0, 500)))
    waiting.output.pushBatch(bad)
    waiting.output.flush()
    t.same(waiting.failures, [])
    takeAll(waiting)
    t.match(waiting.failures, [expected], 'also when it had to wait for credit')
  },
)

t.test('on a sealed link a damaged frame passes nothing', async (t) => {
  for (const at of [2, 30, 45, 80]) {
    const slots = openSlots([1, 1], true)
    const { output, input, failures } = openChannel(slots)
    output.pushBatch(batch(numbers(0, 500)))
    const frame = slots.links[1].poll()!
    new Uint8Array(frame)[at]! ^= 4
    slots.links[0].send(frame)
    slots.settle()
    t.equal(input.take(), null)
    t.match(failures[0], { code: 'E_CHANNEL_LOST', cause: { code: 'E_LINK_DAMAGED' } })
  }
})

t.test('a damaged batch fails its channel when it is taken', async (t) => {
  const slots = openSlots()
  const { output, input, failures } = openChannel(slots)
  output.pushBatch(batch(numbers(0, 500)))
  const frame = slots.links[1].poll()!
  slots.links[0].send(frame.slice(0, frame.byteLength - 8))
  slots.settle()
  t.equal(input.readable, true)
  t.equal(input.take(), null)
  t.match(failures, [{ code: 'E_CHANNEL_BROKEN', cause: { code: 'E_BAD_FRAME' } }])
})

t.test('channels share a link and are told apart', async (t) => {
  const { routers, settle } = openSlots()
  const ids = [0, 1, 2].map((to) => ({ edge: 4, from: 1, to }))
  const { accounts } = createCreditLedger({ channels: 3, exclusive: 2, floating: 4 })
  const inputs = ids.map((id, i) =>
    routers[1].openInput({ id, attempt: 1, peer: 'left', credits: accounts[i]! }),
  )
  const channels = ids.map((id) =>
    routers[0].openOutput({ id, attempt: 1, peer: 'right', exclusive: 2, operator: 'map' }),
  )
  const outlet = createOutlet([{ partition: { kind: 'rebalance' }, channels }])
  outlet.write(batch(numbers(0, 9)))
  outlet.signal(end)
  settle()
  t.same(
    inputs.map((input) => (input.take() as Batch).records),
    [
      [0, 3, 6],
      [1, 4, 7],
      [2, 5, 8],
    ],
  )
  t.same(
    inputs.map((input) => input.take()),
    [end, end, end],
  )
})

t.test('frames of an older attempt and for no open channel are refused and counted', async (t) => {
  const slots = openSlots()
  const { output, input, failures } = openChannel(slots, { attempts: [1, 2] })
  output.pushBatch(batch(numbers(0, 500)))
  output.signal(end)
  slots.settle()
  t.equal(input.take(), null)
  t.same(failures, [])
  t.same(slots.routers[1].refused, { 'stale-attempt': 2, 'unknown-channel': 0 })
  const stray = {
    id: { edge: 9, from: 0, to: 0 },
    attempt: 1,
    peer: 'right',
    exclusive: 1,
    operator: 'map',
  }
  slots.routers[0].openOutput(stray).signal(end)
  slots.settle()
  t.same(slots.routers[1].refused, { 'stale-attempt': 2, 'unknown-channel': 1 })
})

t.test('a frame of a newer attempt fails the channel', async (t) => {
  const slots = openSlots()
  const { output, input, failures } = openChannel(slots, { attempts: [3, 2] })
  output.pushBatch(batch(numbers(0, 500)))
  slots.settle()
  t.equal(input.take(), null)
  t.match(failures, [{ code: 'E_CHANNEL_BROKEN', retryable: true, message: /attempt 2, saw.* 3/ }])
})

t.test('a frame of another session fails the channel', async (t) => {
  const slots = openSlots([7, 8])
  const { output, input, failures } = openChannel(slots)
  output.pushBatch(batch(numbers(0, 500)))
  slots.settle()
  t.equal(input.readable, false)
  t.match(failures, [{ code: 'E_CHANNEL_BROKEN', message: /1:0>2 with left.*session 8, saw.* 7/ }])
})

t.test('a link closed by the other side fails its open channels', async (t) => {
  const slots = openSlots()
  const { output, failures } = openChannel(slots)
  let readable = 0
  slots.routers[1].onReadable = () => {
    readable += 1
  }
  output.pushBatch(batch(numbers(0, 500)))
  slots.links[0].close()
  t.equal(readable, 1)
  slots.routers[1].poll()
  t.match(failures, [{ code: 'E_CHANNEL_LOST', retryable: true, details: { peer: 'left' } }])
  t.throws(() => slots.routers[1].openInput({ id: ID, attempt: 2, peer: 'left' } as never), {
    code: 'E_NO_LINK',
  })
})

t.test('a sender whose link is lost fails, and takes no more', async (t) => {
  const slots = openSlots()
  const { output, failures } = openChannel(slots)
  output.push(1, undefined, -1)
  slots.links[1].close()
  slots.settle()
  t.match(failures, [{ code: 'E_CHANNEL_LOST', details: { peer: 'right' } }])
  output.pushBatch(batch(numbers(0, 500)))
  t.equal(output.held, 0)
  t.equal(output.writable, true)
})

t.test('channels that have ended survive the end of their link', async (t) => {
  const slots = openSlots()
  const { output, input, failures } = openChannel(slots)
  output.pushBatch(batch(numbers(0, 500)))
  output.signal(end)
  slots.links[0].close()
  slots.settle()
  t.same(failures, [])
  t.equal((input.take() as Batch).records.length, 500)
  t.same(input.take(), end)
})

t.test('a frame that cannot be read closes its link and fails its channels', async (t) => {
  const slots = openSlots()
  const { failures } = openChannel(slots)
  slots.links[0].send(Uint8Array.of(1, 2, 3).buffer)
  slots.settle()
  t.match(failures[0], { code: 'E_CHANNEL_LOST', cause: { code: 'E_LINK_DAMAGED' } })
})

t.test('one poll moves a bounded number of frames', async (t) => {
  const slots = openSlots()
  const { output, routers } = openChannel(slots, { exclusive: 1000 })
  for (let i = 0; i < FRAMES_PER_POLL + 10; i++) output.pushBatch(batch(numbers(0, 200)))
  t.equal(routers[1].poll(), true)
  t.equal(routers[1].poll(), true)
  t.equal(routers[1].poll(), false)
})

t.test('an armed router is woken by a frame', async (t) => {
  const slots = openSlots()
  const { output, routers } = openChannel(slots)
  let woken = 0
  routers[1].onReadable = () => {
    woken += 1
  }
  t.equal(routers[1].poll(), false)
  routers[1].arm()
  t.equal(woken, 0)
  output.pushBatch(batch(numbers(0, 500)))
  t.equal(woken, 1)
})

t.test('both ends can be replaced at a new attempt, and what was held is counted', async (t) => {
  const slots = openSlots()
  const { routers, settle } = slots
  const ledger = createCreditLedger({ channels: 1, exclusive: 1, floating: 0 })
  const open = (attempt: number) => ({
    input: routers[1].openInput({ id: ID, attempt, peer: 'left', credits: ledger.renew(0) }),
    output: routers[0].openOutput({
      id: ID,
      attempt,
      peer: 'right',
      exclusive: 1,
      operator: 'map',
    }),
  })
  const old = open(1)
  const outlet = createOutlet([{ partition: { kind: 'forward' }, channels: [old.output] }])
  const inlet = createInlet([old.input])
  outlet.write(batch(numbers(0, 500)))
  outlet.write(batch(numbers(500, 500)))
  settle()
  const fresh = open(2)
  t.equal(inlet.replace(fresh.input), 500)
  t.equal(outlet.replace(fresh.output), 500)
  for (let from = 1000; from < 5000; from += 500) {
    outlet.write(batch(numbers(from, 500)))
    settle()
    t.same((inlet.take() as Batch).records, numbers(from, 500))
    settle()
  }
  t.equal(inlet.channel, '1:0>2')
})

t.test('over message ports, a slow reader gets everything in order', async (t) => {
  const { port1, port2 } = new MessageChannel()
  const routers = [createLinkRouter(), createLinkRouter()] as const
  routers[0].attach(createMessagePortLink(port1, 'right'), { session: 1 })
  routers[1].attach(createMessagePortLink(port2, 'left'), { session: 1 })
  const { accounts } = createCreditLedger({ channels: 1, exclusive: 2, floating: 2 })
  const place = { id: ID, attempt: 1 }
  const input = routers[1].openInput({ ...place, peer: 'left', credits: accounts[0]! })
  const output = routers[0].openOutput({
    ...place,
    peer: 'right',
    exclusive: 2,
    operator: 'numbers',
  })
  const taken: unknown[] = []
  let written = 0
  let turns = 0
  let held = 0
  let ended = false
  await until(() => {
    routers[0].poll()
    if (output.writable && written < 100_000) {
      output.pushBatch(batch(numbers(written, 1000)))
      written += 1000
      if (written === 100_000) output.signal(end)
    }
    routers[1].poll()
    held = Math.max(held, input.held)
    turns += 1
    const signal = turns % 3 === 0 ? input.take() : null
    if (signal?.tag === 0) taken.push(...signal.records)
    else if (signal?.tag === 4) ended = true
    return ended
  })
  t.same(taken, numbers(0, 100_000))
  t.ok(held > 2 && held <= 4, `${held} of 2 + 2 credits were in use`)
  for (const router of routers) router.close()
})
