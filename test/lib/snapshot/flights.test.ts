/** Records in flight: what is logged is what is stored, and what is stored is dealt out once. */
import t from 'tap'
import { keyGroupOf, subtaskOf } from '../../../lib/base/key.js'
import { type Random, seededRandom } from '../../../lib/base/random.js'
import { FlightLog } from '../../../lib/channel/flight-log.js'
import { type Batch, batch } from '../../../lib/operators/signal.js'
import {
  decodeFlightChunk,
  FlightChunkWriter,
  type FlightHead,
} from '../../../lib/snapshot/flight-chunk.js'
import { restoreFlights } from '../../../lib/snapshot/restore-flights.js'
import { BatchEncoder } from '../../../lib/wire/encoder.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed(1)
const GROUPS = 32

const newLog = () => new FlightLog(1, () => new FlightChunkWriter('test'))
const HEAD: FlightHead = { to: 0, input: 0, deal: 'any' }

/** Everything that a log hands out, by edge. */
function chunksOf(log: FlightLog): Map<number | null, Uint8Array[]> {
  const chunks = new Map<number | null, Uint8Array[]>()
  while (log.busy) {
    for (const { edge, bytes } of log.step()) {
      chunks.set(edge, [...(chunks.get(edge) ?? []), bytes])
    }
  }
  return chunks
}

const recordsOf = (chunks: readonly Uint8Array[] = []): unknown[] =>
  chunks
    .flatMap(decodeFlightChunk)
    .flatMap(({ batches }) => batches)
    .flatMap(({ records }) => records)

function framesOf(given: Batch): ArrayBuffer[] {
  const encoder = new BatchEncoder({ operator: 'test' })
  const frames: ArrayBuffer[] = []
  for (let next = 0; next < given.records.length; next = encoder.next) {
    frames.push(encoder.encode(given, next, given.records.length))
  }
  return frames
}

t.test('batches and frames are stored in their order, by who had them', async (t) => {
  const log = newLog()
  const arrivals = log.arrivals(HEAD, null)
  t.equal(log.busy, false, 'nothing has come')
  arrivals.add(batch([1, 2]))
  for (const frame of framesOf(batch([3, 4]))) arrivals.add(frame)
  log.held(5, HEAD, [batch(['a']), batch(['b'])])
  log.held(6, HEAD, [batch([{ c: 1 }])])
  log.step()
  t.equal(log.isDone, false, 'its barrier has not come')
  arrivals.add(batch([5]))
  let told = 0
  log.onEnd = () => {
    told++
  }
  arrivals.end()
  t.equal(told, 1)
  const chunks = chunksOf(log)
  t.equal(log.isDone, true)
  t.same(recordsOf(chunks.get(null)), [1, 2, 3, 4, 5])
  t.same(recordsOf(chunks.get(5)), ['a', 'b'])
  t.same(recordsOf(chunks.get(6)), [{ c: 1 }])
})

t.test(
  'of a large record the receiver keeps nothing unless it has the last fragment',
  async (t) => {
    const large = 'x'.repeat(300_000)
    const frames = framesOf(batch([large]))
    t.ok(frames.length > 2)
    const whole = newLog()
    const all = whole.arrivals(HEAD, null)
    for (const frame of frames) all.add(frame)
    all.end()
    t.same(recordsOf(chunksOf(whole).get(null)), [large])
    const part = newLog()
    const most = part.arrivals(HEAD, null)
    most.add(batch(['before']))
    for (const frame of frames.slice(0, -1)) most.add(frame)
    most.end()
    t.same(recordsOf(chunksOf(part).get(null)), ['before'])
  },
)

t.test('keys that do not travel are stored all the same', async (t) => {
  const log = newLog()
  const arrivals = log.arrivals({ ...HEAD, deal: 'group' }, (n: number) => `key ${n}`)
  for (const frame of framesOf(batch([7, 8], null, Uint16Array.of(1, 2)))) arrivals.add(frame)
  arrivals.end()
  const [section] = chunksOf(log).get(null)!.flatMap(decodeFlightChunk)
  t.same(section!.batches[0]!.keys, ['key 7', 'key 8'])
  t.same([...section!.batches[0]!.groups!], [1, 2])
})

t.test('nothing in flight is no chunk; much is several', async (t) => {
  const none = newLog()
  t.equal(chunksOf(none).size, 0)
  t.equal(none.isDone, true)
  const much = newLog()
  const records = Array.from({ length: 1000 }, (_, n) => `${n}`.padStart(1000))
  much.held(1, HEAD, [batch(records), batch(records), batch(records)])
  const chunks = chunksOf(much).get(1)!
  t.ok(chunks.length > 1)
  t.same(recordsOf(chunks), [...records, ...records, ...records])
})

t.test('a chunk that is cut, flipped or of another release is named', async (t) => {
  const writer = new FlightChunkWriter('test')
  writer.add(HEAD, batch([1, 2, 3]))
  const { bytes, count } = writer.take()!
  t.equal(count, 3)
  for (let at = 0; at < bytes.length; at++) {
    t.throws(
      () => decodeFlightChunk(bytes.subarray(0, at)),
      { code: 'E_SNAPSHOT_DAMAGED' },
      `${at}`,
    )
  }
  const newer = bytes.slice()
  newer[11] = 9
  t.throws(() => decodeFlightChunk(newer), { code: 'E_SNAPSHOT_VERSION' })
})

t.test(
  'whatever the parallelism and the key groups, each record is dealt out once, where it belongs',
  async (t) => {
    for (let seed = SEED; seed < SEED + 100; seed++) {
      const random = seededRandom(seed)
      const pick = (n: number) => 1 + Math.floor(random() * n)
      const formerParallelism = pick(4)
      const parallelism = pick(4)
      const maxParallelism = pick(2) * GROUPS
      const { chunks, byKey, unkeyed } = flightsTo(formerParallelism, random)
      const dealt = Array.from({ length: parallelism }, (_, subtask) =>
        restoreFlights(chunks, {
          subtask,
          parallelism,
          formerParallelism,
          maxParallelism,
          formerMaxParallelism: GROUPS,
        }),
      )
      const found = new Map<unknown, number[]>()
      const seen: unknown[] = []
      for (const [subtask, batches] of dealt.entries()) {
        for (const { records, keys, groups, times } of batches) {
          for (const [i, record] of records.entries()) {
            if (keys === null) {
              seen.push(record)
              continue
            }
            const key = keys[i]
            const group = keyGroupOf(key, maxParallelism)
            const owner = subtaskOf(group, parallelism, maxParallelism)
            if (owner !== subtask) return void t.fail(`seed ${seed}: ${key} is with ${subtask}`)
            if (groups !== null) t.equal(groups[i], group)
            if (times !== null && times[i] !== Number(record) / 2) t.fail(`seed ${seed}: times`)
            found.set(key, [...(found.get(key) ?? []), record as number])
          }
        }
      }
      t.strictSame(found, byKey, `seed ${seed}: in order, by key`)
      t.same(new Set(seen), new Set(unkeyed))
      if (seen.length !== unkeyed.length) return void t.fail(`seed ${seed}: twice`)
    }
  },
)

t.test('what only the first subtask may have goes there', async (t) => {
  const writer = new FlightChunkWriter('test')
  writer.add({ to: 0, input: 0, deal: 'first' }, batch([1, 2, 3]))
  const chunks = [writer.take()!.bytes]
  const of = (subtask: number) =>
    restoreFlights(chunks, {
      subtask,
      parallelism: 3,
      formerParallelism: 2,
      maxParallelism: GROUPS,
      formerMaxParallelism: GROUPS,
    })
  t.same([of(0).length, of(1).length, of(2).length], [1, 0, 0])
})

/** Flights to `parallelism` subtasks; the records of one key come by one sender. */
function flightsTo(parallelism: number, random: Random) {
  const byKey = new Map<unknown, number[]>()
  const unkeyed: number[] = []
  const writers = Array.from({ length: parallelism }, () => new FlightChunkWriter('test'))
  let next = 0
  for (let n = Math.floor(random() * 30); n > 0; n--) {
    const to = Math.floor(random() * parallelism)
    const size = 1 + Math.floor(random() * 20)
    const records = Array.from({ length: size }, () => next++)
    if (random() < 0.4) {
      unkeyed.push(...records)
      writers[to]!.add({ to, input: 1, deal: 'any' }, batch(records))
      continue
    }
    const keys = records.map(() => keyOwnedBy(to, parallelism, random))
    for (const [i, key] of keys.entries()) {
      byKey.set(key, [...(byKey.get(key) ?? []), records[i]!])
    }
    const groups = Uint16Array.from(keys, (key) => keyGroupOf(key, GROUPS))
    const times = Float64Array.from(records, (record) => record / 2)
    const hasGroups = random() < 0.5
    writers[to]!.add(
      { to, input: 0, deal: 'group' },
      batch(records, keys, hasGroups ? groups : null, random() < 0.5 ? times : null),
    )
  }
  const chunks = writers.flatMap((writer) => writer.take()?.bytes ?? [])
  return { chunks, byKey, unkeyed }
}

function keyOwnedBy(subtask: number, parallelism: number, random: Random): string {
  for (;;) {
    const key = `k${Math.floor(random() * 40)}`
    if (subtaskOf(keyGroupOf(key, GROUPS), parallelism, GROUPS) === subtask) return key
  }
}
