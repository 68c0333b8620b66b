/** How the slots of a node use its copies, and how long these are kept. */
import t, { type Test } from 'tap'
import { nodeEventText } from '../../actors/cli/cluster-text.js'
import { parseCommandLine } from '../../actors/cli/command-line.js'
import {
  COPIES_KEPT_MS,
  NodeCopies,
  type ReadChunks,
  type SlotCopies,
} from '../../actors/node/node-copies.js'
import type { SlotEvent } from '../../actors/worker/protocol.js'
import { refOf } from '../../lib/snapshot/chunk-ref.js'
import { MemoryChunkStore } from '../../lib/snapshot/memory-chunk-store.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'
import { idsOf } from '../conformance/chunk-store.js'
import { chunkBytes } from '../support/snapshots.js'

const JOB = 'sales-0a1b2c3d'
const BYTES = chunkBytes('state', 50)
const REF = refOf('run/1/1/0.0/0/0', BYTES, 5)

function world(_: Test) {
  const clock = createVirtualClock()
  const store = new MemoryChunkStore()
  const read: [string, ReadChunks][] = []
  const failed: string[] = []
  const place = { open: async () => store, bytesMax: 2 ** 20 }
  const copies = new NodeCopies(place, {
    clock,
    read: (ref, chunks) => read.push([ref, chunks]),
    failed: (reason) => failed.push(reason),
  })
  const slot = (ref: string): SlotCopies => {
    const own = copies.slot(JOB, ref)
    own.began()
    return own
  }
  return { clock, store, read, failed, copies, slot }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

const acknowledged: SlotEvent = {
  kind: 'SnapshotAcknowledged',
  attempt: 1,
  ack: {
    round: 1,
    subtask: { chain: 0, index: 0 },
    phase: 'running',
    alignmentMs: 0,
    isUnaligned: false,
    flights: [],
    steps: [{ chunks: [REF], splits: [], transactions: [], timeMs: null }],
  },
}

function write(slot: SlotCopies): void {
  slot.put(1, REF.id, BYTES)
  slot.event(acknowledged)
  slot.command('snapshotCompleted', [1])
}

const never = () => Promise.reject(new Error('it is here'))

t.test('a slot reads what another one of the node has written', async (t) => {
  const { slot, read } = world(t)
  write(slot('a'))
  const reader = slot('b')
  t.same(await reader.get(REF, never), BYTES)
  reader.opened()
  t.same(read, [['b', { copies: 1, copiedBytes: 50, fetched: 0, fetchedBytes: 0, damaged: 0 }]])
  reader.opened()
  t.equal(read.length, 1, 'who reads nothing says nothing')
})

t.test('what is missing or damaged is fetched, and counted', async (t) => {
  const { slot, read, store } = world(t)
  const own = slot('a')
  const fetch = async () => BYTES
  t.same(await own.get(REF, fetch), BYTES)
  write(own)
  await settled()
  store.damage((await idsOf(store))[0]!, (bytes) => bytes.subarray(1))
  t.same(await own.get(REF, fetch), BYTES)
  t.equal(await own.get(REF, async () => null), null)
  own.opened()
  t.match(read, [['a', { copies: 0, fetched: 3, fetchedBytes: 100, damaged: 1 }]])
})

t.test('what the coordinator gives up is let go', async (t) => {
  const { slot, store } = world(t)
  const own = slot('a')
  own.put(1, REF.id, BYTES)
  own.command('snapshotAbandoned', [1])
  await settled()
  t.same(await idsOf(store), [])
})

t.test('copies outlive the last slot of their job for a while, and no longer', async (t) => {
  const { slot, clock, store } = world(t)
  const first = slot('a')
  write(first)
  first.event({ kind: 'SlotLost', error: { code: 'E', message: '' } as never, operator: null })
  first.ended()
  clock.advance(COPIES_KEPT_MS - 1)
  const second = slot('b')
  clock.advance(COPIES_KEPT_MS)
  t.same(await second.get(REF, never), BYTES, 'it has come back in time')
  const third = slot('c')
  second.ended()
  clock.advance(2 * COPIES_KEPT_MS)
  t.same(await third.get(REF, never), BYTES, 'one is still here')
  third.ended()
  clock.advance(COPIES_KEPT_MS)
  await settled()
  t.same(await idsOf(store), [])
})

t.test('a slot that has ended copies nothing more', async (t) => {
  const { slot, store } = world(t)
  const own = slot('a')
  own.ended()
  own.put(1, REF.id, BYTES)
  await settled()
  t.same(await idsOf(store), [])
})

t.test('without a place there are no copies, and nothing fails', async (t) => {
  const clock = createVirtualClock()
  const copies = new NodeCopies(null, {
    clock,
    read: () => {},
    failed: (reason) => t.fail(reason),
  })
  const own = copies.slot(JOB, 'a')
  own.began()
  write(own)
  t.same(await own.get(REF, async () => BYTES), BYTES)
  own.ended()
  t.equal(clock.timers, 0)
  await copies.close()
})

t.test(
  'the command line says where copies lie, how much of them, or that there are none',
  async (t) => {
    const parse = (more: string) =>
      parseCommandLine(`node --join ws://127.0.0.1:1${more}`.split(' '), '0.1.0')
    t.match(parse(''), { kind: 'Node', copies: {} })
    t.match(parse(' --copies-dir here --copies-max 64'), {
      copies: { directory: 'here', bytesMax: 64 * 2 ** 20 },
    })
    t.match(parse(' --no-copies'), { kind: 'Node', copies: null })
    t.match(parse(' --copies-max 0'), { kind: 'WrongUsage' })
  },
)

t.test('what was read is a line in detail, and where copies were damaged', async (t) => {
  const read = { copies: 3, copiedBytes: 2 ** 20, fetched: 1, fetchedBytes: 512, damaged: 0 }
  const event = { kind: 'ChunksRead', ref: 'a', ...read } as const
  t.equal(nodeEventText(event, 'usual'), null)
  t.equal(
    nodeEventText(event, 'verbose'),
    'slot a goes on: 1.0 MiB of chunks from copies here, 512 B from the coordinator',
  )
  t.match(nodeEventText({ ...event, damaged: 1 }, 'usual'), /; 1 of its copies were damaged$/)
  t.match(
    nodeEventText({ kind: 'CopiesFailed', reason: 'no space left' }, 'usual'),
    /^cannot keep copies of chunks: no space left\./,
  )
})
