/**
 * Plain file sinks with snapshots: a restart cuts the file off where the snapshot says it ended.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Json } from '../../../lib/base/json.js'
import { seededRandom } from '../../../lib/base/random.js'
import { BlockWriter } from '../../../lib/connectors/block-writer.js'
import { fileError } from '../../../lib/connectors/file-error.js'
import { csvFile, linesFile, ndjsonFile, type Sink } from '../../../lib/connectors/index.js'
import { isTransactional } from '../../../lib/connectors/sink.js'
import { DrivenWriter, type SinkPlace } from '../../../lib/testing/driven-writer.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed(1)

const opened = <T>(sink: Sink<T>, place: SinkPlace = {}) =>
  new DrivenWriter(sink, { snapshots: true, ...place })

const text = (path: string) => readFileSync(path, 'utf8')

t.test('whatever the snapshots and failures, every record is in the file once', async (t) => {
  const dir = t.testdir({})
  const kinds: readonly (readonly [
    string,
    (path: string) => Sink<never>,
    (n: number) => unknown,
  ])[] = [
    ['lines', (path) => linesFile(path) as Sink<never>, (n) => `line ${n} ${'ä'.repeat(n % 5)}`],
    ['csv', (path) => csvFile(path) as Sink<never>, (n) => ({ n, half: n / 2 })],
    ['ndjson', (path) => ndjsonFile(path) as Sink<never>, (n) => ({ n, text: '\n' })],
    ['append', (path) => linesFile(path, { append: true }) as Sink<never>, (n) => `line ${n}`],
  ]
  for (const [name, make, recordOf] of kinds) {
    for (let seed = SEED; seed < SEED + 12; seed++) {
      const random = seededRandom(seed)
      const path = join(dir, `${name}-${seed}`)
      const expected = join(dir, `${name}-${seed}-expected`)
      if (name === 'append') for (const file of [path, expected]) writeFileSync(file, 'before\n')
      const records = Array.from({ length: 200 }, (_, n) => recordOf(n) as never)
      const whole = new DrivenWriter(make(expected))
      await whole.writeAll([records])
      await whole.writer.finish()

      // With `append`, the first snapshot is what makes a restart know what it added.
      let driven = opened(make(path))
      let snapshot: { at: number; transactions: readonly Json[] } = {
        at: 0,
        transactions: await driven.transactional.prepare(0),
      }
      let attempt = 1
      for (let at = 0, round = 1; at < records.length; ) {
        const next = Math.min(records.length, at + 1 + Math.floor(random() * 30))
        await driven.writeAll([records.slice(at, next)])
        at = next
        const what = random()
        if (what < 0.3) driven.writer.flush()
        else if (what < 0.6) {
          const prepared = driven.transactional.prepare(round++)
          // What comes behind a barrier does not wait for what came before it to be durable.
          const more = Math.min(records.length, at + Math.floor(random() * 3))
          driven.writer.write(records.slice(at, more))
          snapshot = { at, transactions: JSON.parse(JSON.stringify(await prepared)) }
          at = more
        } else if (what < 0.75) {
          await driven.writer.abort()
          const restored = snapshot.transactions
          driven = opened(make(path), { attempt: ++attempt, restored })
          await driven.transactional.commit(restored)
          await driven.transactional.recover(restored)
          at = snapshot.at
        }
      }
      await driven.writer.finish()
      await driven.transactional.commit(await driven.transactional.prepare(1000))
      t.equal(text(path), text(expected), `${name}, seed ${seed}`)
      t.same(driven.failures, [])
    }
  }
})

t.test('a barrier makes durable what came before it, and describes it', async (t) => {
  const path = join(t.testdir({}), 'new', 'dir', 'a.txt')
  const driven = opened(linesFile(path))
  driven.writer.write(['one'])
  t.same(await driven.transactional.prepare(1), [{ path, bytes: 4, note: null }])
  t.equal(text(path), 'one\n')
  driven.writer.write(['two'])
  await driven.writer.finish()
  t.same(await driven.transactional.prepare(2), [{ path, bytes: 8, note: null }])
  t.equal(text(path), 'one\ntwo\n', 'the end is prepared too, and opens nothing anew')
})

t.test('a file that is shorter than the snapshot says, or gone, is an error', async (t) => {
  const path = join(t.testdir({}), 'a.txt')
  const driven = opened(linesFile(path))
  driven.writer.write(['0123456789'])
  const restored = await driven.transactional.prepare(1)
  await driven.writer.abort()
  for (const [damage, seen] of [
    [() => truncateSync(path, 5), /a\.txt holds 11 bytes of output, but it has 5/],
    [() => rmSync(path), /a\.txt holds 11 bytes of output, but it is no longer there/],
  ] as const) {
    damage()
    const next = opened(linesFile(path), { attempt: 2, restored })
    next.writer.write(['x'])
    await t.rejects(next.writer.finish(), {
      code: 'E_FILE_CHANGED',
      message: seen,
      retryable: false,
    })
    t.match(next.failures, [{ code: 'E_FILE_CHANGED' }])
    await next.writer.abort()
  }
  t.equal(existsSync(path), false, 'and nothing is begun in its place')
  t.throws(() => opened(linesFile(path), { restored: ['another kind'] }), {
    code: 'E_SINK_CHANGED',
  })
})

t.test('what a snapshot does not know: finished files stay, new ones begin empty', async (t) => {
  const dir = t.testdir({ 'done.txt': 'done\n', 'stale.txt': 'stale\n' })
  const finished = opened(linesFile(join(dir, 'done.txt')), { restored: [] })
  t.same(await finished.transactional.prepare(1), [])
  await finished.writer.finish()
  t.equal(text(join(dir, 'done.txt')), 'done\n')
  const fresh = opened(linesFile(join(dir, 'stale.txt')), { restored: [] })
  fresh.writer.write(['new'])
  await fresh.writer.finish()
  t.equal(text(join(dir, 'stale.txt')), 'new\n')
})

t.test('columns stay what they were, and the header is written once', async (t) => {
  const path = join(t.testdir({}), 'a.csv')
  const driven = opened(csvFile(path))
  driven.writer.write([{ a: 1, b: 2 }])
  const restored = await driven.transactional.prepare(1)
  driven.writer.write([{ a: 0, b: 0 }])
  await driven.writer.finish()
  const next = opened(csvFile(path), { attempt: 2, restored })
  next.writer.write([{ b: 4, a: 3 }])
  await next.writer.finish()
  t.equal(text(path), 'a,b\n1,2\n3,4\n')
})

t.test('an empty CSV gets its header even where a snapshot came first', async (t) => {
  const path = join(t.testdir({}), 'a.csv')
  const driven = opened(csvFile(path))
  const restored = await driven.transactional.prepare(1)
  await driven.writer.abort()
  const next = opened(csvFile(path), { attempt: 2, restored })
  next.writer.write([{ a: 1 }])
  await next.writer.finish()
  t.equal(text(path), 'a\n1\n')
})

t.test('files of subtasks that there are no more are cut off too', async (t) => {
  const dir = t.testdir({})
  const sink = () => linesFile(join(dir, 'a-{subtask}.txt'))
  const restored: Json[] = []
  for (const subtask of [0, 1]) {
    const driven = opened(sink(), { subtask, parallelism: 2 })
    driven.writer.write(['kept'])
    restored.push(...(await driven.transactional.prepare(1)))
    driven.writer.write(['cut off'])
    await driven.writer.finish()
  }
  const next = opened(sink(), { attempt: 2, restored })
  await next.transactional.recover(restored)
  next.writer.write(['added'])
  await next.writer.finish()
  t.equal(text(join(dir, 'a-0.txt')), 'kept\nadded\n')
  t.equal(text(join(dir, 'a-1.txt')), 'kept\n')
})

t.test('a file without a subtask for a life is gone on with once, whatever dies', async (t) => {
  const dir = t.testdir({})
  const sink = () => linesFile(join(dir, 'a-{subtask}.txt'))
  const second = { subtask: 1, parallelism: 2 }
  const driven = opened(sink(), second)
  driven.writer.write(['kept'])
  let restored = await driven.transactional.prepare(1)
  await driven.writer.finish()
  for (let round = 2; round < 5; round++) {
    const alone = opened(sink(), { attempt: round, restored })
    await alone.transactional.recover(restored)
    restored = JSON.parse(JSON.stringify(await alone.transactional.prepare(round)))
    await alone.writer.abort()
  }
  for (const dies of [true, true, false]) {
    const again = opened(sink(), { ...second, attempt: 5, restored })
    again.writer.write(['added'])
    await again.transactional.prepare(5)
    await (dies ? again.writer.abort() : again.writer.finish())
  }
  t.equal(text(join(dir, 'a-1.txt')), 'kept\nadded\n')
})

t.test('a pipe is synced as far as it can be, and nothing of it is restored', async (t) => {
  const path = join(t.testdir({}), 'pipe')
  execFileSync('mkfifo', [path])
  const reader = new Promise<string>((resolve, reject) => {
    import('node:fs/promises').then(({ readFile }) => readFile(path, 'utf8')).then(resolve, reject)
  })
  const driven = opened(linesFile(path))
  driven.writer.write(['through'])
  t.same(await driven.transactional.prepare(1), [])
  await driven.writer.finish()
  t.equal(await reader, 'through\n')
  t.equal(linesFile('/dev/stdout').guarantee, 'at-least-once')
  t.equal(linesFile(path).guarantee, 'idempotent')
})

t.test('without snapshots there is nothing to prepare', (t) => {
  const path = join(t.testdir({}), 'a.txt')
  t.equal(isTransactional(new DrivenWriter(linesFile(path)).writer), false)
  t.end()
})

t.test('a sync that fails is not tried again as if nothing had been', async (t) => {
  let syncs = 0
  const failures: Error[] = []
  const sync = async () => {
    syncs++
    throw Object.assign(new Error('i/o error'), { code: 'EIO' })
  }
  const writer = new BlockWriter({
    open: async () => ({ write: async (bytes) => bytes.length, sync, close: async () => {} }),
    onRoom: () => {},
    onFailure: (failure) => failures.push(failure),
    explain: (cause) => fileError(cause, 'write', 'x'),
  })
  writer.write('a')
  await t.rejects(writer.behind(sync), { code: 'E_DEVICE', retryable: false })
  writer.write('b')
  await t.rejects(writer.behind(sync), { code: 'E_DEVICE' })
  await t.rejects(writer.finish(), { code: 'E_DEVICE' })
  t.equal(syncs, 1)
  t.equal(failures.length, 1)
})

t.test('what waits behind the writes of an aborted writer is rejected', async (t) => {
  const writer = new BlockWriter({
    open: () => new Promise(() => {}),
    onRoom: () => {},
    onFailure: (failure) => t.fail(failure.message),
    explain: (cause) => fileError(cause, 'write', 'x'),
  })
  writer.write('a')
  writer.settle(true)
  const step = writer.behind(async () => t.fail('it was aborted'))
  void writer.abort()
  await t.rejects(step, { code: 'E_SINK_ABORTED' })
  await t.rejects(
    writer.behind(async () => {}),
    { code: 'E_SINK_ABORTED' },
  )
})
