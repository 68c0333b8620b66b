import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { BLOCK_CHARS, BlockWriter, type ByteTarget } from '../../lib/connectors/block-writer.js'
import { fileError } from '../../lib/connectors/file-error.js'
import {
  blackhole,
  callback,
  csvFile,
  linesFile,
  ndjsonFile,
  print,
  results,
  type Sink,
  socketLinesSink,
} from '../../lib/connectors/index.js'
import { textWriter } from '../../lib/connectors/text-writer.js'
import { batchesOf, DrivenWriter } from '../../lib/testing/driven-writer.js'
import { sinkConformance } from '../conformance/sink.js'
import { until } from '../support/source-harness.js'

/** A target that stands still until it is released, and takes few bytes at a time. */
function slowTarget() {
  let release = () => {}
  const released = new Promise<void>((done) => {
    release = done
  })
  const events: string[] = []
  let text = ''
  const target: ByteTarget = {
    async write(bytes) {
      await released
      const some = Math.min(bytes.length, 100_000)
      text += Buffer.from(bytes.subarray(0, some)).toString()
      return some
    },
    sync: async () => void events.push('sync'),
    close: async () => void events.push('close'),
  }
  return { target, events, release: () => release(), text: () => text }
}

function slowSink(target: ByteTarget): Sink<string> {
  return {
    ...linesFile('unused'),
    open: (context) =>
      textWriter(
        context,
        (line) => `${line}\n`,
        async () => target,
        (cause) => fileError(cause, 'write', 'slow'),
      ),
  }
}

t.test('every sink keeps the contract', async (t) => {
  const dir = t.testdir({})
  const at = (name: string) => join(dir, name)
  const words = ['to', 'be', 'or', 'not', 'to', 'be']
  const text = words.map((word) => `${word}\n`).join('')
  const slow = slowTarget()
  await sinkConformance(t, {
    name: 'linesFile',
    sink: () => linesFile(at('new/dir/words.txt')),
    records: words,
    output: () => readFileSync(at('new/dir/words.txt'), 'utf8'),
    expected: text,
    expectedTwice: text,
    slow: { sink: () => slowSink(slow.target), release: slow.release },
  })
  await sinkConformance(t, {
    name: 'linesFile, append',
    sink: () => linesFile(at('appended.txt'), { append: true }),
    records: words,
    output: () => readFileSync(at('appended.txt'), 'utf8'),
    expected: text,
    expectedTwice: text + text,
  })
  await sinkConformance(t, {
    name: 'ndjsonFile',
    sink: () => ndjsonFile(at('data.ndjson')),
    records: [{ a: 1 }, [2], 'three', null],
    output: () => readFileSync(at('data.ndjson'), 'utf8'),
    expected: '{"a":1}\n[2]\n"three"\nnull\n',
    expectedTwice: '{"a":1}\n[2]\n"three"\nnull\n',
  })
  const rows = [
    { a: 1, b: 'x,"y"', c: 0 },
    { a: null, b: new Date(0), c: 0 },
  ]
  const csv = 'b,a\n"x,""y""",1\n1970-01-01T00:00:00.000Z,\n'
  await sinkConformance(t, {
    name: 'csvFile, append',
    sink: () => csvFile(at('rows.csv'), { columns: ['b', 'a'], append: true }),
    records: rows,
    output: () => readFileSync(at('rows.csv'), 'utf8'),
    expected: csv,
    expectedTwice: csv + csv.slice(4),
  })
  let called: string[] = []
  let goOn = () => {}
  const gate = new Promise<void>((done) => {
    goOn = done
  })
  await sinkConformance(t, {
    name: 'callback',
    sink: () => callback<string>(async (word) => void called.push(word)),
    records: words,
    output: () => called.splice(0).join(),
    expected: words.join(),
    expectedTwice: words.join(),
    slow: { sink: () => callback<string>(() => gate), release: goOn },
  })
  called = []
  await sinkConformance(t, {
    name: 'blackhole',
    sink: () => blackhole(),
    records: words,
    output: () => null,
    expected: null,
    expectedTwice: null,
  })

  const server = createServer()
  let received = ''
  let ended = 0
  const sockets: Socket[] = []
  server.on('connection', (socket) => {
    sockets.push(socket)
    let mine = ''
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      mine += bytes
    })
    socket.on('end', () => {
      received += mine
      ended++
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  let finished = 0
  await sinkConformance(t, {
    name: 'socketLinesSink',
    sink: () => socketLinesSink({ host: '127.0.0.1', port }),
    records: words,
    output: async () => {
      finished++
      await until('the server has seen the end', () => ended === finished)
      return received
    },
    expected: text,
    expectedTwice: text + text,
  })
})

t.test('a block writer writes everything in order, then syncs, then closes', async (t) => {
  const { target, events, release, text } = slowTarget()
  const driven = new DrivenWriter(slowSink(target))
  const lines = Array.from({ length: 40_000 }, (_, i) => `line ${i} ${'x'.repeat(20)}`)
  const writing = driven.writeAll(batchesOf(lines, 500)).then(() => driven.writer.finish())
  release()
  await writing
  t.ok(text() === lines.map((line) => `${line}\n`).join(''))
  t.same(events, ['sync', 'close'])
})

t.test('a flush writes what is there while nothing else is in flight', async (t) => {
  const dir = t.testdir({})
  const driven = new DrivenWriter(linesFile(join(dir, 'a.txt')))
  driven.writer.write(['visible'])
  t.equal(existsSync(join(dir, 'a.txt')), false)
  driven.writer.flush()
  await until('the line is in the file', () => {
    return existsSync(join(dir, 'a.txt')) && readFileSync(join(dir, 'a.txt'), 'utf8') !== ''
  })
  driven.writer.abort()
})

t.test('an empty output is an empty file, with its header', async (t) => {
  const dir = t.testdir({ 'old.txt': 'old' })
  await new DrivenWriter(linesFile(join(dir, 'old.txt'))).writer.finish()
  t.equal(readFileSync(join(dir, 'old.txt'), 'utf8'), '')
  await new DrivenWriter(csvFile(join(dir, 'a.csv'), { columns: ['x', 'y'] })).writer.finish()
  t.equal(readFileSync(join(dir, 'a.csv'), 'utf8'), 'x,y\n')
})

t.test('what goes wrong with a file is named, once', async (t) => {
  const dir = t.testdir({ file: '', sub: {} })
  for (const [path, code] of [
    [join(dir, 'sub'), 'E_IS_DIRECTORY'],
    [join(dir, 'file', 'x'), 'E_FILE_EXISTS'],
    ['/dev/full', 'E_DISK_FULL'],
  ] as const) {
    if (path === '/dev/full' && !existsSync(path)) continue
    const driven = new DrivenWriter(linesFile(path))
    driven.writer.write(['x'])
    await t.rejects(driven.writer.finish(), { code, message: new RegExp(path) }, path)
    t.match(driven.failures, [{ code }])
    driven.writer.abort()
  }
  const bad = new DrivenWriter(ndjsonFile(join(dir, 'big.ndjson')))
  t.throws(() => bad.writer.write([1n]), { code: 'E_FORMAT' })
  bad.writer.abort()
  t.throws(() => linesFile(''), { code: 'E_NO_PATH' })
  t.throws(() => csvFile('a', { delimiter: '"' }), { code: 'E_BAD_OPTION' })
})

t.test('several subtasks need a file each', async (t) => {
  const dir = t.testdir({})
  const place = { subtask: 1, parallelism: 2 }
  t.throws(() => new DrivenWriter(linesFile(join(dir, 'a.txt')), place), {
    code: 'E_SINK_PARALLELISM',
  })
  const driven = new DrivenWriter(linesFile(join(dir, 'a-{subtask}.txt')), place)
  driven.writer.write(['x'])
  await driven.writer.finish()
  t.equal(readFileSync(join(dir, 'a-1.txt'), 'utf8'), 'x\n')
})

t.test('formats: given functions, columns of the first record, rows as arrays', async (t) => {
  const dir = t.testdir({})
  const written = async <T>(sink: Sink<T>, records: readonly T[], name: string) => {
    const driven = new DrivenWriter(sink)
    await driven.writeAll([records])
    await driven.writer.finish()
    return readFileSync(join(dir, name), 'utf8')
  }
  const format = ([word, n]: readonly [string, number]) => `${word}=${n}`
  const counts = linesFile(join(dir, 'f.txt'), { format })
  t.equal(await written(counts, [['a', 1]], 'f.txt'), 'a=1\n')
  const objects = csvFile(join(dir, 'o.csv'), { delimiter: ';' })
  t.equal(await written(objects, [{ x: 'a;b', y: { z: 1 } }], 'o.csv'), 'x;y\n"a;b";"{""z"":1}"\n')
  t.equal(await written(csvFile(join(dir, 'a.csv')), [[1, 'b']], 'a.csv'), '1,b\n')
})

t.test(
  'callback: sync and async, records one at a time, batches whole, errors named',
  async (t) => {
    let inFlight = 0
    let mostInFlight = 0
    const seen: number[] = []
    const one = async (n: number) => {
      mostInFlight = Math.max(mostInFlight, ++inFlight)
      await null
      seen.push(n)
      inFlight--
    }
    const driven = new DrivenWriter(callback((n: number) => (n % 3 === 0 ? one(n) : seen.push(n))))
    await driven.writeAll([[0, 1, 2], [3, 4, 5], [7]])
    await driven.writer.finish()
    t.same(seen, [0, 1, 2, 3, 4, 5, 7])
    t.equal(mostInFlight, 1)

    const batches: (readonly number[])[] = []
    const perBatch = callback((batch: readonly number[]) => batches.push(batch), { per: 'batch' })
    await new DrivenWriter(perBatch).writeAll([[1, 2], [3]])
    t.same(batches, [[1, 2], [3]])

    const fail = () => {
      throw new Error('no')
    }
    const thrower = new DrivenWriter(callback(fail))
    t.throws(() => thrower.writer.write([1]), { code: 'E_CALLBACK', message: /callback.*no/ })
    const rejecter = new DrivenWriter(callback(async () => fail()))
    t.equal(rejecter.writer.write([1, 2]), false)
    await until('the rejection has arrived', () => rejecter.failures.length > 0)
    t.match(rejecter.failures, [{ code: 'E_CALLBACK', cause: { message: 'no' } }])
    const late = new DrivenWriter(callback((n: number) => (n === 1 ? null : fail())))
    late.writer.write([1])
    t.throws(() => late.writer.write([2]), { code: 'E_CALLBACK' })
  },
)

t.test('results are published, and their answer is passed on', async (t) => {
  const published: unknown[] = []
  const publish = (records: readonly unknown[]) => published.push(...records) < 3
  const driven = new DrivenWriter(results(), { publish })
  t.equal(driven.writer.write([1, 2]), true)
  t.equal(driven.writer.write([3]), false)
  t.same(published, [1, 2, 3])
})

t.test('socketLinesSink waits for drain and names a lost connection', async (t) => {
  const sockets: Socket[] = []
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  const address = { host: '127.0.0.1', port }
  const driven = new DrivenWriter(socketLinesSink(address))
  const batch = Array.from({ length: 100 }, () => 'x'.repeat(999))
  await until('it is connected', () => sockets.length === 1)
  let batches = 1
  while (driven.writer.write(batch)) batches++
  t.ok(batches < 100, 'a server that does not read holds it back')
  let bytes = 0
  sockets[0]!.on('data', (data) => {
    bytes += data.length
  })
  sockets[0]!.resume()
  await until('it has drained', () => driven.wakes > 0)
  await until('all has come', () => bytes === batches * 100_000)
  sockets[0]!.resetAndDestroy()
  await until('it has noticed', () => driven.failures.length > 0)
  t.match(driven.failures, [{ code: 'E_CONNECTION_LOST', retryable: true }])
  t.throws(() => driven.writer.write(['x']), { code: 'E_CONNECTION_LOST' })
  driven.writer.abort()
  server.close()
})

t.test(
  'print writes to standard output, in a worker too, and says when the pipe is closed',
  async (t) => {
    const connectors = new URL('../../lib/connectors/index.js', import.meta.url).href
    const harness = new URL('../../lib/testing/driven-writer.js', import.meta.url).href
    const dir = t.testdir({
      'print.mjs': `
      import { print } from '${connectors}'
      import { DrivenWriter } from '${harness}'
      const driven = new DrivenWriter(print())
      try {
        await driven.writeAll([['plain'], [['key', 1]], [{ a: 'x' }]])
        for (let i = 0; i < 3000; i++) await driven.writeAll([Array(100).fill('y'.repeat(99))])
        await driven.writer.finish()
        console.error('finished')
      } catch (error) {
        console.error(error.code)
      }`,
      'worker.mjs': `
      import { Worker } from 'node:worker_threads'
      new Worker(new URL('./print.mjs', import.meta.url))`,
    })
    const run = async (script: string, take: string) => {
      const command = `"${process.execPath}" ${join(dir, script)} | ${take}`
      const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] })
      let out = ''
      let err = ''
      child.stdout.on('data', (text) => {
        out += text
      })
      child.stderr.on('data', (text) => {
        err += text
      })
      await new Promise((done) => child.on('close', done))
      return { out, err: err.trim() }
    }
    for (const script of ['print.mjs', 'worker.mjs']) {
      t.same(await run(script, 'head -3'), {
        out: 'plain\nkey\t1\n{"a":"x"}\n',
        err: 'E_PIPE_CLOSED',
      })
      t.same(await run(script, 'wc -c'), { out: `${3000 * 100 * 100 + 22}\n`, err: 'finished' })
    }
    t.equal(print().guarantee, 'at-least-once')
  },
)

t.test('a writer that failed takes no more and reports once', async (t) => {
  const failures: Error[] = []
  const writer = new BlockWriter({
    open: async () => {
      throw Object.assign(new Error('full'), { code: 'ENOSPC' })
    },
    onRoom: () => t.fail('there is no room'),
    onFailure: (failure) => failures.push(failure),
    explain: (cause) => fileError(cause, 'write', 'x'),
  })
  writer.write('a')
  writer.settle(true)
  await until('it has failed', () => failures.length > 0)
  writer.write('b')
  writer.settle(true)
  await t.rejects(writer.finish(), { code: 'E_DISK_FULL', retryable: true })
  t.equal(failures.length, 1)
})

t.test('abort resolves when the write in flight is over and the target is closed', async (t) => {
  const log: string[] = []
  let written = (): void => {}
  const writer = new BlockWriter({
    open: async () => ({
      write: (bytes) =>
        new Promise((resolve) => {
          written = () => {
            log.push('written')
            resolve(bytes.length)
          }
        }),
      sync: async () => {},
      close: async () => void log.push('closed'),
    }),
    onRoom: () => t.fail('there is no room after an abort'),
    onFailure: (failure) => t.fail(failure.message),
    explain: (cause) => fileError(cause, 'write', 'x'),
  })
  writer.write('a')
  writer.settle(true)
  await new Promise((resolve) => setImmediate(resolve))
  const aborted = writer.abort().then(() => log.push('aborted'))
  await new Promise((resolve) => setImmediate(resolve))
  t.same(log, [], 'it waits for the write')
  written()
  await aborted
  t.same(log, ['written', 'closed', 'aborted'])
})

t.test('a flush while the caller waits for room does not lose its turn', async (t) => {
  const writes: (() => void)[] = []
  let rooms = 0
  const writer = new BlockWriter({
    open: async () => ({
      write: (bytes) => new Promise((resolve) => writes.push(() => resolve(bytes.length))),
      sync: async () => {},
      close: async () => {},
    }),
    onRoom: () => rooms++,
    onFailure: (failure) => t.fail(failure.message),
    explain: (cause) => fileError(cause, 'write', 'x'),
  })
  const block = 'x'.repeat(BLOCK_CHARS)
  const fill = () => {
    do writer.write(block)
    while (writer.settle(false))
  }
  fill()
  await until('the first block is being written', () => writes.length === 1)
  fill()
  writes[0]!()
  await until('the next block has been taken', () => writes.length === 2)
  writer.settle(true)
  writes[1]!()
  await until('the caller is told', () => rooms > 0)
  writer.abort()
})
