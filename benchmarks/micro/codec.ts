/**
 * What the batch codec costs: records per second through encoding alone and decoding alone, in batches
 * as channels send them. Every value is the best of several rounds in one process.
 */
import { seededRandom } from '../../lib/base/random.js'
import { BatchDecoder } from '../../lib/wire/decoder.js'
import { BatchEncoder, type Records } from '../../lib/wire/encoder.js'

export interface Measurement {
  readonly name: string
  readonly value: number
  readonly unit: string
}

const BATCH_RECORDS = 1024
const BATCHES = 32
const CHANNELS = ['apple', 'baidu', 'facebook', 'google']

export function codecBench({ quick }: { readonly quick: boolean }): Measurement[] {
  const rounds = quick ? 5 : 60
  return workloads().flatMap(({ name, batches }) => measure(name, batches, rounds))
}

function workloads(): { name: string; batches: Records[] }[] {
  const random = seededRandom(1)
  const key = (i: number): string => `customer-${(i * 7919) % 10_000}`
  return [
    { name: 'bid of 7 fields, 178 B', batches: batchesOf(bid) },
    { name: '7 numbers', batches: batchesOf(sevenNumbers) },
    { name: '[key number, value number]', batches: batchesOf((i) => [i % 5000, random()]) },
    { name: '[key string, value number]', batches: batchesOf((i) => [flat(key(i)), i]) },
    { name: 'key number, number', batches: batchesOf(random, (i) => i % 5000) },
    { name: 'key string, number', batches: batchesOf(random, (i) => flat(key(i))) },
    {
      name: 'key of the record, 4 numbers + 3 strings',
      batches: batchesOf(mixed, (_, record) => (record as { user: string }).user),
    },
    { name: 'nested CBOR (Map)', batches: batchesOf((i) => ({ i, m: new Map([[i, 'x']]) })) },
  ]
}

/** As Nexmark's: 178 bytes with 8 per number. */
const bid = (i: number): unknown => ({
  auction: 1000 + ((i * 7919) % 5000),
  bidder: 1000 + ((i * 104_729) % 9000),
  price: (i * 15_485_863) % 10_000_000,
  channel: CHANNELS[i & 3],
  url: flat(
    `https://www.nexmark.com/${i * 31}/item.htm?query=1&channel_id=${i * 17}`.padEnd(66, '/'),
  ),
  dateTime: 1_436_918_400_000 + i,
  extra: flat(`${i * 7919}`.padEnd(66, 'abcdefgh')),
})

const sevenNumbers = (i: number): unknown => ({
  auction: i,
  bidder: i * 2,
  price: i * 3,
  category: i & 7,
  share: i + 0.5,
  dateTime: 1_436_918_400_000 + i,
  expires: 1_436_918_500_000 + i,
})

const mixed = (i: number): unknown => ({
  id: i,
  user: flat(`user-${(i * 7919) % 10_000}`),
  city: flat(`city-${i % 97}`),
  page: flat(`/a/b/${i % 1000}.html`),
  bytes: i % 50_000,
  took: i / 7,
  at: 1_436_918_400_000 + i,
})

function batchesOf(
  record: (i: number) => unknown,
  key: ((i: number, record: unknown) => unknown) | null = null,
): Records[] {
  return Array.from({ length: BATCHES }, (_, b) => {
    const indexes = Array.from({ length: BATCH_RECORDS }, (_, i) => b * BATCH_RECORDS + i)
    const records = indexes.map(record)
    const keys = key === null ? null : indexes.map((i, at) => key(i, records[at]))
    const groups = key === null ? null : Uint16Array.from(indexes, (i) => i & 127)
    return { records, keys, groups }
  })
}

/** Strings as they come from a file or a frame: in one piece, not the concatenation of pieces. */
function flat<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}

function measure(name: string, batches: readonly Records[], rounds: number): Measurement[] {
  const encoder = new BatchEncoder({ operator: 'bench' })
  const decoder = new BatchDecoder()
  let bytes = 0
  let encodeMs = Infinity
  let decodeMs = Infinity
  for (let round = 0; round < rounds; round++) {
    const frames: ArrayBuffer[] = []
    const begun = performance.now()
    for (const batch of batches) {
      for (let from = 0; from < BATCH_RECORDS; from = encoder.next) {
        frames.push(encoder.encode(batch, from, BATCH_RECORDS))
      }
    }
    const encoded = performance.now()
    for (const frame of frames) decoder.decode(frame)
    encodeMs = Math.min(encodeMs, encoded - begun)
    decodeMs = Math.min(decodeMs, performance.now() - encoded)
    bytes = frames.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }
  const count = BATCH_RECORDS * batches.length
  const millionPerSecond = (ms: number): number => Number((count / ms / 1000).toFixed(1))
  return [
    { name: `encode ${name}`, value: millionPerSecond(encodeMs), unit: 'M records/s' },
    { name: `decode ${name}`, value: millionPerSecond(decodeMs), unit: 'M records/s' },
    { name: `size ${name}`, value: Math.round(bytes / count), unit: 'bytes/record' },
  ]
}
