import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { decode as decodeAnyCbor } from 'cbor-x'
import fc from 'fast-check'
import t from 'tap'
import type { MillraceError } from '../../../lib/base/errors.js'
import { seededRandom } from '../../../lib/base/random.js'
import { BatchDecoder } from '../../../lib/wire/decoder.js'
import { BatchEncoder, type Records } from '../../../lib/wire/encoder.js'
import {
  type DataFrame,
  decodeFrame,
  encodeBarrier,
  encodeCancel,
  encodeCredit,
  encodeEnd,
  encodeIdle,
  encodeWatermark,
  type FrameHead,
  sealFrame,
  stampData,
} from '../../../lib/wire/frame.js'
import { testSeed } from '../../support/test-seed.js'
import { anyNumber, anyString, anyValue, isSame, quickestMs, withFields } from './values.js'

/** This file runs itself again as 'plain', without generated code. */
const ROLE = process.env.MILLRACE_TEST_ROLE ?? 'all'
const self = fileURLToPath(import.meta.url)
const head: FrameHead = { edge: 1, from: 2, to: 3, attempt: 4, session: 5, sequence: 6 }

const batchOf = (
  records: readonly unknown[],
  keys: readonly unknown[] | null = null,
  groups: ArrayLike<number> | null = null,
  times: ArrayLike<number> | null = null,
): Records => ({ records, keys, groups, times })

function encodeAll(encoder: BatchEncoder, batch: Records): ArrayBuffer[] {
  const frames: ArrayBuffer[] = []
  for (let from = 0; from < batch.records.length; from = encoder.next) {
    frames.push(encoder.encode(batch, from, batch.records.length))
  }
  return frames
}

function decodeAll(decoder: BatchDecoder, frames: readonly ArrayBuffer[]) {
  const batches = frames.flatMap((frame) => decoder.decode(frame) ?? [])
  return {
    records: batches.flatMap(({ records }) => records),
    keys: batches.flatMap(({ keys }) => keys ?? []),
    groups: batches.flatMap(({ groups }) => [...(groups ?? [])]),
    times: batches.flatMap(({ times }) => [...(times ?? [])]),
  }
}

function arrivesExactly(batches: readonly Records[], frameBytesMax = 65_536): boolean {
  const encoder = new BatchEncoder({ operator: 'test', frameBytesMax })
  const decoder = new BatchDecoder()
  return batches.every((batch) => {
    const frames = encodeAll(encoder, batch)
    const { records, keys, groups, times } = decodeAll(decoder, frames)
    return (
      frames.every(({ byteLength }) => byteLength <= frameBytesMax) &&
      isSame(records, batch.records) &&
      isSame(keys, batch.keys ?? []) &&
      isSame(groups, [...Array.from(batch.groups ?? [])]) &&
      isSame(times, [...Array.from(batch.times ?? [])])
    )
  })
}

function failure(run: () => unknown): MillraceError {
  try {
    run()
  } catch (error) {
    return error as MillraceError
  }
  throw new Error('nothing was thrown')
}

/** Records of one form, as real streams have them, but for a few. */
const leafs: readonly fc.Arbitrary<unknown>[] = [
  fc.integer(),
  anyNumber,
  fc.boolean(),
  fc.string({ maxLength: 40 }),
  anyString,
  fc.date({ noInvalidDate: false }),
  fc.constant(null),
  fc.option(fc.integer(), { nil: undefined }),
  fc.option(anyString, { nil: null }),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  anyValue,
]
const absent = Symbol('absent')

const form = (depth: number): fc.Arbitrary<fc.Arbitrary<unknown>> => {
  const leaf = fc.constantFrom(...leafs)
  if (depth === 0) return leaf
  const inner = form(depth - 1)
  const name = fc.constantFrom('a', 'b', 'c', 'x y', '0', 'price', 'constructor', '__proto__')
  const object = fc
    .uniqueArray(fc.tuple(name, inner, fc.boolean()), { selector: ([key]) => key, maxLength: 5 })
    .map((fields) =>
      fc
        .tuple(
          ...fields.map(([, field, optional]) =>
            optional ? fc.oneof(field, fc.constant(absent)) : field,
          ),
        )
        .map((values) =>
          withFields(
            values.flatMap((value, i) => (value === absent ? [] : [[fields[i]![0], value]])),
          ),
        ),
    )
  const tuple = fc
    .array(inner, { maxLength: 3 })
    .map((items) => fc.tuple(...items) as fc.Arbitrary<unknown>)
  return fc.oneof(leaf, object, object, tuple)
}

const anyRecords: fc.Arbitrary<unknown[]> = form(2).chain((record) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.array(record, { minLength: 1, maxLength: 40 }) },
    {
      weight: 1,
      arbitrary: fc.array(fc.oneof({ weight: 9, arbitrary: record }, anyValue), {
        minLength: 1,
        maxLength: 40,
      }),
    },
  ),
)

/** With keys: of their own, or a field of the record; and groups. */
const anyBatch: fc.Arbitrary<Records> = fc
  .tuple(anyRecords, form(1), fc.integer({ min: 0, max: 3 }), fc.boolean())
  .chain(([records, key, keyed, grouped]) => {
    const ownKeys = fc.array(key, { minLength: records.length, maxLength: records.length })
    const fieldOf = (record: unknown): unknown =>
      typeof record === 'object' && record !== null
        ? Object.getOwnPropertyDescriptor(record, 'a')?.value
        : record
    const keys =
      keyed === 0 ? fc.constant(null) : keyed === 1 ? fc.constant(records.map(fieldOf)) : ownKeys
    const groups = grouped ? Uint16Array.from(records, (_, i) => (i * 7919) & 0xffff) : null
    const times = fc.option(
      fc.array(fc.constantFrom(0, -0, -1, 1.5, 8.64e15, -8.64e15, 1_700_000_000_000), {
        minLength: records.length,
        maxLength: records.length,
      }),
    )
    return fc
      .tuple(keys, times)
      .map(([keys, times]) => batchOf(records, keys, groups, times && Float64Array.from(times)))
  })

const seed = testSeed(20_261_121)
fc.configureGlobal({ seed })
const numRuns = ROLE === 'all' ? 200 : 80

t.test('every batch arrives exactly: records, keys, groups', (t) => {
  fc.assert(
    fc.property(fc.array(anyBatch, { minLength: 1, maxLength: 3 }), (batches) =>
      arrivesExactly(batches),
    ),
    { numRuns },
  )
  t.end()
})

t.test('no frame is larger than allowed, whatever the batch', (t) => {
  fc.assert(
    fc.property(
      anyBatch,
      fc.integer({ min: 1024, max: 4096 }),
      fc.integer({ min: 1, max: 40 }),
      ({ records, keys, groups }, frameBytesMax, copies) => {
        const repeat = <T>(values: ArrayLike<T>): T[] =>
          Array.from({ length: copies }).flatMap(() => Array.from(values))
        const batch = batchOf(repeat(records), keys && repeat(keys), groups && repeat(groups))
        return arrivesExactly([batch], frameBytesMax)
      },
    ),
    { numRuns: numRuns / 4 },
  )
  t.end()
})

if (ROLE === 'all') {
  t.test('the same holds where code generation is disallowed', (t) => {
    const { status, stdout } = spawnSync(
      process.execPath,
      ['--disallow-code-generation-from-strings', self],
      { env: { ...process.env, MILLRACE_TEST_ROLE: 'plain' }, encoding: 'utf8' },
    )
    t.equal(status, 0, stdout.slice(-2000))
    t.end()
  })
}

t.test('missing, undefined and null stay apart, in every place', (t) => {
  const records = [
    { a: 1, b: { c: 'x' }, d: [1, null] },
    { a: undefined, b: { c: undefined }, d: [undefined, 'y'] },
    { a: null, b: null, d: null },
    { b: undefined, d: [2, undefined] },
    { b: {} },
    {},
  ]
  t.ok(arrivesExactly([batchOf(records), batchOf([undefined, null, undefined]), batchOf(records)]))
  t.end()
})

t.test('fields of records of one form keep their order', (t) => {
  const records = [
    { z: 1, m: 'x', a: true },
    { z: 2, a: false },
    { z: 3, m: 'y', a: true },
  ]
  const encoder = new BatchEncoder({ operator: 'test' })
  const got = decodeAll(new BatchDecoder(), encodeAll(encoder, batchOf(records)))
  t.strictSame(
    got.records.map((record) => Object.keys(record as object).join()),
    ['z,m,a', 'z,a', 'z,m,a'],
  )
  t.end()
})

t.test('every record is checked: what differs from the others is not lost', (t) => {
  const same = Array.from({ length: 50 }, (_, i) => ({ a: i, b: `text ${i}` }))
  const odd: unknown[] = [
    { a: 1, b: 'x', extra: 1 },
    { a: 1 },
    { a: 1.5, b: 'x' },
    { a: -0, b: 'x' },
    { a: 1n, b: 'x' },
    { a: new Date(1), b: 'x' },
    { a: 'y', b: 2 },
    { a: 1, b: '中文' },
    { a: 1, b: '\ud800' },
    { a: 1, b: 'x'.repeat(70_000) },
    { a: 1n, b: new Date(1) },
    Object.assign(Object.create(null), { a: 1, b: 'x' }),
    Object.defineProperty({ a: 1 }, 'b', { value: 'hidden' }),
    [1, 2],
    [1, 2, 3],
    'text',
    undefined,
    Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`field${i}`, i])),
  ]
  for (const record of odd) {
    const mixed = batchOf([...same, record, ...same])
    t.ok(arrivesExactly([mixed, batchOf(same)]), 'in the batch that shows the shape')
    t.ok(arrivesExactly([batchOf(same), mixed, batchOf(same)]), 'after it')
  }
  class Point {
    a = 1
    b = 'x'
  }
  class Pair extends Array<number> {}
  const pairs = same.map(({ a }) => [a, a])
  const encoder = new BatchEncoder({ operator: 'keyBy' })
  encodeAll(encoder, batchOf(same))
  const error = failure(() => encodeAll(encoder, batchOf([...same, new Point(), ...same])))
  encodeAll(encoder, batchOf(pairs))
  t.equal(failure(() => encodeAll(encoder, batchOf([Pair.of(1, 2)]))).code, 'E_CANNOT_TRAVEL')
  t.equal(error.code, 'E_CANNOT_TRAVEL')
  t.equal(error.details.type, 'an instance of Point')
  t.end()
})

t.test('what cannot travel is an error that names operator and field', (t) => {
  const cases: [Records, string][] = [
    [batchOf([{ a: 1, b: () => 1 }]), 'record.b'],
    [batchOf([{ a: { b: [new WeakMap()] } }]), 'record.a.b[0]'],
    [batchOf([1, 2, Symbol('x')]), 'record'],
    [batchOf([[1, /x/]]), 'record[1]'],
    [batchOf([1], [() => 1]), 'key'],
    [batchOf([{ text: 'x'.repeat(100_000), b: () => 1 }]), 'record.b'],
  ]
  for (const [batch, field] of cases) {
    const encoder = new BatchEncoder({ operator: 'prices' })
    const { code, message, details } = failure(() => encodeAll(encoder, batch))
    t.match({ code, details }, { code: 'E_CANNOT_TRAVEL', details: { operator: 'prices', field } })
    t.match(message, `operator prices: ${field} is `)
  }
  t.end()
})

t.test('a record larger than a frame leaves in fragments and arrives whole', (t) => {
  const large = {
    id: 7,
    text: `${'x'.repeat(200_000)}中`,
    list: Array.from({ length: 999 }, (_, i) => i),
  }
  const records = [1, large, large, { id: 1 }]
  const keys = ['a', 'b', 'c', 'd']
  const groups = Uint16Array.of(1, 2, 3, 65_535)
  const encoder = new BatchEncoder({ operator: 'test' })
  const frames = encodeAll(encoder, batchOf(records, keys, groups))
  t.ok(frames.length > 6)
  t.ok(frames.every(({ byteLength }) => byteLength <= 65_536))
  const decoder = new BatchDecoder()
  t.ok(isSame(decodeAll(decoder, frames), { records, keys, groups: [...groups], times: [] }))
  t.ok(arrivesExactly([batchOf(records, keys), batchOf(records), batchOf(records, null, groups)]))

  const [, second, third] = frames as [ArrayBuffer, ArrayBuffer, ArrayBuffer]
  const mixed = new BatchDecoder()
  t.equal(mixed.decode(second), null)
  t.equal(failure(() => mixed.decode(frames[0]!)).code, 'E_BAD_FRAME', 'nothing between fragments')
  const tiny = encodeAll(
    new BatchEncoder({ operator: 'test', frameBytesMax: 1024 }),
    batchOf([large]),
  )
  const [first] = tiny as [ArrayBuffer]
  const cut = first.slice(0, 64 + 100)
  new DataView(cut).setUint32(60, 100)
  t.equal(failure(() => new BatchDecoder().decode(cut)).code, 'E_BAD_FRAME', 'no crumbs')
  const small = new BatchDecoder({ recordBytesMax: 100_000 })
  t.equal(failure(() => small.decode(third)).code, 'E_BAD_FRAME', 'nothing beyond the limit')
  t.end()
})

t.test('a record beyond the limit is an error that names operator and size', (t) => {
  const encoder = new BatchEncoder({ operator: 'blobs', recordBytesMax: 100_000 })
  const batch = batchOf(['small', 'x'.repeat(100_001)])
  encoder.encode(batch, 0, 2)
  t.equal(encoder.next, 1)
  const { code, details } = failure(() => encoder.encode(batch, 1, 2))
  t.match({ code, details }, { code: 'E_RECORD_TOO_LARGE', details: { operator: 'blobs' } })
  t.equal(details.limit, 100_000)
  t.end()
})

t.test('records per frame follow what was seen', (t) => {
  const encoder = new BatchEncoder({ operator: 'test' })
  const batch = batchOf(Array.from({ length: 5000 }, (_, i) => ({ text: `${i}`.padEnd(200) })))
  for (let i = 0; i < 8; i++) encodeAll(encoder, batch)
  encoder.encode(batch, 0, 5000)
  const fits = encoder.next
  t.ok(Math.abs(encoder.recordsPerFrame - fits) < fits / 2, `${encoder.recordsPerFrame} of ${fits}`)
  t.end()
})

t.test('a frame shares no memory with what was decoded, and is exact in size', (t) => {
  const encoder = new BatchEncoder({ operator: 'test' })
  const batch = batchOf([{ a: Uint8Array.of(1, 2), b: 'x' }], ['k'], [5])
  const frame = encoder.encode(batch, 0, 1)
  const { records, groups } = new BatchDecoder().decode(frame)!
  new Uint8Array(frame).fill(255)
  t.ok(isSame(records, batch.records))
  t.strictSame([...groups!], [5])
  t.end()
})

t.test('a frame is one item of CBOR to any decoder', (t) => {
  const batch = batchOf(
    [
      { a: 1, b: 2.5, s: 'x', v: 10n },
      { a: 2, b: -1, s: 'yz', v: new Map() },
    ],
    [1, 2],
    [3, 4],
  )
  const frame = new BatchEncoder({ operator: 'test' }).encode(batch, 0, 2)
  stampData(frame, head, 9)
  const items = decodeAnyCbor(new Uint8Array(frame)) as unknown[]
  t.strictSame(items.slice(0, 9), [0, 0, 1, 2, 3, 4, 5, 6n, 0])
  t.strictSame(items.slice(9, 11), [9, 2], 'backlog and count')
  t.ok(items.some((item) => item instanceof Float64Array && item[0] === 2.5 && item[1] === -1))
  t.ok(items.some((item) => item instanceof Int32Array && item[0] === 1 && item[1] === 2))
  const others = [
    encodeCredit(head, 2 ** 40),
    encodeCancel(head),
    encodeWatermark(head, -1.5),
    encodeBarrier(head, 3, false),
    encodeIdle(head, true),
    encodeEnd(head),
  ].map((frame) => decodeAnyCbor(new Uint8Array(frame)) as unknown[])
  t.strictSame(
    others.map(([kind, ...rest]) => [kind, ...rest.slice(8)]),
    [[1, 2n ** 40n], [2], [3, -1.5], [4, 3n], [5, true], [6]],
  )
  t.end()
})

t.test('every kind of frame arrives with its channel, attempt, session and sequence', (t) => {
  const big: FrameHead = {
    edge: 2 ** 32 - 1,
    from: 2 ** 31,
    to: 65_536,
    attempt: 2 ** 32 - 1,
    session: 2 ** 32 - 2,
    sequence: Number.MAX_SAFE_INTEGER,
  }
  for (const at of [head, big]) {
    for (const sealed of [false, true]) {
      const frames: [ArrayBuffer, object][] = [
        [encodeCredit(at, 2 ** 50), { kind: 1, upToSequence: 2 ** 50 }],
        [encodeCancel(at), { kind: 2 }],
        [encodeWatermark(at, -Infinity), { kind: 3, timeMs: -Infinity }],
        [encodeWatermark(at, 1_700_000_000_000), { kind: 3, timeMs: 1_700_000_000_000 }],
        [
          encodeBarrier(at, 2 ** 33, false),
          { kind: 4, round: 2 ** 33, full: false, unaligned: false },
        ],
        [encodeBarrier(at, 7, true), { kind: 4, round: 7, full: true, unaligned: false }],
        [encodeBarrier(at, 7, false, true), { kind: 4, round: 7, full: false, unaligned: true }],
        [encodeIdle(at, false), { kind: 5, active: false }],
        [encodeIdle(at, true), { kind: 5, active: true }],
        [encodeEnd(at), { kind: 6 }],
      ]
      for (const [frame, body] of frames) {
        if (sealed) sealFrame(frame)
        t.strictSame(decodeFrame(frame, sealed), { ...at, ...body })
      }
      const data = new BatchEncoder({ operator: 'test' }).encode(batchOf(['x']), 0, 1)
      stampData(data, at, 77)
      if (sealed) sealFrame(data)
      const { frame, ...rest } = decodeFrame(data, sealed) as DataFrame
      t.strictSame(rest, { kind: 0, ...at, backlog: 77, isFragment: false })
      t.strictSame(new BatchDecoder().decode(frame)?.records, ['x'])
    }
  }
  t.end()
})

t.test('a frame that is too long or too short is none', (t) => {
  const refuse = (bytes: ArrayBuffer): string | null => outcome(bytes).code
  // The last fragment of a record is none without those before it.
  const frames = corpus().filter((frame) => refuse(frame) === null)
  t.ok(frames.length >= 12)
  for (const frame of frames) {
    const longer = new Uint8Array(frame.byteLength + 8)
    longer.set(new Uint8Array(frame))
    t.equal(refuse(longer.buffer), 'E_BAD_FRAME')
    t.equal(refuse(longer.buffer.slice(0, frame.byteLength + 1)), 'E_BAD_FRAME')
    for (const less of [1, 8, 16]) {
      t.equal(refuse(frame.slice(0, -less)), 'E_BAD_FRAME')
    }
  }
  t.end()
})

t.test('a sealed frame does not survive a flipped bit, nor the loss of its seal', (t) => {
  const frame = encodeBarrier(head, 12, true)
  t.equal(failure(() => decodeFrame(frame, true)).code, 'E_BAD_FRAME')
  sealFrame(frame)
  for (let bit = 0; bit < frame.byteLength * 8; bit++) {
    const damaged = frame.slice(0)
    const bytes = new Uint8Array(damaged)
    bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7))
    if (failure(() => decodeFrame(damaged, true)).code !== 'E_BAD_FRAME') t.fail(`bit ${bit}`)
  }
  t.end()
})

/** Frames of every kind, for mutation. */
function corpus(): ArrayBuffer[] {
  const encoder = () => new BatchEncoder({ operator: 'test', frameBytesMax: 1024 })
  const batches = [
    batchOf([1, 2, 3]),
    batchOf(['a', 'bcd', '中']),
    batchOf([{ a: 1, b: 'x', c: true, d: new Date(1) }, { a: 2.5 }], ['k', 'l'], [1, 2]),
    batchOf(
      [
        [1, { n: { m: [1, 'x'] } }],
        [2, undefined],
      ],
      [1, 2],
    ),
    batchOf(['same', 'keys'], ['same', 'keys'], [1, 2]),
    batchOf([new Map([[1, new Set(['x'])]]), 10n, Uint8Array.of(1), { __proto__: null, x: 1 }]),
    batchOf([{}, {}, {}]),
    batchOf(['x'.repeat(2000)], ['k'], [1], [1.5]),
    batchOf([1, 2], null, null, [1_700_000_000_000, -1]),
  ]
  const data = batches.flatMap((batch) => encodeAll(encoder(), batch))
  for (const frame of data) stampData(frame, head, 1)
  const others = [
    encodeCredit(head, 5),
    encodeWatermark(head, 5),
    encodeIdle(head, true),
    encodeEnd(head),
  ]
  return [...data, ...others]
}

/** What becomes of a frame: a value, or the code of the error. */
function outcome(input: ArrayBuffer): { code: string | null; tookMs: number } {
  const start = performance.now()
  let code: string | null = null
  try {
    const frame = decodeFrame(input)
    if (frame.kind === 0) new BatchDecoder().decode(frame.frame)
  } catch (error) {
    code = (error as MillraceError).code ?? String(error)
  }
  return { code, tookMs: performance.now() - start }
}

function mutate(frame: ArrayBuffer, random: () => number): ArrayBuffer {
  const below = (limit: number): number => Math.floor(random() * limit)
  if (random() < 0.1) return frame.slice(0, below(frame.byteLength + 1))
  const bytes = new Uint8Array(frame.slice(0))
  const first = random() < 0.7 ? 43 : 0
  for (let i = 0, changes = 1 + below(4); i < changes; i++) {
    const at = Math.min(first + below(bytes.length), bytes.length - 1)
    const kind = below(4)
    if (kind === 0) bytes[at] = below(256)
    else if (kind === 1) bytes[at] = bytes[at]! ^ (1 << below(8))
    else if (kind === 2) bytes[at] = [0, 255, 0x7f, 0x80, 0x5f, 0x9f][below(6)]!
    else bytes.copyWithin(at, below(bytes.length), below(bytes.length))
  }
  return bytes.buffer
}

if (ROLE === 'all') {
  t.test('a damaged frame gives a value or E_BAD_FRAME, in time', (t) => {
    const random = seededRandom(seed)
    const frames = corpus()
    let refused = 0
    let slowestMs = 0
    for (let i = 0; i < 20_000; i++) {
      const damaged = mutate(frames[i % frames.length]!, random)
      const { code, tookMs } = outcome(damaged)
      if (code !== null) refused += 1
      if (code !== null && code !== 'E_BAD_FRAME') t.fail(`mutation ${i}: ${code}`)
      if (tookMs > slowestMs) {
        slowestMs = Math.max(
          slowestMs,
          quickestMs(() => outcome(damaged)),
        )
      }
    }
    t.ok(refused > 5000, `${refused} refused`)
    t.ok(slowestMs < 50, `slowest ${slowestMs.toFixed(1)} ms`)
    t.notOk('polluted' in {})
    t.end()
  })

  t.test('texts arrive whole, cut from runs and read one by one', (t) => {
    for (const character of ['x', 'ÿ', '文']) {
      const text = (length: number): string => character.repeat(length) + length
      const short = Array.from({ length: 40 }, (_, i) => ({ a: text(i % 9), b: i }))
      const long = Array.from({ length: 40 }, (_, i) => ({ a: text(10 * i), b: i }))
      const batch = batchOf([...short, ...long, ...short, { a: '', b: 0 }])
      t.ok(arrivesExactly([batch, batch]), character)
    }
    t.end()
  })

  t.test('a kept key keeps little else alive', (t) => {
    const script = fileURLToPath(new URL('kept-keys.js', import.meta.url))
    const bytesPerKey = (mode: string): number => {
      const args = ['--expose-gc', script, mode]
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
      t.equal(status, 0, `it measures: ${stderr}`)
      return Number(stdout)
    }
    const asDecoded = bytesPerKey('decoded')
    const copied = bytesPerKey('copied')
    const long = bytesPerKey('long')
    t.comment(`bytes per kept key: ${asDecoded} as decoded, ${copied} copied, ${long} of long ones`)
    t.ok(asDecoded > copied, 'both were measured')
    t.ok(asDecoded < 700, 'a key as decoded keeps its run of 16')
    t.ok(copied < 250, 'a copied key keeps itself')
    t.ok(long > 900 && long < 2000, 'a long key as decoded keeps itself, not its neighbours')
    t.end()
  })
}
