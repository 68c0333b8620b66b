/**
 * A snapshot may fall between any two records: every source of files, opened at any position, gives
 * exactly the rest.
 */
import {
  appendFileSync,
  closeSync,
  openSync,
  renameSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Json } from '../../../lib/base/json.js'
import { type Random, seededRandom } from '../../../lib/base/random.js'
import { csv, lines, ndjson, type Source } from '../../../lib/connectors/index.js'
import { checkSource } from '../../../lib/testing/check-source.js'
import { DrivenReader } from '../../../lib/testing/driven-reader.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed(1)
const SEEDS = Number(process.env.MILLRACE_SEEDS ?? (process.env.CI_FULL ? 1_000 : 60))
t.comment(`MILLRACE_SEEDS=${SEEDS}`)

const LETTERS = ['a', 'b', ' ', 'é', '€', '𝄞', '\u{1f600}', ',', '"', '\t', '\ufffd', '']

const pick = <T>(random: Random, of: readonly T[]): T => of[Math.floor(random() * of.length)]!

const word = (random: Random, letters = LETTERS): string =>
  Array.from({ length: Math.floor(random() * 9) }, () => pick(random, letters)).join('')

/** Lines with `\n` or `\r\n`, the last one perhaps without. */
function textOf(random: Random, rows: readonly string[]): string {
  const mark = random() < 0.2 ? '\ufeff' : ''
  const ends: string[] = rows.map(() => (random() < 0.3 ? '\r\n' : '\n'))
  // An empty line without newline is no line.
  if (rows.length > 0 && rows.at(-1) !== '' && random() < 0.4) ends[rows.length - 1] = ''
  return mark + rows.map((row, i) => row + ends[i]).join('')
}

const rowsOf = <T>(random: Random, make: () => T): T[] =>
  Array.from({ length: Math.floor(random() * 12) }, make)

const splitBytesOf = (random: Random) => pick(random, [undefined, 1, 3, 7, 20, 1000])
const withRanges = (splitBytes: number | undefined) =>
  splitBytes === undefined ? {} : { splitBytes }

t.test('lines, in ranges of any size', async (t) => {
  const dir = t.testdir({})
  for (let seed = SEED; seed < SEED + SEEDS; seed++) {
    const random = seededRandom(seed)
    const paths = ['a', 'b'].map((name) => join(dir, `${name}-${seed}.txt`))
    const expected = paths.flatMap((path) => {
      const rows = rowsOf(random, () => word(random))
      writeFileSync(path, textOf(random, rows))
      return rows
    })
    const options = withRanges(splitBytesOf(random))
    await checkSource({ source: () => lines(paths, options), expected }).catch((error: Error) => {
      t.fail(`seed ${seed}: ${error.message}`)
    })
  }
  t.pass(`${SEEDS} seeds`)
})

t.test('lines that are not UTF-8, replaced or of another encoding', async (t) => {
  const dir = t.testdir({})
  for (let seed = SEED; seed < SEED + SEEDS; seed++) {
    const random = seededRandom(seed)
    const path = join(dir, `${seed}.txt`)
    const rows = rowsOf(random, () =>
      Buffer.from(
        Array.from({ length: 1 + Math.floor(random() * 6) }, () => 32 + Math.floor(random() * 224)),
      ),
    )
    writeFileSync(path, Buffer.concat(rows.flatMap((row) => [row, Buffer.from('\n')])))
    const ranges = withRanges(splitBytesOf(random))
    for (const [options, expected] of [
      [{ encoding: 'latin1' }, rows.map((row) => row.toString('latin1'))],
      [{ invalid: 'replace' }, rows.map((row) => row.toString('utf8'))],
    ] as const) {
      if (rows[0]?.[0] === 0xef) continue
      const source = () => lines(path, { ...options, ...ranges })
      await checkSource({ source, expected }).catch((error: Error) => {
        t.fail(`seed ${seed}: ${error.message}`)
      })
    }
  }
  t.pass(`${SEEDS} seeds`)
})

t.test('CSV with quoted newlines, and with a header or without', async (t) => {
  const dir = t.testdir({})
  for (let seed = SEED; seed < SEED + SEEDS; seed++) {
    const random = seededRandom(seed)
    const path = join(dir, `${seed}.csv`)
    const rows = rowsOf(random, () => [
      `n${word(random, [...LETTERS, '\n', '\r\n'])}`,
      word(random),
    ])
    const quoted = (field: string) => `"${field.replaceAll('"', '""')}"`
    const fields = rows.map((row) => row.map(quoted).join(','))
    const hasHeader = random() < 0.5
    writeFileSync(path, textOf(random, hasHeader ? ['"a\nb",c', ...fields] : fields))
    const source = (): Source<unknown> => (hasHeader ? csv(path) : csv(path, { header: false }))
    const expected = hasHeader ? rows.map(([a, c]) => ({ 'a\nb': a, c })) : rows
    await checkSource({ source, expected }).catch((error: Error) => {
      t.fail(`seed ${seed}: ${error.message}`)
    })
  }
  t.pass(`${SEEDS} seeds`)
})

t.test('CSV without header: what is bad depends on the first row, before or after', async (t) => {
  const path = join(t.testdir({ 'a.csv': 'a,b\nc,d\ne,f,g\nh,i\n' }), 'a.csv')
  const source = csv(path, { header: false })
  const [split] = await source.splits(1)
  const reader = new DrivenReader(source, split!)
  t.same(await reader.take(2), [
    ['a', 'b'],
    ['c', 'd'],
  ])
  const resumed = new DrivenReader(source, split!, reader.position)
  t.same(await resumed.all(), [['h', 'i']])
  t.equal(resumed.bad.length, 1)
  t.match(resumed.bad[0]!.error.message, /a\.csv:3/)
})

t.test('CSV whose header was not there yet when it was listed', async (t) => {
  const path = join(t.testdir({ 'a.csv': '' }), 'a.csv')
  const source = csv(path, { types: { n: 'number' } })
  const [split] = await source.splits(1)
  writeFileSync(path, 'n,word\n1,one\n2,two\n')
  const reader = new DrivenReader(source, split!)
  t.same(await reader.take(1), [{ n: 1, word: 'one' }])
  const resumed = new DrivenReader(source, split!, reader.position)
  t.same(await resumed.all(), [{ n: 2, word: 'two' }])
})

t.test('ndjson, in ranges of any size', async (t) => {
  const dir = t.testdir({})
  for (let seed = SEED; seed < SEED + SEEDS; seed++) {
    const random = seededRandom(seed)
    const path = join(dir, `${seed}.ndjson`)
    const expected = rowsOf(random, (): Json => {
      const value = word(random, [...LETTERS, '\n', '\u2028'])
      return pick<Json>(random, [{ value }, [value, 1], value, null, 0.5])
    })
    writeFileSync(
      path,
      textOf(
        random,
        expected.map((value) => JSON.stringify(value)),
      ),
    )
    const options = withRanges(splitBytesOf(random))
    await checkSource({ source: () => ndjson<Json>(path, options), expected }).catch(
      (error: Error) => {
        t.fail(`seed ${seed}: ${error.message}`)
      },
    )
  }
  t.pass(`${SEEDS} seeds`)
})

t.test('blocks and ranges cut characters and lines anywhere', async (t) => {
  const dir = t.testdir({})
  const path = join(dir, 'large.txt')
  const random = seededRandom(SEED)
  const rows = Array.from(
    { length: 9_000 },
    (_, n) => `${n} ${'€𝄞'.repeat(Math.floor(random() * 12))}`,
  )
  writeFileSync(path, rows.join('\n'))
  for (const options of [{}, { splitBytes: 100_001 }]) {
    const source = () => lines(path, options)
    let at = 0
    for (const split of await source().splits(1)) {
      let position: Json = null
      for (let ended = false; !ended; ) {
        const reader: DrivenReader<string> = new DrivenReader(source(), split, position)
        const count = 1 + Math.floor(random() * 2_000)
        const taken = await reader.take(count)
        if (JSON.stringify(taken) !== JSON.stringify(rows.slice(at, at + taken.length))) {
          t.fail(`${split.id} at record ${at}`)
          return
        }
        at += taken.length
        ended = taken.length < count
        position = reader.position
        await reader.close()
      }
    }
    t.equal(at, rows.length)
  }
})

t.test('a file that has grown since it was listed gives what was there then', async (t) => {
  const path = join(t.testdir({ 'a.txt': 'one\ntwo\nthr', 'empty.txt': '' }), 'a.txt')
  const source = lines(path)
  const [split] = await source.splits(1)
  const reader = new DrivenReader(source, split!)
  t.same(await reader.take(1), ['one'])
  appendFileSync(path, 'ee\nfour\n')
  const resumed = new DrivenReader(source, split!, reader.position)
  t.same(await resumed.all(), ['two', 'thr'])
  truncateSync(path, 5)
  const shrunk = new DrivenReader(source, split!, reader.position)
  await t.rejects(shrunk.all(), { code: 'E_FILE_SHRANK' })
})

t.test('a file that was empty when it was listed replays too', async (t) => {
  const path = join(t.testdir({ 'a.txt': '' }), 'a.txt')
  const source = lines(path)
  const [split] = await source.splits(1)
  writeFileSync(path, 'one\ntwo\nthree\n')
  const reader = new DrivenReader(source, split!)
  t.same(await reader.take(1), ['one'])
  const resumed = new DrivenReader(source, split!, reader.position)
  t.same(await resumed.all(), ['two', 'three'])
})

t.test('a followed file, whatever is written when, and wherever it is gone on from', async (t) => {
  const dir = t.testdir({})
  for (let seed = SEED; seed < SEED + Math.ceil(SEEDS / 3); seed++) {
    const random = seededRandom(seed)
    const path = join(dir, `${seed}.log`)
    const source = () => lines(path, { follow: true, pollMs: 1 })
    const [split] = await source().splits(1)
    const sent: string[] = []
    const read: string[] = []
    let position: Json = null
    let rotations = 0
    let reader = new DrivenReader(source(), split!)
    let fd = openSync(path, 'a')
    for (let turn = 0; turn < 12; turn++) {
      const rows = rowsOf(random, () => `${sent.length}${word(random)}`)
      sent.push(...rows)
      // In two pieces, cut anywhere, so that a character may be half there.
      const bytes = Buffer.from(rows.map((row) => `${row}\n`).join(''))
      const cut = Math.floor(random() * (bytes.length + 1))
      writeSync(fd, bytes.subarray(0, cut))
      const before = sent.length - rows.length - read.length
      read.push(...(await reader.take(Math.min(before, Math.floor(random() * 9)))))
      position = reader.position
      if (random() < 0.3 && position !== null) {
        await reader.close()
        reader = new DrivenReader(source(), split!, position)
      }
      writeSync(fd, bytes.subarray(cut))
      // Of a file that was rotated before anyone looked at it nothing is known.
      if (random() < 0.2 && position !== null) {
        closeSync(fd)
        renameSync(path, `${path}.${++rotations}`)
        fd = openSync(path, 'a')
        // A second rotation between two looks would pass over the file in the middle.
        const first = `${sent.length} first of file ${rotations}`
        sent.push(first)
        writeSync(fd, `${first}\n`)
        read.push(...(await reader.take(sent.length - read.length)))
      }
    }
    read.push(...(await reader.take(sent.length - read.length)))
    closeSync(fd)
    await reader.close()
    t.strictSame(read, sent, `seed ${seed}`)
  }
})

t.test(
  'a followed file that was truncated while nobody looked is read from its beginning',
  async (t) => {
    const path = join(t.testdir({ 'a.log': 'one\ntwo\nthree\n' }), 'a.log')
    const source = () => lines(path, { follow: true, pollMs: 1 })
    const [split] = await source().splits(1)
    const reader = new DrivenReader(source(), split!)
    t.same(await reader.take(2), ['one', 'two'])
    const { position } = reader
    await reader.close()
    truncateSync(path, 0)
    appendFileSync(path, 'new\n')
    const resumed = new DrivenReader(source(), split!, position)
    t.same(await resumed.take(1), ['new'])
    const { offset, line } = resumed.position as { offset: number; line: number }
    t.same({ offset, line }, { offset: 4, line: 1 })
    await resumed.close()
  },
)
