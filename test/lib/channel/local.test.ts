import t from 'tap'
import { keyGroupOf, subtaskOf } from '../../../lib/base/key.js'
import { seededRandom } from '../../../lib/base/random.js'
import type { ChannelId } from '../../../lib/channel/channel.js'
import { flushPolicy, waitMs } from '../../../lib/channel/flush-policy.js'
import { createInlet, type Inlet } from '../../../lib/channel/inlet.js'
import { createLocalChannel, type LocalChannel } from '../../../lib/channel/local-channel.js'
import { createOutlet } from '../../../lib/channel/outlet.js'
import type { Partition } from '../../../lib/channel/partition.js'
import { SignalQueue } from '../../../lib/channel/signal-queue.js'
import { createCreditLedger } from '../../../lib/credit/ledger.js'
import {
  BATCH,
  type Barrier,
  type Batch,
  batch,
  end,
  type Signal,
} from '../../../lib/operators/signal.js'
import { numbers, testChannel } from '../../conformance/channel.js'

testChannel(t, 'a local channel', ({ exclusive, floating }) => {
  const { accounts } = createCreditLedger({ channels: 1, exclusive, floating })
  const id = { edge: 0, from: 0, to: 0 }
  return { ...createLocalChannel({ id, credits: accounts[0]! }), settle: () => {} }
})

t.test('a local channel hands a batch over by reference', async (t) => {
  const [channel] = channelsTo(1)
  const sent = batch(numbers(0, 500))
  channel!.output.pushBatch(sent)
  t.equal(channel!.input.take(), sent)
})

/** `count` channels of edge 0: from one sender, or (`many` senders) to one receiver. */
function channelsTo(count: number, many: 'senders' | 'receivers' = 'receivers'): LocalChannel[] {
  const { accounts } = createCreditLedger({ channels: count, exclusive: 2, floating: 0 })
  return accounts.map((credits, i) => {
    const id: ChannelId =
      many === 'receivers' ? { edge: 0, from: 0, to: i } : { edge: 0, from: i, to: 0 }
    return createLocalChannel({ id, credits })
  })
}

const outletOf = (partition: Partition, channels: LocalChannel[]) =>
  createOutlet([{ partition, channels: channels.map(({ output }) => output) }])

/** Writes numbers by `partition` and returns what each of `count` receivers got. */
function distribute(partition: Partition, count: number, written: Batch): unknown[][] {
  const channels = channelsTo(count)
  const outlet = outletOf(partition, channels)
  outlet.write(written)
  outlet.flush()
  return channels.map(({ input }) => (input.take() as Batch | null)?.records ?? [])
}

t.test('forward keeps keys and groups, and the batch itself', async (t) => {
  const channels = channelsTo(1)
  const written = batch(numbers(0, 400), numbers(0, 400), new Uint16Array(400))
  outletOf({ kind: 'forward' }, channels).write(written)
  t.equal(channels[0]!.input.take(), written)
})

t.test('hash sends each key group to the subtask that owns it', async (t) => {
  const partition: Partition = { kind: 'hash', maxParallelism: 128, keyGroupOf }
  const records = numbers(0, 1000)
  const channels = channelsTo(3)
  outletOf(partition, channels).write(batch(records, records))
  channels.forEach(({ output, input }, subtask) => {
    output.flush()
    const taken = input.take() as Batch
    taken.records.forEach((record, i) => {
      const group = keyGroupOf(record, 128)
      if (taken.groups![i] !== group || taken.keys![i] !== record) t.fail('wrong column')
      if (subtaskOf(group, 3, 128) !== subtask) t.fail(`record ${record} went astray`)
    })
    t.ok(taken.records.length > 250)
  })
  const unhashed = outletOf(partition, channelsTo(2))
  t.throws(() => unhashed.write(batch([1])), /carries keys/)
})

t.test('hash uses groups that were computed before', async (t) => {
  const keyGroupOf = () => t.fail('hashed again') as unknown as number
  const partition: Partition = { kind: 'hash', maxParallelism: 4, keyGroupOf }
  const written = batch(['a', 'b', 'c'], [1, 2, 3], Uint16Array.of(3, 0, 2))
  t.same(distribute(partition, 2, written), [['b'], ['a', 'c']])
})

t.test('subtasks own contiguous ranges that cover every key group', async (t) => {
  for (const parallelism of [1, 2, 3, 5, 8, 127, 128]) {
    const owners = numbers(0, 128).map((group) => subtaskOf(group, parallelism, 128))
    t.equal(owners[0], 0)
    t.equal(owners.at(-1), parallelism - 1)
    t.ok(owners.every((owner, i) => i === 0 || owner - owners[i - 1]! <= 1))
  }
})

t.test('the other partitioners distribute as their names say', async (t) => {
  const written = batch(numbers(0, 6), numbers(0, 6))
  const spread = (partition: Partition) => distribute(partition, 3, written)
  t.same(spread({ kind: 'rebalance' }), [
    [0, 3],
    [1, 4],
    [2, 5],
  ])
  t.same(spread({ kind: 'rescale', first: 2 }), [
    [1, 4],
    [2, 5],
    [0, 3],
  ])
  t.same(spread({ kind: 'broadcast' }), [numbers(0, 6), numbers(0, 6), numbers(0, 6)])
  t.same(spread({ kind: 'global' }), [numbers(0, 6), [], []])
  const odd = (record: number) => record % 2
  t.same(spread({ kind: 'custom', choose: odd }), [[0, 2, 4], [1, 3, 5], []])
  const shuffled = spread({ kind: 'shuffle', random: seededRandom(1) })
  t.same(shuffled.flat().sort(), numbers(0, 6))
  t.same(spread({ kind: 'shuffle', random: seededRandom(1) }), shuffled, 'the seed decides')
})

t.test('a partition function that points nowhere is an error with its name', async (t) => {
  const outlet = outletOf({ kind: 'custom', choose: () => 2, operator: 'by city' }, channelsTo(2))
  t.throws(() => outlet.write(batch([1])), {
    code: 'E_PARTITION',
    message: /'by city' must return an integer from 0 to 1; it returned 2/,
  })
})

t.test('every edge of an outlet gets every batch and every signal', async (t) => {
  const [one, two] = [channelsTo(1), channelsTo(2)]
  const outlet = createOutlet([
    { partition: { kind: 'forward' }, channels: one.map(({ output }) => output) },
    { partition: { kind: 'rebalance' }, channels: two.map(({ output }) => output) },
  ])
  outlet.write(batch([1, 2]))
  t.equal(outlet.flushed, false)
  t.equal(outlet.held, 4)
  outlet.signal(end)
  t.equal(outlet.flushed, true)
  const all = [...one, ...two].map(({ input }) => [input.take(), input.take()])
  t.same(
    all.map(([data]) => (data as Batch).records),
    [[1, 2], [1], [2]],
  )
  t.ok(all.every(([, last]) => last === end))
})

t.test('an outlet is as slow as its slowest live channel', async (t) => {
  const channels = channelsTo(2)
  const outlet = outletOf({ kind: 'broadcast' }, channels)
  let writable = 0
  outlet.onWritable = () => {
    writable += 1
  }
  for (let b = 0; b < 2; b++) outlet.write(batch(numbers(0, 1000)))
  channels[0]!.input.take()
  outlet.write(batch(numbers(0, 1000)))
  t.equal(outlet.writable, false)
  channels[1]!.input.cancel()
  t.equal(outlet.writable, true, 'a cancelled channel holds nothing up')
  t.equal(outlet.cancelled, false)
  channels[0]!.input.cancel()
  t.equal(outlet.cancelled, true)
  t.equal(writable, 2)
})

t.test('rebalance passes over receivers that need no more', async (t) => {
  const channels = channelsTo(3)
  const outlet = outletOf({ kind: 'rebalance' }, channels)
  channels[1]!.input.cancel()
  outlet.write(batch(numbers(0, 4)))
  outlet.flush()
  t.same((channels[0]!.input.take() as Batch).records, [0, 2])
  t.same((channels[2]!.input.take() as Batch).records, [1, 3])
})

t.test('a replaced channel counts what is lost with the old one', async (t) => {
  const ledger = createCreditLedger({ channels: 1, exclusive: 1, floating: 0 })
  const id = { edge: 0, from: 0, to: 0 }
  const old = createLocalChannel({ id, credits: ledger.accounts[0]! })
  const outlet = outletOf({ kind: 'forward' }, [old])
  const inlet = createInlet([old.input])
  outlet.write(batch(numbers(0, 1000)))
  outlet.write(batch(numbers(1000, 1000)))
  t.equal(outlet.writable, false)
  const fresh = createLocalChannel({ id, credits: ledger.renew(0) })
  t.equal(outlet.replace(fresh.output), 1000, 'records that waited')
  t.equal(inlet.replace(fresh.input), 1000, 'records that had arrived')
  t.equal(outlet.writable, true)
  for (let from = 2000; from < 10_000; from += 1000) {
    outlet.write(batch(numbers(from, 1000)))
    t.same((inlet.take() as Batch).records, numbers(from, 1000))
  }
})

/** An inlet fed by `count` senders. */
function inletOf(count: number): { channels: LocalChannel[]; inlet: Inlet } {
  const channels = channelsTo(count, 'senders')
  return { channels, inlet: createInlet(channels.map(({ input }) => input)) }
}

const takeAllOf = (inlet: Inlet): (Signal | unknown[])[] => {
  const taken: (Signal | unknown[])[] = []
  for (let signal = inlet.take(); signal !== null; signal = inlet.take()) {
    taken.push(signal.tag === BATCH ? signal.records : signal)
  }
  return taken
}

t.test('an inlet takes in turn from the channels that have something', async (t) => {
  const { channels, inlet } = inletOf(3)
  const taken: unknown[] = []
  const named: unknown[] = []
  for (let round = 0; round < 2; round++) {
    channels[0]!.output.pushBatch(batch(numbers(0, 200)))
    channels[2]!.output.pushBatch(batch(numbers(2, 200)))
  }
  while (inlet.readable) {
    taken.push((inlet.take() as Batch).records[0])
    named.push(`${inlet.channel} #${inlet.sequence}`)
  }
  t.same(taken, [0, 2, 0, 2])
  t.same(named, ['0:0>0 #1', '0:2>0 #1', '0:0>0 #2', '0:2>0 #2'])
})

t.test('an inlet merges watermarks to the minimum and ends with its last channel', async (t) => {
  const { channels, inlet } = inletOf(2)
  const [a, b] = channels.map(({ output }) => output)
  a!.signal({ tag: 1, timeMs: 10 })
  t.same(takeAllOf(inlet), [], 'the other channel has not spoken')
  b!.signal({ tag: 1, timeMs: 7 })
  t.same(takeAllOf(inlet), [{ tag: 1, timeMs: 7 }])
  b!.push('late', undefined, -1)
  b!.signal(end)
  t.same(takeAllOf(inlet), [['late'], { tag: 1, timeMs: 10 }], 'who has ended holds nothing back')
  a!.signal({ tag: 1, timeMs: 11 })
  a!.signal(end)
  t.same(takeAllOf(inlet), [{ tag: 1, timeMs: 11 }, end])
})

t.test('idle channels hold no watermark back; all idle is idle', async (t) => {
  const { channels, inlet } = inletOf(2)
  const [a, b] = channels.map(({ output }) => output)
  a!.signal({ tag: 3, active: false })
  t.same(takeAllOf(inlet), [])
  b!.signal({ tag: 1, timeMs: 20 })
  t.same(takeAllOf(inlet), [{ tag: 1, timeMs: 20 }])
  b!.signal({ tag: 3, active: false })
  t.same(takeAllOf(inlet), [{ tag: 3, active: false }])
  a!.signal({ tag: 3, active: true })
  a!.signal({ tag: 1, timeMs: 15 })
  t.same(takeAllOf(inlet), [{ tag: 3, active: true }], 'time does not go back')
  a!.signal({ tag: 1, timeMs: 25 })
  t.same(takeAllOf(inlet), [{ tag: 1, timeMs: 25 }])
})

t.test('the last to go idle releases the highest watermark of all', async (t) => {
  const { channels, inlet } = inletOf(2)
  const [a, b] = channels.map(({ output }) => output)
  a!.signal({ tag: 1, timeMs: 50 })
  b!.signal({ tag: 1, timeMs: 20 })
  a!.signal({ tag: 3, active: false })
  t.same(takeAllOf(inlet), [{ tag: 1, timeMs: 20 }])
  b!.signal({ tag: 3, active: false })
  t.same(takeAllOf(inlet), [
    { tag: 1, timeMs: 50 },
    { tag: 3, active: false },
  ])
})

t.test('a barrier passes an inlet of one channel in its place', async (t) => {
  const { channels, inlet } = inletOf(1)
  channels[0]!.output.push('before', undefined, -1)
  channels[0]!.output.signal({ tag: 2, round: 3, full: false })
  channels[0]!.output.push('after', undefined, -1)
  channels[0]!.output.flush()
  t.same(takeAllOf(inlet), [['before'], { tag: 2, round: 3, full: false }, ['after']])
})

t.test('a replaced sender does not turn time back', async (t) => {
  const ledger = createCreditLedger({ channels: 2, exclusive: 2, floating: 0 })
  const open = (from: number) =>
    createLocalChannel({ id: { edge: 0, from, to: 0 }, credits: ledger.renew(from) })
  const [a, b] = [open(0), open(1)]
  const inlet = createInlet([a.input, b.input])
  a.output.signal({ tag: 1, timeMs: 10 })
  b.output.signal({ tag: 1, timeMs: 20 })
  t.same(takeAllOf(inlet), [{ tag: 1, timeMs: 10 }])
  const fresh = open(0)
  inlet.replace(fresh.input)
  fresh.output.signal({ tag: 1, timeMs: 5 })
  t.same(takeAllOf(inlet), [{ tag: 1, timeMs: 20 }], 'until it has caught up, the others decide')
  fresh.output.signal({ tag: 1, timeMs: 25 })
  t.same(takeAllOf(inlet), [])
  b.output.signal({ tag: 1, timeMs: 30 })
  t.same(takeAllOf(inlet), [{ tag: 1, timeMs: 25 }])
})

t.test('a queue keeps its order however it grows and wraps', async (t) => {
  const random = seededRandom(3)
  const queue = new SignalQueue<Batch>()
  const model: Signal[] = []
  for (let step = 0; step < 5000; step++) {
    if (random() < (step % 500 < 250 ? 0.7 : 0.3)) {
      const entry: Batch | Barrier =
        random() < 0.5 ? batch([step]) : { tag: 2, round: step, full: false }
      queue.push(entry)
      model.push(entry)
    } else if (queue.shift() !== model.shift()) t.fail(`wrong entry at step ${step}`)
    if (queue.length !== model.length || queue.peek() !== model[0]) t.fail(`step ${step}`)
  }
  t.equal(queue.data, model.filter(({ tag }) => tag === BATCH).length)
})

t.test('a cancelled inlet stops its senders and still gets the end', async (t) => {
  const { channels, inlet } = inletOf(2)
  channels[0]!.output.pushBatch(batch(numbers(0, 200)))
  inlet.cancel()
  t.ok(channels.every(({ output }) => output.cancelled))
  t.equal(inlet.readable, false)
  for (const { output } of channels) output.signal(end)
  t.same(takeAllOf(inlet), [end])
})

t.test('keys are taken off where their scope has ended', async (t) => {
  const [channel] = channelsTo(1)
  const inlet = createInlet([channel!.input], { keyed: false })
  channel!.output.pushBatch(batch([4, 5], [4, 5], Uint16Array.of(1, 2)))
  channel!.output.flush()
  t.same(inlet.take(), batch([4, 5]))
})

t.test('keys that are not shipped are derived from the records', async (t) => {
  const [channel] = channelsTo(1)
  const selectors = new Map([[0, (record: { id: number }) => record.id]])
  const inlet = createInlet([channel!.input], { selectors })
  channel!.output.pushBatch(batch([{ id: 4 }, { id: 5 }], null, Uint16Array.of(1, 2)))
  channel!.output.flush()
  const { keys, groups } = inlet.take() as Batch
  t.same(keys, [4, 5])
  t.same(groups, Uint16Array.of(1, 2))
})

t.test(
  'what is collected is flushed when idle, at most once per ms, and in time when busy',
  async (t) => {
    t.equal(waitMs(flushPolicy, 100, 99, true), 0)
    t.equal(waitMs(flushPolicy, 100, 99.5, true), 0.5)
    t.equal(waitMs(flushPolicy, 100, 99, false), 3)
    t.equal(waitMs(flushPolicy, 104, 99, false), 0)
  },
)
