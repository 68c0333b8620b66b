/** Part files: what is committed is there once and whole, wherever it was crashed. */
import { createHash } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Json } from '../../../lib/base/json.js'
import { seededRandom } from '../../../lib/base/random.js'
import { type PartFilesOptions, partFiles } from '../../../lib/connectors/index.js'
import { DrivenWriter, type SinkPlace } from '../../../lib/testing/driven-writer.js'
import { transactionalSinkConformance } from '../../conformance/sink.js'
import { HandClock, until } from '../../support/source-harness.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed(1)

const opened = <T>(directory: string, options: PartFilesOptions<T> = {}, place: SinkPlace = {}) =>
  new DrivenWriter(partFiles(directory, options), { snapshots: true, ...place })

/** Paths of files below a directory, by name. */
function filesIn(directory: string): readonly string[] {
  if (!existsSync(directory)) return []
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  const isFile = (file: string) => lstatSync(join(directory, file)).isFile()
  const nameOf = (file: string) => file.slice(file.lastIndexOf('/') + 1)
  return files.filter(isFile).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
}

const isHidden = (file: string) => /(^|\/)\.[^/]*$/.test(file)
const shownIn = (directory: string) => filesIn(directory).filter((file) => !isHidden(file))
const hiddenIn = (directory: string) => filesIn(directory).filter(isHidden)
const text = (directory: string, file: string) => readFileSync(join(directory, file), 'utf8')
const linesOf = (directory: string) =>
  shownIn(directory).flatMap((file) => text(directory, file).split('\n').slice(0, -1))

async function commitAll<T>(driven: DrivenWriter<T>, round = 1): Promise<readonly Json[]> {
  const transactions = await driven.transactional.prepare(round)
  await driven.transactional.commit(transactions)
  return transactions
}

t.test('part files keep the contract of two phases, through every crash', async (t) => {
  const dir = t.testdir({})
  let targets = 0
  const fresh = () => join(dir, `target-${targets++}`)
  const words = Array.from({ length: 14 }, (_, n) => `${n} ${'wörd'.repeat(n % 3)}`)
  await transactionalSinkConformance(t, {
    name: 'lines',
    records: words,
    target: () => {
      const at = fresh()
      return {
        sink: () => partFiles(at, { format: 'lines' }),
        shown: () => linesOf(at),
      }
    },
  })
  await transactionalSinkConformance(t, {
    name: 'ndjson, rolled at every second record',
    records: words.map((word, n) => ({ n, word })),
    parallelism: 3,
    target: () => {
      const at = fresh()
      return {
        sink: () => partFiles<object>(at, { roll: { records: 2 } }),
        shown: () => linesOf(at).map((line) => JSON.parse(line)),
      }
    },
  })
  await transactionalSinkConformance(t, {
    name: 'CSV in buckets',
    records: words.map((word, n) => ({ n, word })),
    parallelism: 1,
    expected: ({ n, word }) => `${n},${word}`,
    target: () => {
      const at = fresh()
      return {
        sink: () =>
          partFiles<{ n: number }>(at, {
            format: 'csv',
            bucket: ({ n }) => `mod=${n % 3}/all`,
            openFilesMax: 2,
          }),
        // Buckets have no order among each other.
        shown: () =>
          linesOf(at)
            .filter((line) => line !== 'n,word')
            .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)),
      }
    },
  })
})

t.test('a part is in progress, then pending, then committed', async (t) => {
  const dir = join(t.testdir({}), 'new', 'out')
  const driven = opened<string>(
    dir,
    { format: 'lines' },
    { run: 'cafe', subtask: 2, parallelism: 3 },
  )
  driven.writer.write(['one', 'two'])
  driven.writer.flush()
  t.same(shownIn(dir), [])
  const [transaction] = await driven.transactional.prepare(7)
  const name = 'part-002-000007-000000-cafe-1.txt'
  t.same(filesIn(dir), [`.${name}.pending`])
  const sha256 = createHash('sha256').update('one\ntwo\n').digest('hex')
  t.same(transaction, { directory: dir, bucket: '', name, bytes: 8, sha256 })
  driven.writer.write(['three'])
  await driven.transactional.commit([transaction!])
  t.same(shownIn(dir), [name])
  t.equal(text(dir, name), 'one\ntwo\n')
  await driven.writer.abort()
  t.same(filesIn(dir), [name], 'what an aborted writer had begun is gone')
})

t.test('parts roll by size, by number of records, and by age', async (t) => {
  const dir = t.testdir({})
  const sizes = async (options: PartFilesOptions<string>, lines: readonly string[]) => {
    const at = join(dir, JSON.stringify(options.roll).replace(/\W/g, ''))
    const driven = opened(at, { format: 'lines', ...options })
    await driven.writeAll([lines])
    await driven.writer.finish()
    await commitAll(driven)
    return shownIn(at).map((file) => text(at, file).length)
  }
  const lines = ['aaaa', 'bbbb', 'cccc', 'dddd', 'eeee']
  t.same(await sizes({ roll: { bytes: 10 } }, lines), [10, 10, 5])
  t.same(await sizes({ roll: { records: 3 } }, lines), [15, 10])
  const clock = new HandClock()
  const at = join(dir, 'age')
  const driven = opened<string>(at, { format: 'lines', roll: { every: '1m' } }, { clock })
  driven.writer.write(['first'])
  clock.advance(30_000)
  driven.writer.write(['second'])
  clock.advance(30_000)
  driven.writer.write(['third'])
  clock.advance(1_000)
  await commitAll(driven)
  t.same(
    shownIn(at).map((file) => text(at, file)),
    ['first\nsecond\n', 'third\n'],
  )
  t.equal(clock.pending, 0, 'nothing is left to wait for')
})

t.test('sorted by name, the parts of a subtask hold its records in order', async (t) => {
  const random = seededRandom(SEED)
  const dir = t.testdir({})
  let driven = opened<string>(dir, { format: 'lines', roll: { records: 3 } })
  const sent: string[] = []
  for (let round = 1; round <= 120; round++) {
    const count = Math.floor(random() * 8)
    const records = Array.from({ length: count }, (_, i) => String(sent.length + i))
    sent.push(...records)
    await driven.writeAll([records])
    const transactions = await commitAll(driven, round)
    if (random() > 0.1) continue
    await driven.writer.abort()
    const place = { run: `run${round}`, restored: transactions }
    driven = opened<string>(dir, { format: 'lines', roll: { records: 3 } }, place)
    await driven.transactional.commit(transactions)
    await driven.transactional.recover(transactions)
  }
  t.same(linesOf(dir), sent)
})

t.test('a commit finds what it had done, and says what it cannot find', async (t) => {
  const dir = t.testdir({})
  const driven = opened<string>(dir, { format: 'lines' })
  driven.writer.write(['one'])
  const transactions = await commitAll(driven)
  const [file] = shownIn(dir)
  await driven.transactional.commit(transactions)
  t.same(filesIn(dir), [file])
  writeFileSync(join(dir, file!), 'two\n')
  await t.rejects(driven.transactional.commit(transactions), {
    code: 'E_PART_LOST',
    message: /has other bytes than were prepared/,
    retryable: false,
  })
  writeFileSync(join(dir, file!), 'longer than it was\n')
  await t.rejects(driven.transactional.commit(transactions), { message: /it has 19 bytes; 4 were/ })
  rmSync(join(dir, file!))
  await t.rejects(driven.transactional.commit(transactions), {
    code: 'E_PART_LOST',
    message: /neither it nor its pending part is there/,
  })
  await t.rejects(driven.transactional.commit([{ path: 'a', bytes: 1 }]), {
    code: 'E_SINK_CHANGED',
  })
})

t.test('a crash in the middle of a commit leaves what the next one completes', async (t) => {
  const dir = t.testdir({})
  const driven = opened<string>(dir, { format: 'lines' })
  driven.writer.write(['one'])
  const transactions = await driven.transactional.prepare(1)
  const { name } = transactions[0] as { name: string }
  // Linked, and not unlinked yet.
  writeFileSync(join(dir, name), 'one\n')
  await driven.transactional.commit(transactions)
  t.same(filesIn(dir), [name])
})

t.test('recover deletes what former attempts left, and nothing else', async (t) => {
  const dir = t.testdir({
    'mine.txt': '',
    '.hidden': '',
    '.part-notes.pending': '',
    '.other-000-000001-000000-run-1.txt.pending': '',
    'part-000-000001-000000-run-1.txt': '',
    bucket: { '.part-000-000003-old-4.inprogress': '' },
  })
  const before = filesIn(dir)
  const former = opened<string>(dir, { format: 'lines' })
  former.writer.write(['kept'])
  const keep = await former.transactional.prepare(1)
  former.writer.write(['given up'])
  await former.transactional.prepare(2)
  former.writer.write(['in progress', 'x'.repeat(300_000)])
  await until('it has been begun', () => hiddenIn(dir).some((file) => file.endsWith('inprogress')))

  const place = { attempt: 2, restored: keep }
  const beside = opened<string>(dir, { format: 'lines' }, { ...place, subtask: 1, parallelism: 2 })
  beside.writer.write(['mine'])
  const own = await beside.transactional.prepare(3)
  const next = opened<string>(dir, { format: 'lines' }, { ...place, parallelism: 2 })
  await next.transactional.recover(keep)
  const pending = [...keep, ...own].map((part) => `.${(part as { name: string }).name}.pending`)
  t.same(
    new Set(filesIn(dir)),
    new Set([...before.filter((file) => !file.startsWith('bucket')), ...pending]),
  )
  await opened(join(dir, 'missing')).transactional.recover([])
  await former.writer.abort()
})

t.test('buckets stay below the directory, whatever records say', async (t) => {
  const dir = t.testdir({ out: {}, elsewhere: {} })
  const out = join(dir, 'out')
  const bucketed = () =>
    opened<string>(out, { format: 'lines', bucket: (name) => name, prefix: 'p' })
  for (const name of [
    ...['..', '../x', 'a/../b', '/etc', 'a//b', 'a/', './a', '.a', 'a\\b', 'a\0b', 'a\nb', '..%2f'],
    ...['x'.repeat(201), Array(17).fill('d').join('/')],
    ...([null, 3, undefined] as unknown as string[]),
  ]) {
    const driven = bucketed()
    t.throws(() => driven.writer.write([name]), { code: 'E_BAD_BUCKET' }, JSON.stringify(name))
    await driven.writer.abort()
  }
  const driven = bucketed()
  const fine = ['__proto__', 'ü ö', '-rf', 'a=1/b=2', 'a%2f..', 'CON']
  driven.writer.write(fine)
  await commitAll(driven)
  t.same(new Set(linesOf(out)), new Set(fine))
  symlinkSync(join(dir, 'elsewhere'), join(out, 'link'))
  const linked = bucketed()
  linked.writer.write(['link'])
  await t.rejects(linked.transactional.prepare(2), { code: 'E_BAD_BUCKET', message: /is a link/ })
  t.same(readdirSync(join(dir, 'elsewhere')), [])
  await linked.writer.abort()
})

t.test(
  'many buckets: few files are open, the writer says when it is full, nothing is lost',
  async (t) => {
    const dir = t.testdir({})
    const options = {
      format: 'lines',
      bucket: (n: number) => `b${n % 97}`,
      openFilesMax: 8,
    } as const
    const driven = opened<number>(dir, options)
    const records = Array.from({ length: 600 }, (_, n) => n)
    let openMost = 0
    const seen = setInterval(() => {
      openMost = Math.max(openMost, openFilesBelow(dir))
    }, 5)
    for (let at = 0; at < records.length; at += 50)
      await driven.writeAll([records.slice(at, at + 50)])
    await commitAll(driven)
    clearInterval(seen)
    t.ok(driven.wakes > 0, 'it was full')
    t.ok(openMost <= 8 + 4 + 1, `${openMost} files were open`)
    t.same(
      linesOf(dir)
        .map(Number)
        .sort((a, b) => a - b),
      records,
    )
  },
)

function openFilesBelow(dir: string): number {
  if (!existsSync('/proc/self/fd')) return 0
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(dir)
    } catch {
      return false
    }
  }).length
}

t.test('what goes wrong is named, with its file, and fails the subtask once', async (t) => {
  const dir = t.testdir({ file: '' })
  const driven = opened<string>(join(dir, 'file', 'below'), { format: 'lines' })
  driven.writer.write(['x'])
  await t.rejects(driven.transactional.prepare(1), { code: 'E_NO_SUCH_FILE', message: /below/ })
  await until('it is reported', () => driven.failures.length > 0)
  t.match(driven.failures[0], { code: 'E_NO_SUCH_FILE' })
  await driven.writer.abort()

  const gone = opened<string>(join(dir, 'gone'), { format: 'lines' })
  gone.writer.write(['x'])
  await gone.writer.finish()
  for (const file of filesIn(join(dir, 'gone'))) rmSync(join(dir, 'gone', file))
  await t.rejects(gone.transactional.prepare(1), { code: 'E_PART_LOST', message: /one job/ })

  const bad = opened<unknown>(join(dir, 'bad'))
  t.throws(() => bad.writer.write([1n]), { code: 'E_FORMAT' })
  await bad.writer.abort()
  for (const [options, message] of [
    [{ prefix: 'a/b' }, /prefix must be letters/],
    [{ extension: '/x' }, /extension must be like/],
    [{ format: 'xml' as 'csv' }, /format must be/],
    [{ roll: { bytes: 0 } }, /roll.bytes must be at least 1/],
    [{ columns: ['a'] }, /columns must be given with format: 'csv' only/],
    [{ format: 'csv', delimiter: '"' }, /one character/],
  ] as const) {
    t.throws(() => partFiles(dir, options), { code: 'E_BAD_OPTION', message })
  }
  t.throws(() => partFiles(''), { code: 'E_NO_PATH' })
})

t.test('each part begins with its header', async (t) => {
  const dir = t.testdir({})
  const written = async (name: string, options: PartFilesOptions<object>) => {
    const driven = opened(join(dir, name), { ...options, roll: { records: 1 } })
    driven.writer.write([{ a: 1 }, { b: 2 }])
    await commitAll(driven)
    return shownIn(join(dir, name)).map((file) => text(join(dir, name), file))
  }
  t.same(await written('csv', { format: 'csv' }), ['a\n1\n', 'b\n2\n'])
  t.same(await written('columns', { format: 'csv', columns: ['a'] }), ['a\n1\n', 'a\n\n'])
  t.same(await written('none', { format: 'csv', header: false }), ['1\n', '2\n'])
  t.same(await written('own', { header: '# v1' }), ['# v1\n{"a":1}\n', '# v1\n{"b":2}\n'])
})

t.test('without snapshots everything is shown at the end', async (t) => {
  const dir = t.testdir({})
  const driven = opened<string>(dir, { format: 'lines' }, { snapshots: false })
  driven.writer.write(['one'])
  await driven.writer.finish()
  t.same(linesOf(dir), [])
  await commitAll(driven)
  t.same(linesOf(dir), ['one'])
  t.same(hiddenIn(dir), [])
  mkdirSync(join(dir, 'empty'))
  t.same(await commitAll(opened(join(dir, 'empty'))), [])
})
