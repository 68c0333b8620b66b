import { execFileSync, spawn } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { from, NEVER, Subject, throwError } from 'rxjs'
import t from 'tap'
import type { Json } from '../../lib/base/json.js'
import { BLOCK_BYTES } from '../../lib/connectors/byte-feed.js'
import { FileFeed } from '../../lib/connectors/file-feed.js'
import { glob, matcher } from '../../lib/connectors/glob.js'
import {
  collection,
  csv,
  fromAsyncIterable,
  fromObservable,
  generate,
  lines,
  ndjson,
  type Source,
  socketLines,
} from '../../lib/connectors/index.js'
import { DrivenReader, readAll } from '../../lib/testing/driven-reader.js'
import { sourceConformance } from '../conformance/source.js'
import { HandClock, until } from '../support/source-harness.js'

async function open<T>(source: Source<T>, clock?: HandClock, position: Json = null) {
  const [split] = await source.splits(1)
  return new DrivenReader(source, split!, position, ...(clock === undefined ? [] : [clock]))
}

t.test('every source keeps the contract', async (t) => {
  const numbers = Array.from({ length: 40 }, (_, i) => i)
  const text = numbers.map((i) => (i % 7 === 0 ? '' : `line ${i} ${'ä'.repeat(i)}`))
  const dir = t.testdir({
    'text.txt': text.join('\r\n'),
    'more.txt': `${text.join('\n')}\n`,
    'table.csv': `\ufeffid,"the ""name"""\n${numbers.map((i) => `${i},"n\n${i}"`).join('\n')}`,
    'flat.csv': `id,name\n${numbers.map((i) => `${i},"n,${i}"\n`).join('')}`,
    'data.ndjson': numbers.map((i) => `${JSON.stringify({ i, s: 'x'.repeat(i) })}\n`).join('\n'),
  })
  const file = (name: string) => join(dir, name)

  await sourceConformance(t, {
    name: 'lines of several files',
    source: () => lines([file('text.txt'), file('more.txt')]),
    expected: [...text, ...text],
  })
  for (const splitBytes of [7, 50, 333]) {
    await sourceConformance(t, {
      name: `lines in ranges of ${splitBytes} bytes`,
      source: () => lines(file('text.txt'), { splitBytes }),
      expected: text,
    })
  }
  await sourceConformance(t, {
    name: 'csv with newlines in quotes',
    source: () => csv(file('table.csv'), { types: { id: 'number' } }),
    expected: numbers.map((i) => ({ id: i, 'the "name"': `n\n${i}` })),
  })
  await sourceConformance(t, {
    name: 'csv in ranges',
    source: () => csv(file('flat.csv'), { splitBytes: 25, columns: ['name'] }),
    expected: numbers.map((i) => ({ name: `n,${i}` })),
  })
  await sourceConformance(t, {
    name: 'ndjson in ranges',
    source: () => ndjson(file('data.ndjson'), { splitBytes: 100 }),
    expected: numbers.map((i) => ({ i, s: 'x'.repeat(i) })),
  })
  await sourceConformance(t, {
    name: 'collection in parts',
    source: () => collection(new Set(numbers), { splits: 3 }),
    expected: numbers,
  })
  let generated = 0
  await sourceConformance(t, {
    name: 'generate in contiguous ranges',
    source: () => generate(40, (i) => [i, generated++][0]),
    expected: numbers,
    parallelism: 3,
    pulled: () => generated,
    pulledMax: 0,
  })
  let pulled = 0
  async function* values() {
    for (const i of numbers) {
      pulled++
      yield i
    }
  }
  await sourceConformance(t, {
    name: 'fromAsyncIterable',
    source: () => fromAsyncIterable(values, { ahead: 4, replays: true }),
    expected: numbers,
    pulled: () => pulled,
    pulledMax: 4 + 1,
  })
  await sourceConformance(t, {
    name: 'fromObservable',
    source: () => fromObservable(from(numbers), { capacity: 100, overflow: 'fail' }),
    expected: numbers,
  })
})

t.test('lines of one file are shared by several splits with stable ids', async (t) => {
  const dir = t.testdir({ 'a.txt': 'x'.repeat(10) })
  const path = join(dir, 'a.txt')
  const splits = await lines(path, { splitBytes: 4 }).splits(1)
  t.same(
    splits.map(({ id }) => id),
    [`${path}:0-4`, `${path}:4-8`, `${path}:8-10`],
  )
})

t.test('a big file is read in order with bounded read-ahead', async (t) => {
  const wanted = Array.from({ length: 60_000 }, (_, i) => `${i} ${'·'.repeat(i % 30)}`)
  wanted[777] = 'long '.repeat(200_000)
  const dir = t.testdir({ 'big.txt': wanted.join('\n') })
  const path = join(dir, 'big.txt')
  for (const splitBytes of [Infinity, 300_000]) {
    const got = await readAll(lines(path, { splitBytes }))
    t.ok(got.length === wanted.length && got.every((line, i) => line === wanted[i]))
  }
  let wakes = 0
  const feed = new FileFeed({ path, start: 0, size: 2_000_000 }, () => wakes++)
  t.equal(feed.next(), 'waiting')
  await until('both blocks are full', () => feed.aheadBytes === 2 * BLOCK_BYTES)
  for (let turn = 0; turn < 20; turn++) await new Promise((done) => setImmediate(done))
  t.equal(feed.aheadBytes, 2 * BLOCK_BYTES)
  t.ok(wakes >= 2)
  await feed.close()
})

t.test('what is missing is said when splits are listed', async (t) => {
  const dir = t.testdir({ 'a.txt': 'a\n', 'secret.txt': 's\n', 'no-header.csv': 'a,b\n1,2\n' })
  const at = (name: string) => join(dir, name)
  await t.rejects(lines(at('none.txt')).splits(1), { code: 'E_NO_SUCH_FILE', message: /none\.txt/ })
  await t.rejects(lines(at('a.txt/b')).splits(1), { code: 'E_NO_SUCH_FILE' })
  await t.rejects(lines(dir).splits(1), { code: 'E_IS_DIRECTORY', message: /glob/ })
  await t.rejects(lines(at('*.log')).splits(1), { code: 'E_NO_MATCH' })
  if (process.getuid?.() !== 0) {
    chmodSync(at('secret.txt'), 0)
    await t.rejects(lines(at('secret.txt')).splits(1), { code: 'E_FILE_ACCESS' })
  }
  await t.rejects(csv(at('no-header.csv'), { columns: ['c'] }).splits(1), {
    code: 'E_CSV_COLUMN',
    message: /"c".*a, b/,
  })
  t.throws(() => lines([]), { code: 'E_NO_PATH' })
  t.throws(() => lines(['-', 'a.txt']), { code: 'E_BAD_OPTION' })
  t.throws(() => lines('-', { follow: true }), { code: 'E_BAD_OPTION' })
  t.throws(() => lines('a', { splitBytes: 0 }), { code: 'E_BAD_OPTION' })
  t.throws(() => csv('a', { delimiter: '||' }), { code: 'E_BAD_OPTION' })

  const gone = lines(at('a.txt'))
  const [split] = await gone.splits(1)
  rmSync(at('a.txt'))
  await t.rejects(new DrivenReader(gone, split!).all(), { code: 'E_NO_SUCH_FILE' })
  writeFileSync(at('a.txt'), 'a')
  await t.rejects(new DrivenReader(gone, split!).all(), { code: 'E_FILE_SHRANK' })
})

t.test('bad records name file and line, or byte in a range that begins inside', async (t) => {
  const dir = t.testdir({
    'a.ndjson': '{"ok":1}\n{bad}\n{"ok":2}\n',
    'a.csv': 'x,y\n1,2\n3\n4,5\n',
    'latin.txt': Buffer.from([0x61, 10, 0xe4, 10]),
  })
  const path = join(dir, 'a.ndjson')
  const reader = await open(ndjson(path))
  t.same(await reader.all(), [{ ok: 1 }, { ok: 2 }])
  t.match(reader.bad, [
    { position: `${path}:2`, raw: '{bad}', error: { code: 'E_BAD_RECORD', message: /byte 9/ } },
  ])
  const failing = await open(ndjson(path))
  failing.failOnBad = true
  await t.rejects(failing.all(), { code: 'E_BAD_RECORD' })

  const source = ndjson(path, { splitBytes: 4 })
  const positions: string[] = []
  for (const split of await source.splits(1)) {
    const ranged = new DrivenReader(source, split)
    await ranged.all()
    positions.push(...ranged.bad.map(({ position }) => position))
  }
  t.same(positions, [`${path}@9`])

  const rows = await open(csv(join(dir, 'a.csv')))
  t.same(await rows.all(), [
    { x: '1', y: '2' },
    { x: '4', y: '5' },
  ])
  t.match(rows.bad, [{ position: `${join(dir, 'a.csv')}:3`, raw: '3' }])

  await t.rejects(readAll(lines(join(dir, 'latin.txt'))), {
    code: 'E_INVALID_UTF8',
    message: /latin\.txt.*byte 2/,
  })
})

t.test('csv rows are arrays without header and columns, objects otherwise', async (t) => {
  const dir = t.testdir({ 'a.tsv': 'a\t1\nb\t2\n', 'empty.csv': '', 'head.csv': 'x,y\n' })
  const path = join(dir, 'a.tsv')
  const arrays: Source<string[]> = csv(path, { header: false, delimiter: '\t' })
  t.same(await readAll(arrays), [
    ['a', '1'],
    ['b', '2'],
  ])
  const typed: Source<{ k: string; n: number }> = csv(path, {
    header: false,
    delimiter: '\t',
    columns: ['k', 'n'],
    types: { n: 'number' },
  })
  t.same(await readAll(typed), [
    { k: 'a', n: 1 },
    { k: 'b', n: 2 },
  ])
  t.same(await readAll(csv(join(dir, 'empty.csv'))), [])
  t.same(await readAll(csv(join(dir, 'head.csv'))), [])
})

t.test(
  'globs: names, directories, alternatives, excludes; hidden things stay hidden',
  async (t) => {
    const dir = t.testdir({
      'a.ts': '',
      'b.md': '',
      'a[1].ts': '',
      '.hidden.ts': '',
      src: { 'c.ts': '', deep: { 'd.ts': '', 'e.md': '' } },
      node_modules: { 'x.ts': '' },
      '.git': { 'y.ts': '' },
    })
    symlinkSync(dir, join(dir, 'src', 'loop'))
    const names = async (pattern: string, excludes: string[] = []) =>
      (await glob(join(dir, pattern), excludes)).map((path) => path.slice(dir.length + 1))
    t.same(await names('*.ts'), ['a.ts', 'a[1].ts'])
    t.same(await names('**/*.ts'), ['a.ts', 'a[1].ts', 'src/c.ts', 'src/deep/d.ts'])
    t.same(await names('**/*.{ts,md}', ['**/a*', '**/deep']), ['b.md', 'src/c.ts'])
    t.same(await names('src/**'), ['src/c.ts', 'src/deep/d.ts', 'src/deep/e.md'])
    t.same(await names('?.{md,t{s,x}}'), ['a.ts', 'b.md'])
    t.same(await names('.*.ts'), ['.hidden.ts'])
    t.same(await names('node_modules/*.ts'), ['node_modules/x.ts'])
    t.same(await names('none/*.ts'), [])
    t.equal(matcher('**/test/**')('lib/test/a/b.ts'), true)
    t.equal(matcher('a.c')('abc'), false)

    const splits = await lines([join(dir, '**/*.ts'), `!${join(dir, 'src/**')}`]).splits(1)
    t.same(splits.length, 2)
    t.same((await lines(join(dir, 'a[1].ts')).splits(1)).length, 1)
  },
)

t.test('paced values come when they are due, spread evenly, with their due times', async (t) => {
  const clock = new HandClock()
  const source = generate(Infinity, (i, dueMs) => [i, dueMs] as const, { perSecond: 100 })
  t.equal(source.bounded, false)
  const reader = await open(source, clock)
  t.same(reader.step(10)?.records, [[0, 1_000_000]])
  t.equal(reader.step(10), null)
  t.equal(clock.pending, 1, 'it waits by one timer, not by asking')
  clock.advance(9)
  t.equal(reader.wakes, 0)
  clock.advance(1)
  t.equal(reader.wakes, 1)
  t.same(reader.step(10)?.records, [[1, 1_000_010]])
  clock.advance(35)
  t.same(
    reader.step(10)?.records,
    [
      [2, 1_000_020],
      [3, 1_000_030],
      [4, 1_000_040],
    ],
    'a held-up consumer finds the backlog with its due times',
  )
  await reader.close()
  t.equal(clock.pending, 0)

  const resumed = await open(source, clock, 7)
  t.same(resumed.step(10)?.records, [[7, 1_000_045]], 'a resumed reader goes on from now')
})

t.test('paced and endless splits are interleaved and keep to one schedule', async (t) => {
  const clock = new HandClock()
  const source = generate(6, (i, dueMs) => `${i}@${dueMs - 1_000_000}`, { perSecond: 1000 })
  const splits = await source.splits(2)
  t.same(
    splits.map(({ id }) => id),
    ['0/2', '1/2'],
  )
  const readers = splits.map((split) => new DrivenReader(source, split, null, clock))
  const got = readers.map(() => [] as string[])
  for (let ms = 0; ms < 8; ms++) {
    for (const [i, reader] of readers.entries()) got[i]!.push(...(reader.step(10)?.records ?? []))
    clock.advance(1)
  }
  t.same(got, [
    ['0@0', '2@2', '4@4'],
    ['1@1', '3@3', '5@5'],
  ])
  const failing = await open(
    generate(3, (i) => {
      if (i === 1) throw new Error('odd')
      return i
    }),
  )
  t.throws(() => failing.step(10), { code: 'E_GENERATE', message: /index 1: Error: odd/ })
  t.throws(() => generate(1.5, () => 0), { code: 'E_BAD_OPTION' })
  t.throws(() => generate(1, () => 0, { perSecond: 0 }), { code: 'E_BAD_OPTION' })
})

t.test(
  'an Observable runs into its buffer, and the named policy decides when that is full',
  async (t) => {
    const run = async (overflow: 'fail' | 'dropOldest' | 'dropNewest') => {
      const subject = new Subject<number>()
      const reader = await open(fromObservable(subject, { capacity: 3, overflow }))
      t.equal(subject.observed, false, 'not subscribed before the first read')
      t.equal(reader.step(10), null)
      for (let i = 0; i < 5; i++) subject.next(i)
      t.equal(subject.observed, overflow !== 'fail')
      return reader
    }
    t.same((await run('dropOldest')).step(10)?.records, [2, 3, 4])
    t.same((await run('dropNewest')).step(10)?.records, [0, 1, 2])
    t.match((await run('fail')).failures, [
      { code: 'E_OBSERVABLE_OVERFLOW', message: /all 3 places/ },
    ])

    const broken = await open(
      fromObservable(() => throwError(() => new Error('lost')), { capacity: 1, overflow: 'fail' }),
    )
    t.throws(() => broken.step(1), { code: 'E_OBSERVABLE_FAILED', cause: { message: 'lost' } })
    const closed = await open(fromObservable(NEVER, { capacity: 1, overflow: 'fail' }))
    t.equal(closed.step(1), null)
    await closed.close()
    const options = { capacity: 1, overflow: 'fail' } as const
    t.equal(fromObservable(NEVER, options).resubscribes, false)
    t.equal(fromObservable(NEVER, { ...options, onRestart: 'resubscribe' }).resubscribes, true)
    // @ts-expect-error: capacity and overflow must be named
    t.throws(() => fromObservable(NEVER, {}), { code: 'E_BAD_OPTION' })
  },
)

t.test(
  'an async iterable fails behind what came before, and is told to stop on close',
  async (t) => {
    let stopped = false
    async function* values() {
      try {
        yield 1
        yield 2
        throw new Error('cursor lost')
      } finally {
        stopped = true
      }
    }
    const reader = await open(fromAsyncIterable(values()))
    t.same(await reader.take(2), [1, 2])
    await t.rejects(reader.take(1), { code: 'E_ITERABLE_FAILED', message: /cursor lost/ })
    stopped = false
    const early = await open(fromAsyncIterable(values, { ahead: 1 }))
    t.same(await early.take(1), [1])
    await early.close()
    await until('the generator has run its finally', () => stopped)
    t.throws(() => fromAsyncIterable(values(), { replays: true }), { code: 'E_BAD_OPTION' })
  },
)

t.test('follow: reads on as the file appears, grows, is rotated and truncated', async (t) => {
  const dir = t.testdir({})
  const path = join(dir, 'app.log')
  const source = lines(path, { follow: true, pollMs: 10 })
  t.equal(source.bounded, false)
  const reader = await open(source)
  t.equal(reader.step(10), null, 'the file need not be there')
  writeFileSync(path, 'one\ntw')
  t.same(await reader.take(1), ['one'])
  appendFileSync(path, 'o\nthree\n')
  t.same(await reader.take(2), ['two', 'three'])
  const before = reader.position

  renameSync(path, `${path}.1`)
  writeFileSync(path, 'new file\n')
  appendFileSync(`${path}.1`, 'late\nno newline')
  t.same(await reader.take(3), ['late', 'no newline', 'new file'], 'the old file first')

  const rotated = await open(source, undefined, before)
  t.same(await rotated.take(3), ['late', 'no newline', 'new file'], 'found by its inode')
  await rotated.close()

  truncateSync(path, 0)
  await until('truncation is seen', () => {
    reader.step(1)
    return (reader.position as { offset: number }).offset === 0
  })
  appendFileSync(path, 'after\n')
  t.same(await reader.take(1), ['after'])
  const { inode, offset } = reader.position as { inode: string; offset: number }
  t.same([typeof inode, offset], ['string', 6])
  await reader.close()
  await reader.close()

  const resumed = await open(source, undefined, reader.position)
  appendFileSync(path, 'more\n')
  t.same(await resumed.take(1), ['more'])
  await resumed.close()

  rmSync(`${path}.1`)
  const lost = await open(source, undefined, before)
  await t.rejects(lost.take(1), { code: 'E_POSITION_LOST' })
  await lost.close()

  const tail = await open(lines(path, { follow: true, from: 'end', pollMs: 10 }))
  await until('it stands at the end', () => {
    tail.step(1)
    return (tail.position as { offset: number } | null)?.offset === 11
  })
  appendFileSync(path, 'only this\n')
  t.same(await tail.take(1), ['only this'])
  t.same((tail.position as { offset: number }).offset, 21)
  await tail.close()
})

t.test('follow: polling through the clock does where nothing can be watched', async (t) => {
  const dir = t.testdir({})
  const path = join(dir, 'later', 'app.log')
  const clock = new HandClock()
  const reader = await open(ndjson<number>(path, { follow: true, pollMs: 100 }), clock)
  t.equal(reader.step(1), null)
  await until('it waits for a poll', () => clock.pending === 1)
  mkdirSync(join(dir, 'later'))
  writeFileSync(path, '1\n2\n')
  t.equal(reader.step(1), null)
  await until('there is a record', () => {
    clock.advance(100)
    return reader.step(1)?.records[0] === 1
  })
  await reader.close()
  t.equal(clock.pending, 0, 'no timer is left')
})

t.test('socketLines: frames lines, holds the server back, and reconnects', async (t) => {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const address = { host: '127.0.0.1', port }

  const reader = await open(socketLines(address))
  t.equal(reader.step(1), null)
  await until('it is connected', () => sockets.length === 1)
  sockets[0]!.write('on')
  sockets[0]!.write('e\r\ntwo\nthr')
  t.same(await reader.take(2), ['one', 'two'])
  const block = `${'x'.repeat(65_535)}\n`
  let sent = 0
  while (sent < 1000 && sockets[0]!.writableLength < 4_000_000) {
    sockets[0]!.write(block)
    sent++
  }
  t.ok(sockets[0]!.writableLength > 1_000_000, 'what is not read stays with the server')
  sockets[0]!.end()
  t.equal((await reader.all()).length, sent)
  await reader.close()

  const clock = new HandClock()
  const again = await open(socketLines({ ...address, reconnect: { firstMs: 50 } }), clock)
  t.equal(again.step(1), null)
  await until('it is connected', () => sockets.length === 2)
  sockets[1]!.end('cut off')
  t.same(await again.take(1), ['cut off'])
  await until('it waits to reconnect', () => {
    again.step(1)
    return clock.pending === 1
  })
  clock.advance(50)
  t.equal(again.step(1), null)
  await until('it has connected again', () => sockets.length === 3)
  sockets[2]!.write('back\n')
  t.same(await again.take(1), ['back'])
  await again.close()

  server.close()
  for (const socket of sockets) socket.destroy()
  const refused = await open(socketLines(address))
  await t.rejects(refused.take(1), { code: 'E_CONNECTION_REFUSED', retryable: true })
})

t.test('a named pipe waits for its writer, is read once, and can be given up', async (t) => {
  const dir = t.testdir({})
  const path = join(dir, 'pipe')
  execFileSync('mkfifo', [path])
  const source = lines(path)
  const reader = await open(source)
  t.equal(reader.step(1), null)
  const writer = spawn('sh', ['-c', `printf 'one\\ntwo' > ${path}`])
  t.same(await reader.all(), ['one', 'two'])
  await new Promise((done) => writer.on('close', done))
  await reader.close()
  const [split] = await source.splits(1)
  t.throws(() => new DrivenReader(source, split!, { offset: 4, line: 1 }), {
    code: 'E_NOT_REPLAYABLE',
  })
  const given = await open(source)
  t.equal(given.step(1), null)
  await given.close()
})

t.test('standard input is read from a pipe and from a file, in a worker as well', async (t) => {
  const harness = new URL('../../lib/testing/driven-reader.js', import.meta.url).href
  const connectors = new URL('../../lib/connectors/index.js', import.meta.url).href
  const dir = t.testdir({
    'in.txt': 'from\na file\n',
    'read.mjs': `
      import { writeSync } from 'node:fs'
      import { readAll } from '${harness}'
      import { lines } from '${connectors}'
      writeSync(1, (await readAll(lines('-'))).join('|'))`,
    'worker.mjs': `
      import { Worker } from 'node:worker_threads'
      new Worker(new URL('./read.mjs', import.meta.url))`,
  })
  const run = async (script: string, redirect: string, input: readonly string[]) => {
    const command = `"${process.execPath}" ${join(dir, script)} ${redirect}`
    const child = spawn('sh', ['-c', command], { stdio: ['pipe', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.on('data', (text) => {
      out += text
    })
    for (const text of input) child.stdin.write(text)
    child.stdin.end()
    await new Promise((done) => child.on('close', done))
    return out
  }
  for (const script of ['read.mjs', 'worker.mjs']) {
    t.equal(await run(script, '', ['a\nb', 'c\n']), 'a|bc')
    t.equal(await run(script, `< ${join(dir, 'in.txt')}`, []), 'from|a file')
    t.equal(await run(script, '< /dev/null', []), '')
  }
})
