/** The LevelDB sink: epochs appear whole, and replays write the same again. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Json } from '../../../lib/base/json.js'
import { openLevel } from '../../../lib/base/level.js'
import { seededRandom } from '../../../lib/base/random.js'
import { type LevelSinkOptions, levelSink } from '../../../lib/connectors/index.js'
import { DrivenWriter, type SinkPlace } from '../../../lib/testing/driven-writer.js'
import { sinkConformance } from '../../conformance/sink.js'
import { until } from '../../support/source-harness.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed(1)

type Pair = readonly [key: string, value: unknown]
const pairs = { key: ([key]: Pair) => key, value: ([, value]: Pair) => value }

const opened = (
  directory: string,
  place: SinkPlace = {},
  options: Partial<LevelSinkOptions<Pair>> = {},
) =>
  new DrivenWriter(levelSink<Pair>(directory, { ...pairs, ...options }), {
    snapshots: true,
    ...place,
  })

/** What lies in it, without the mark, once it is closed. */
async function contentOf(directory: string): Promise<Record<string, unknown>> {
  const db = await openLevel(directory, false, { writeBufferBytes: 1 << 20, fileBytesMax: 1 << 20 })
  const content: Record<string, unknown> = {}
  for await (const [key, value] of db.iterator({ gte: '\u0001' })) {
    content[key] = JSON.parse(Buffer.from(value).toString())
  }
  await db.close()
  return content
}

t.test('it keeps the contract of sinks', async (t) => {
  const directory = join(t.testdir({}), 'new', 'db')
  await sinkConformance(t, {
    name: 'levelSink',
    sink: () => levelSink<Pair>(directory, pairs),
    records: [
      ['a', 1],
      ['b', { c: [2] }],
      ['a', null],
      ['gone', 1],
      ['gone', undefined],
    ],
    output: () => contentOf(directory),
    expected: { a: null, b: { c: [2] } },
  })
})

t.test('what came between two barriers appears at once, and is there after a crash', async (t) => {
  const directory = join(t.testdir({}), 'db')
  const driven = opened(directory)
  driven.writer.write([
    ['a', 1],
    ['b', 1],
  ])
  const restored = await driven.transactional.prepare(1)
  t.same(restored, [{ directory, round: 1 }])
  driven.writer.write([['a', 2]])
  driven.writer.flush()
  await driven.writer.abort()
  t.same(await contentOf(directory), { a: 1, b: 1 })
  const next = opened(directory, { attempt: 2, restored })
  t.same(await next.transactional.prepare(2), [], 'nothing was written')
  next.writer.write([['a', 2]])
  await next.writer.finish()
  t.same(await next.transactional.prepare(3), [{ directory, round: 3 }])
  t.same(await contentOf(directory), { a: 2, b: 1 }, 'the end is prepared, then it is closed')
})

t.test('an end that comes while a barrier is being written loses nothing', async (t) => {
  const directory = join(t.testdir({}), 'db')
  const { writer, transactional } = opened(directory)
  writer.write([['a', 1]])
  const barrier = transactional.prepare(1)
  writer.write([['a', 2]])
  await writer.finish()
  t.same(await transactional.prepare(2), [{ directory, round: 2 }])
  await barrier
  t.same(await contentOf(directory), { a: 2 })
})

t.test('whatever the crashes, in the end each key has its last value', async (t) => {
  const dir = t.testdir({})
  for (let seed = SEED; seed < SEED + 10; seed++) {
    const random = seededRandom(seed)
    const directory = join(dir, String(seed))
    const records = Array.from({ length: 300 }, (_, n): Pair => {
      const key = `k${Math.floor(random() * 40)}`
      return [key, random() < 0.2 ? undefined : n]
    })
    const options = { keysMax: seed % 2 === 0 ? 5 : 1_000 }
    let driven = opened(directory, {}, options)
    let snapshot: { at: number; transactions: readonly Json[] } | null = null
    let attempt = 1
    for (let at = 0, round = 1; at < records.length; ) {
      const next = Math.min(records.length, at + 1 + Math.floor(random() * 20))
      await driven.writeAll([records.slice(at, next)])
      at = next
      if (random() < 0.4) {
        const transactions = await driven.transactional.prepare(round++)
        snapshot = { at, transactions: JSON.parse(JSON.stringify(transactions)) }
      } else if (random() < 0.2) {
        await driven.writer.abort()
        const restored = snapshot?.transactions ?? null
        driven = opened(directory, { attempt: ++attempt, restored }, options)
        at = snapshot?.at ?? 0
      }
    }
    await driven.writer.finish()
    await driven.transactional.prepare(1_000)
    const expected: Record<string, unknown> = {}
    for (const [key, value] of records) {
      if (value === undefined) delete expected[key]
      else expected[key] = value
    }
    t.same(await contentOf(directory), expected, `seed ${seed}`)
    t.same(driven.failures, [])
  }
})

t.test('a directory that is behind the snapshot is an error, not a beginning', async (t) => {
  const directory = join(t.testdir({}), 'db')
  const driven = opened(directory)
  driven.writer.write([['a', 1]])
  await driven.transactional.prepare(4)
  await driven.writer.abort()
  for (const [round, seen] of [
    [9, /ends at checkpoint 4/],
    [9, /holds none/],
  ] as const) {
    const behind = opened(directory, { restored: [{ directory, round }] })
    await until('it is noticed', () => behind.failures.length > 0)
    t.match(behind.failures, [{ code: 'E_LEVEL_BEHIND', message: seen }])
    behind.writer.write([['a', 2]])
    await t.rejects(behind.transactional.prepare(10), { code: 'E_LEVEL_BEHIND' })
    await behind.writer.abort()
    rmSync(directory, { recursive: true })
  }
  t.throws(() => opened(directory, { restored: [{ path: 'x' }] }), { code: 'E_SINK_CHANGED' })
})

t.test('it says when it is full, and writes ahead then', async (t) => {
  const directory = join(t.testdir({}), 'db')
  const driven = opened(directory, {}, { keysMax: 10 })
  t.equal(driven.writer.write(Array.from({ length: 9 }, (_, n): Pair => [`k${n}`, n])), true)
  t.equal(driven.writer.write([['k9', 9]]), false)
  t.equal(driven.writer.write([['late', 1]]), false, 'what comes nevertheless is taken')
  await driven.woken(0)
  t.equal(driven.writer.write([['k10', 10]]), true)
  await driven.transactional.prepare(1)
  await driven.writer.abort()
  t.equal(Object.keys(await contentOf(directory)).length, 12)
})

t.test('what goes wrong is named', async (t) => {
  const dir = t.testdir({ file: '' })
  const driven = opened(join(dir, 'db'))
  for (const key of ['', '\0x', 3 as unknown as string]) {
    t.throws(() => driven.writer.write([[key, 1]]), { code: 'E_LEVEL_KEY' })
  }
  t.throws(() => driven.writer.write([['a', 1n]]), { code: 'E_FORMAT' })
  t.throws(() => driven.writer.write([['a', () => 1]]), { code: 'E_FORMAT' })
  driven.writer.write([['a', 1]])
  await driven.transactional.prepare(1)
  const second = opened(join(dir, 'db'))
  second.writer.write([['a', 1]])
  await t.rejects(second.transactional.prepare(1), { code: 'E_LEVEL_LOCKED', retryable: true })
  t.match(second.failures, [{ code: 'E_LEVEL_LOCKED' }])
  await second.writer.abort()
  await driven.writer.abort()

  const blocked = opened(join(dir, 'file'))
  blocked.writer.write([['a', 1]])
  await t.rejects(blocked.transactional.prepare(1), { message: /cannot write to .*file/ })
  await blocked.writer.abort()

  mkdirSync(join(dir, 'broken'))
  writeFileSync(join(dir, 'broken', 'CURRENT'), 'nonsense')
  const broken = opened(join(dir, 'broken'))
  broken.writer.write([['a', 1]])
  await t.rejects(broken.transactional.prepare(1), { code: 'E_LEVEL', message: /broken/ })
  await broken.writer.abort()
  t.throws(() => opened(join(dir, 'db'), { parallelism: 2 }), { code: 'E_SINK_PARALLELISM' })
  t.throws(() => levelSink('x', {} as never), { code: 'E_BAD_OPTION' })
})

t.test('who does not use it does not load it', async (t) => {
  const loaded = (use: string): boolean => {
    const connectors = new URL('../../../lib/connectors/index.js', import.meta.url).href
    const level = new URL('../../../lib/base/level.js', import.meta.url).href
    const script = `await import('${connectors}'); ${use ? `await import('${level}');` : ''}
      console.log(process.report.getReport().sharedObjects.join(' '))`
    const args = ['--input-type=module', '-e', script]
    return /classic.level/.test(execFileSync(process.execPath, args, { encoding: 'utf8' }))
  }
  t.equal(loaded(''), false)
  t.equal(loaded('level'), true)
})
