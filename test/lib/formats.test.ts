import t from 'tap'
import { seededRandom } from '../../lib/base/random.js'
import { CsvDecoder, toCsvField } from '../../lib/formats/csv.js'
import { arrayRows, numberBetween, rowBuilder, selectColumns } from '../../lib/formats/csv-row.js'
import type { BadText, Decoder } from '../../lib/formats/decoder.js'
import { LineDecoder } from '../../lib/formats/lines.js'
import { NdjsonDecoder, toNdjson } from '../../lib/formats/ndjson.js'
import { type TextOptions, type TextRange, TextRuns } from '../../lib/formats/runs.js'
import { showRecord } from '../../lib/formats/show.js'
import { testSeed } from '../support/test-seed.js'

const seed = testSeed(20_251_121)

interface Got<T> {
  readonly record: T
  /** Offset behind it, as a position would say. */
  readonly offset: number
}

/** Decodes bytes that come in chunks of the given sizes, `max` records at a time. */
function decodeAll<T>(
  bytes: Buffer,
  decoder: (runs: TextRuns) => Decoder<T>,
  {
    range = { start: 0, skipFirst: false, end: null },
    options = {},
    chunk = () => bytes.length,
    max = 1,
  }: {
    range?: TextRange
    options?: TextOptions
    chunk?: () => number
    max?: number
  } = {},
): Got<T>[] {
  const runs = new TextRuns('test.txt', range, options)
  const decode = decoder(runs)
  const got: Got<T>[] = []
  let fed = range.start
  let at = 0
  for (;;) {
    const out: T[] = []
    at = decode.decode(runs.text, at, runs.over, out, max)
    for (const record of out) got.push({ record, offset: runs.offsetAt(at) })
    if (out.length > 0) continue
    if (runs.advance(at)) at = 0
    else if (runs.over) {
      if (at >= runs.text.length) return got
    } else if (fed >= bytes.length) runs.finish()
    else {
      const size = Math.max(1, chunk())
      // The memory of a chunk may be used again once it was consumed.
      const piece = Buffer.from(bytes.subarray(fed, fed + size))
      runs.feed(piece)
      fed += size
    }
  }
}

const linesOf = (bytes: Buffer | string, given: Parameters<typeof decodeAll>[2] = {}) =>
  decodeAll(Buffer.from(bytes as string), () => new LineDecoder(), given)
const textOf = (got: readonly Got<string>[]) => got.map(({ record }) => record)

t.test('a line ends with \\n or \\r\\n; the last one needs neither', async (t) => {
  t.same(textOf(linesOf('a\nb\r\n\nc\rd\r\ne')), ['a', 'b', '', 'c\rd', 'e'])
  t.same(textOf(linesOf('a\n')), ['a'])
  t.same(textOf(linesOf('\n')), [''])
  t.same(textOf(linesOf('')), [])
})

t.test('a byte order mark is dropped, and counted in offsets', async (t) => {
  for (const size of [1, 2, 100]) {
    const got = linesOf('\ufeffa\nb\ufeff\n', { chunk: () => size })
    t.same(got, [
      { record: 'a', offset: 5 },
      { record: 'b\ufeff', offset: 10 },
    ])
  }
})

t.test('whatever the chunks, lines and their offsets are those of the bytes', async (t) => {
  const random = seededRandom(seed)
  const alphabet = ['a', 'bc', 'ä', '日', '😀', '\n', '\r\n', '\r', ' ', '\ufffd']
  for (let round = 0; round < 300; round++) {
    const pieces = Array.from(
      { length: Math.floor(random() * (round % 10 === 0 ? 5000 : 60)) },
      () => alphabet[Math.floor(random() * alphabet.length)]!,
    )
    const bytes = Buffer.from(pieces.join(''))
    const expected = bytes.toString().split('\n')
    if (expected.at(-1) === '') expected.pop()
    let offset = 0
    const wanted = expected.map((line, i) => {
      offset = Math.min(offset + Buffer.byteLength(line) + 1, bytes.length)
      const isEnded = i < expected.length - 1 || bytes.at(-1) === 10
      return { record: isEnded ? line.replace(/\r$/, '') : line, offset }
    })
    const chunk = () => Math.floor(random() * (round % 2 === 0 ? 5 : 3000))
    const got = linesOf(bytes, { chunk })
    if (JSON.stringify(got) !== JSON.stringify(wanted)) {
      t.same(got, wanted, `round ${round}`)
    }
  }
})

t.test('neighbouring ranges own every line exactly once', async (t) => {
  const text = 'one\ntwo\n\nthree, which is longer\nv\n\nsix'
  for (const source of [text, `${text}\n`]) {
    const bytes = Buffer.from(source)
    const whole = textOf(linesOf(bytes))
    for (let size = 1; size <= bytes.length; size++) {
      for (const chunk of [1, 7, 100]) {
        const lines: string[] = []
        for (let start = 0; start < bytes.length; start += size) {
          const end = Math.min(start + size, bytes.length)
          const range = { start, end, skipFirst: start > 0 }
          lines.push(...textOf(linesOf(bytes, { range, chunk: () => chunk })))
        }
        if (lines.join('|') !== whole.join('|')) t.same(lines, whole, `${size}/${chunk}`)
      }
    }
  }
})

t.test(
  'bytes that are not UTF-8 are named by offset, or replaced without losing count',
  async (t) => {
    const bytes = Buffer.concat([
      Buffer.from('\ufffd ok\nbad '),
      Buffer.from([0xff, 0x41, 0xe6, 0x97]),
      Buffer.from('\nä\nlast\n'),
    ])
    const offset = Buffer.byteLength('\ufffd ok\nbad ')
    t.throws(() => linesOf(bytes), {
      code: 'E_INVALID_UTF8',
      details: { file: 'test.txt', offset },
    })
    const got = linesOf(bytes, { options: { invalid: 'replace' } })
    t.same(textOf(got), ['\ufffd ok', 'bad \ufffdA\ufffd', 'ä', 'last'])
    t.same(
      got.map((line) => line.offset),
      [7, 16, 19, 24],
    )
    t.same(textOf(linesOf(Buffer.from([0xe4, 10]), { options: { encoding: 'latin1' } })), ['ä'])
  },
)

t.test('a line over the limit is refused, with its offset', async (t) => {
  const options = { lineBytesMax: 10 }
  t.same(textOf(linesOf('0123456789\nab\n', { options })), ['0123456789', 'ab'])
  for (const size of [1, 4, 100]) {
    t.throws(() => linesOf('ab\n0123456789x\nc\n', { options, chunk: () => size }), {
      code: 'E_LINE_TOO_LONG',
      details: { file: 'test.txt', offset: 3, limit: 10 },
    })
    t.throws(() => linesOf('ab\n0123456789x', { options, chunk: () => size }), {
      code: 'E_LINE_TOO_LONG',
    })
  }
})

function csvOf(
  text: string,
  {
    names,
    multiline = true,
    ...dialect
  }: {
    names?: string[]
    multiline?: boolean
    delimiter?: string
    quote?: string
  } = {},
  given: Parameters<typeof decodeAll>[2] = {},
) {
  const bad: BadText[] = []
  const columns = names === undefined ? null : selectColumns('t', names, null, {})
  const shape =
    columns === null
      ? { width: null, builder: arrayRows }
      : { width: columns.length, builder: rowBuilder(columns) }
  const got = decodeAll(
    Buffer.from(text),
    () => new CsvDecoder<unknown>(shape, dialect, multiline, (problem) => bad.push(problem)),
    given,
  )
  return { rows: got.map(({ record }) => record), bad, got }
}

t.test('CSV: quotes hold delimiters, quotes and newlines, wherever a chunk ends', async (t) => {
  const text = 'a,"b,1","say ""hi"""\r\n"x\r\ny",,z\n\n"",q"q,\nlast,"",1'
  const expected = [
    ['a', 'b,1', 'say "hi"'],
    ['x\r\ny', '', 'z'],
    ['', 'q"q', ''],
    ['last', '', '1'],
  ]
  for (let size = 1; size <= text.length; size++) {
    const { rows, bad } = csvOf(text, {}, { chunk: () => size })
    t.same({ rows, bad }, { rows: expected, bad: [] }, `chunks of ${size}`)
  }
  t.same(csvOf('a;b\n', { delimiter: ';' }).rows, [['a', 'b']])
  t.same(csvOf('"a",b\n', { quote: '' }).rows, [['"a"', 'b']])
})

t.test('CSV: what was written is read back, for any text', async (t) => {
  const random = seededRandom(seed)
  const alphabet = ['a', ',', '"', '\n', '\r\n', ' ', '日', 'word', '']
  for (let round = 0; round < 200; round++) {
    const width = 2 + Math.floor(random() * 3)
    const rows = Array.from({ length: 1 + Math.floor(random() * 40) }, () =>
      Array.from({ length: width }, () =>
        Array.from(
          { length: Math.floor(random() * 5) },
          () => alphabet[Math.floor(random() * alphabet.length)]!,
        ).join(''),
      ),
    )
    const text = rows.map((row) => `${row.map((f) => toCsvField(f, ',')).join(',')}\n`).join('')
    const { rows: got, bad } = csvOf(text, {}, { chunk: () => 1 + Math.floor(random() * 50) })
    if (JSON.stringify(got) !== JSON.stringify(rows)) t.same({ got, bad }, rows, text)
  }
})

t.test('CSV: bad rows are reported with line and reason, and the rest goes on', async (t) => {
  const text = 'a,b\n1,2,3\n"x\ny",2\nonly\n"q"z,1\nok,1\n"open'
  const { rows, bad } = csvOf(text, { names: ['a', 'b'] })
  t.same(rows, [
    { a: 'a', b: 'b' },
    { a: 'x\ny', b: '2' },
    { a: 'ok', b: '1' },
  ])
  t.same(
    bad.map(({ line, reason, raw }) => [line, reason, raw]),
    [
      [2, 'expected 2 fields, saw 3', '1,2,3'],
      [5, 'expected 2 fields, saw 1', 'only'],
      [6, 'expected a delimiter or the end of the line after the closing quote, saw "z"', '"q"z,1'],
      [8, 'the input ends inside a quoted field', '"open'],
    ],
  )
  const single = csvOf('"x\ny",2\n3,4\n', { names: ['a', 'b'], multiline: false })
  // Ranges must agree on where rows begin, so every newline ends one.
  t.same(single.rows, [
    { a: 'y"', b: '2' },
    { a: '3', b: '4' },
  ])
  t.match(single.bad[0]!.reason, 'newline')
})

t.test(
  'CSV: a large quoted field is found in a number of looks that does not explode',
  async (t) => {
    const field = 'line of text\n'.repeat(100_000)
    const { rows } = csvOf(`"${field}",x\n`, {}, { chunk: () => 65_536 })
    t.equal((rows[0] as string[])[0], field)
  },
)

t.test('CSV rows: types convert or refuse, and a column may be named __proto__', async (t) => {
  const columns = selectColumns('t', ['a', 'n', 'm', 'f', '__proto__'], null, {
    n: 'number',
    m: 'number?',
    f: (text) => text.length,
  })
  const builder = rowBuilder(columns)
  const row = builder.fromFields(['x', '1.5', '', 'four', 'p']) as Record<string, unknown>
  t.same(Object.entries(row), [
    ['a', 'x'],
    ['n', 1.5],
    ['m', null],
    ['f', 4],
    ['__proto__', 'p'],
  ])
  t.equal(Object.getPrototypeOf(row), Object.prototype)
  const text = 'x,1.5,,four,p'
  t.same(builder.fromEnds(text, 0, Int32Array.of(1, 5, 6, 11, 13)), row)
  for (const bad of ['', ' ', 'one']) {
    t.throws(() => builder.fromFields(['x', bad, '', '', '']), /expected a number in column "n"/)
  }
  t.throws(() => selectColumns('t', ['a', 'a'], null, {}), { code: 'E_CSV_HEADER' })
  t.throws(() => selectColumns('t', ['a'], ['b'], {}), { code: 'E_CSV_COLUMN' })
})

t.test('CSV numbers read in place are those that Number reads', async (t) => {
  const random = seededRandom(seed)
  const digits = (n: number) => Array.from({ length: n }, () => Math.floor(random() * 10)).join('')
  for (let round = 0; round < 20_000; round++) {
    const head = digits(Math.floor(random() * 10))
    const tail = random() < 0.5 ? '' : `.${digits(Math.floor(random() * 10))}`
    const text = `${random() < 0.3 ? '-' : ''}${head}${tail}`
    if (Number.isNaN(Number(text)) || text === '') continue
    if (!Object.is(numberBetween(`,${text},`, 1, text.length + 1, 'n'), Number(text))) t.fail(text)
  }
  for (const text of ['1e3', '0x10', ' 7 ', '-0', 'Infinity', '12345678901234567890', '1_0', '.']) {
    const read = () => numberBetween(text, 0, text.length, 'n')
    if (Number.isNaN(Number(text))) t.throws(read, /expected a number/, text)
    else t.ok(Object.is(read(), Number(text)), text)
  }
})

t.test('NDJSON: blank lines are skipped, bad ones reported with their line', async (t) => {
  const bad: BadText[] = []
  const text = '{"a":1}\n\n  \r\n[1,2]\nnope\n{"__proto__":1}\n"last"'
  const got = decodeAll(
    Buffer.from(text),
    () => new NdjsonDecoder<unknown>((problem) => bad.push(problem)),
  )
  t.same(
    got.map(({ record }) => JSON.stringify(record)),
    ['{"a":1}', '[1,2]', '{"__proto__":1}', '"last"'],
  )
  t.same(
    bad.map(({ line, raw }) => [line, raw]),
    [[5, 'nope']],
  )
  t.throws(() => toNdjson(undefined), TypeError)
})

t.test('a record is shown as one line', async (t) => {
  t.equal(showRecord('as it is'), 'as it is')
  t.equal(showRecord(['key', 3]), 'key\t3')
  t.equal(
    showRecord(['key', { n: 1, s: 'x', none: undefined, big: 2n }]),
    'key\t{"n":1,"s":"x","none":undefined,"big":2n}',
  )
  t.equal(showRecord([1, 2, 3]), '[1,2,3]')
  t.equal(showRecord(-0), '-0')
  t.equal(showRecord(new Map([[1, 2]])), 'Map(1) { 1 => 2 }')
  const cycle: Record<string, unknown> = {}
  cycle.self = cycle
  t.match(showRecord(cycle), 'self')
})
