/** What a channel costs: in-thread by the record, between threads by the frame. */
import { MessageChannel, Worker } from 'node:worker_threads'
import { keyGroupOf } from '../../lib/base/key.js'
import { createLinkRouter, type LinkRouter } from '../../lib/channel/link-router.js'
import { createLocalChannel, type LocalChannel } from '../../lib/channel/local-channel.js'
import { createOutlet } from '../../lib/channel/outlet.js'
import type { Partition } from '../../lib/channel/partition.js'
import { createCreditLedger } from '../../lib/credit/ledger.js'
import { BATCH, BATCH_RECORDS_MAX, batch, end } from '../../lib/operators/signal.js'
import { createMessagePortLink } from '../../lib/transport/message-port.js'
import type { Link } from '../../lib/transport/transport.js'

export interface Measurement {
  readonly name: string
  readonly value: number
  readonly unit: string
}

const FRAME_BYTES = 65_536
/** Frames that may be out without an answer, as a channel's credits would allow. */
const FRAMES_OUT_MAX = 16

export async function channelBench({ quick }: { readonly quick: boolean }): Promise<Measurement[]> {
  const batches = quick ? 2_000 : 20_000
  const frames = quick ? 4_000 : 40_000
  return [
    local('one channel by reference', { kind: 'forward' }, 1, batches * 10),
    local('hash, 4 channels', { kind: 'hash', maxParallelism: 128, keyGroupOf }, 4, batches),
    local('rebalance, 4 channels', { kind: 'rebalance' }, 4, batches),
    await withThread('echo', (link) => throughput(link, frames)),
    await withThread('echo', (link) => roundTrip(link, frames / 4)),
    await withThread('consume', (link) => remote('3 numbers', numberRow, link, batches)),
    await withThread('consume', (link) => remote('5 numbers, 2 strings', mixedRow, link, batches)),
  ]
}

/** Millions of records per second through an outlet, over local channels, and out again. */
function local(name: string, partition: Partition, count: number, batches: number): Measurement {
  const { accounts } = createCreditLedger({ channels: count, exclusive: 2, floating: 8 })
  const channels = accounts.map((credits, to) =>
    createLocalChannel({ id: { edge: 0, from: 0, to }, credits }),
  )
  const outlet = createOutlet([{ partition, channels: channels.map(({ output }) => output) }])
  const keys = Array.from({ length: BATCH_RECORDS_MAX }, (_, i) => i)
  const rows = keys.map((id) => ({ id }))
  const started = performance.now()
  let taken = 0
  for (let written = 0; written < batches; written++) {
    outlet.write(batch(rows, keys))
    taken += drain(channels)
  }
  outlet.flush()
  taken += drain(channels)
  const micros = (performance.now() - started) * 1000
  return { name: `local channel: ${name}`, value: taken / micros, unit: 'M records/s' }
}

function drain(channels: readonly LocalChannel[]): number {
  let records = 0
  for (const { input } of channels) {
    for (let signal = input.take(); signal !== null; signal = input.take()) {
      if (signal.tag === BATCH) records += signal.records.length
    }
  }
  return records
}

/** Gives `measure` a link to a thread that sends every frame back, or consumes a channel. */
async function withThread(
  role: 'echo' | 'consume',
  measure: (link: Link) => Promise<Measurement>,
): Promise<Measurement> {
  const { port1, port2 } = new MessageChannel()
  const worker = new Worker(new URL('./channel-echo.js', import.meta.url), {
    workerData: { port: port2, role },
    transferList: [port2],
  })
  const link = createMessagePortLink(port1, 'other')
  if (role === 'echo') link.send(new ArrayBuffer(8))
  await nextFrame(link)
  const measurement = await measure(link)
  link.close()
  await worker.terminate()
  return measurement
}

const numberRow = (id: number) => ({ id, price: id * 1.5, time: 1_700_000_000_000 + id })
const mixedRow = (id: number) => ({
  id,
  price: id * 1.5,
  time: 1_700_000_000_000 + id,
  bidder: id % 977,
  auction: id % 31,
  channel: flat(`channel-${id % 20}`),
  url: flat(`https://www.example.com/item?id=${id}`),
})

/** As a string comes from a file or a decoder, not a tree of the parts it was made of. */
const flat = (text: string): string => Buffer.from(text).toString('latin1')

/** Millions of records per second into another thread: encoded, transferred, decoded, taken. */
async function remote(
  name: string,
  row: (id: number) => object,
  link: Link,
  batches: number,
): Promise<Measurement> {
  const router = createLinkRouter()
  router.attach(link, { session: 1 })
  const id = { edge: 0, from: 0, to: 0 }
  const place = { id, attempt: 1, peer: 'other', exclusive: 2, operator: 'bench' }
  const output = router.openOutput(place)
  const rows = Array.from({ length: BATCH_RECORDS_MAX }, (_, i) => row(i))
  const started = performance.now()
  for (let written = 0; written < batches; ) {
    router.poll()
    if (output.writable) {
      output.pushBatch(batch(rows))
      written += 1
    } else await readable(router)
  }
  const closed = new Promise((resolve) => link.onClose(resolve))
  output.signal(end)
  while (!output.flushed || !output.writable) {
    await readable(router)
    router.poll()
  }
  await closed
  const micros = (performance.now() - started) * 1000
  const value = (batches * BATCH_RECORDS_MAX) / micros
  return { name: `channel between threads: records of ${name}`, value, unit: 'M records/s' }
}

function readable(router: LinkRouter): Promise<void> {
  return new Promise((resolve) => {
    router.onReadable = resolve
    router.arm()
  })
}

/** Frames there and back again, both counted. */
async function throughput(link: Link, frames: number): Promise<Measurement> {
  const started = performance.now()
  let sent = 0
  for (let back = 0; back < frames; back++) {
    while (sent < frames && sent - back < FRAMES_OUT_MAX) {
      link.send(new ArrayBuffer(FRAME_BYTES))
      sent += 1
    }
    await nextFrame(link)
  }
  const seconds = (performance.now() - started) / 1000
  const value = (2 * frames * FRAME_BYTES) / seconds / 1e9
  return { name: 'message port: 64 KiB frames, there and back', value, unit: 'GB/s' }
}

async function roundTrip(link: Link, rounds: number): Promise<Measurement> {
  const started = performance.now()
  for (let round = 0; round < rounds; round++) {
    link.send(new ArrayBuffer(64))
    await nextFrame(link)
  }
  const value = ((performance.now() - started) * 1000) / rounds
  return { name: 'message port: round trip between idle threads', value, unit: 'µs' }
}

/** Polls, and sleeps when there is nothing: as an idle slot does. */
function nextFrame(link: Link): ArrayBuffer | Promise<ArrayBuffer> {
  return (
    link.poll() ??
    new Promise((resolve) => {
      link.onReadable(() => resolve(link.poll()!))
      link.arm()
    })
  )
}
