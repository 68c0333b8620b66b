/**
 * Every example is run as its reader would run it, and what it prints is compared with what is known
 * by other means.
 */
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { command, MILLRACE, ROOT } from './support/command.js'

// Many processes, on a machine that may be busy.
t.setTimeout(400_000)

const example = (name: string) => join(ROOT, 'examples', `${name}.ts`)

const millrace = (name: string, args: readonly string[], options: readonly string[] = []) =>
  command(MILLRACE, ['run', example(name), ...options, '--', ...args])

// ---- word count -----------------------------------------------------------------------------

/** Counts letter by letter, with none of the code under test. */
function topWords(paths: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const path of paths) {
    for (const word of wordsOf(readFileSync(path, 'utf8').toLowerCase())) {
      counts.set(word, (counts.get(word) ?? 0) + 1)
    }
  }
  const sorted = [...counts].sort(([a, n], [b, m]) => (n === m ? (a < b ? -1 : 1) : m - n))
  return sorted.slice(0, 20).map(([word, n]) => `${String(n).padStart(8)}  ${word}`)
}

function wordsOf(text: string): string[] {
  const words: string[] = []
  let word = ''
  const characters = [...text]
  for (const [at, character] of characters.entries()) {
    const joins = character === "'" || character === '’'
    if (isLetter(character)) word += character
    else if (joins && word !== '' && isLetter(characters[at + 1] ?? '')) word += character
    else if (word !== '') {
      words.push(word)
      word = ''
    }
  }
  return word === '' ? words : [...words, word]
}

const isLetter = (character: string) => /^\p{L}$/u.test(character)

/** What the default patterns mean: nothing hidden, installed or built. */
function textFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith('.') || entry.name === 'node_modules' || entry.name === 'dist')
      return []
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return textFiles(path)
    return /\.(md|ts)$/.test(entry.name) ? [path] : []
  })
}

const printed = (stdout: string) => stdout.trimEnd().split('\n')

t.test(
  'word-count prints the words of given files, ties in the order of the alphabet',
  async (t) => {
    const folder = t.testdir({
      'a.txt': "The mill's wheel. The RACE! 'quoted' ' '' don't DON'T rock'n'roll\n",
      'b.txt': `${[...'zyxwvutsrqponmlkjihg'].map((c) => `w${c}`).join(' ')}\nÉté, naïve été\n`,
      'empty.txt': '',
    })
    const paths = ['a.txt', 'b.txt', 'empty.txt'].map((name) => join(folder, name))
    const runs = [1, 2].map((slots) => millrace('word-count', paths, ['--slots', `${slots}`]).ended)
    for (const { code, stdout, stderr } of await Promise.all(runs)) {
      t.equal(code, 0, stderr)
      const lines = printed(stdout)
      t.same(lines.slice(0, 4), [
        "       2  don't",
        '       2  the',
        '       2  été',
        "       1  mill's",
      ])
      t.same(lines, topWords(paths))
      t.match(stderr, /word-count finished in .*: 3 records in/)
    }
  },
)

t.test('word-count counts every Markdown and TypeScript file of the repository', async (t) => {
  const expected = topWords(textFiles(ROOT))
  const runs = [1, 2].map((slots) => millrace('word-count', [], ['--slots', `${slots}`]).ended)
  for (const { code, stdout, stderr } of await Promise.all(runs)) {
    t.equal(code, 0, stderr)
    t.same(printed(stdout), expected)
  }
})

// ---- tail and alert -------------------------------------------------------------------------

t.test(
  'tail-and-alert says each address once, through rotation, until it is interrupted',
  async (t) => {
    const log = join(t.testdir({ 'auth.log': failed('10.0.0.1', 2) }), 'auth.log')
    const tail = millrace('tail-and-alert', [log])
    appendFileSync(log, `Accepted password for ann from 10.0.0.2\n${failed('10.0.0.1', 1)}`)
    await tail.output((text) => text.includes('10.0.0.1'))
    appendFileSync(log, `${failed('10.0.0.1', 5)}${failed('10.0.0.3', 2)}`)
    renameSync(log, `${log}.1`)
    writeFileSync(log, `${failed('10.0.0.3', 1)}${failed('10.0.0.4', 3)}`)
    await tail.output((text) => text.includes('10.0.0.3') && text.includes('10.0.0.4'))
    appendFileSync(log, `${failed('10.0.0.4', 9)}${failed('10.0.0.5', 3)}`)
    await tail.output((text) => text.includes('10.0.0.5'))
    tail.process.kill('SIGINT')
    const { code, stdout, stderr } = await tail.ended
    t.equal(code, 130)
    t.match(stderr, /tail-and-alert finished \(partial\)/)
    const alert = (n: number) => `ALERT 10.0.0.${n}: 3 failed logins`
    t.same(printed(stdout), [alert(1), alert(3), alert(4), alert(5)])
  },
)

const failed = (address: string, times: number) =>
  `sshd[7]: Failed password for root from ${address} port 22\n`.repeat(times)

// ---- dead letters ---------------------------------------------------------------------------

t.test(
  'dead-letters sums the good payments and keeps the poison with reason and place',
  async (t) => {
    const folder = t.testdir({
      'payments.ndjson': [
        '{"account":"ann","amount":"1.20"}',
        '{"account":"bob","amount":"twelve"}',
        '{"account":"ann"',
        '{"account":"bob","amount":"2.05"}',
        '{"account":"ann","amount":"0.80"}',
        '{"account":"eve","amount":"x"}',
      ].join('\n'),
    })
    const [payments, dead] = ['payments.ndjson', 'dead.ndjson'].map((name) => join(folder, name))
    const { code, stdout, stderr } = await millrace('dead-letters', [payments!, dead!]).ended
    t.equal(code, 0, stderr)
    t.same(printed(stdout).sort(), ['ann\t200', 'bob\t205'])
    t.match(stderr, /3 dead letters/)
    const letters = printed(readFileSync(dead!, 'utf8')).map((line) => JSON.parse(line))
    const records = letters.map(({ record }) => record)
    const [bob, eve] = [
      { account: 'bob', amount: 'twelve' },
      { account: 'eve', amount: 'x' },
    ]
    t.same(records.toSorted(byText), ['{"account":"ann"', bob, eve].toSorted(byText))
    for (const { operator, record, error, position } of letters) {
      t.match(position, /^.*payments\.ndjson:0-\d+@\{"offset":\d+,"line":\d\}$/)
      if (typeof record === 'string') {
        t.match(operator, /^ndjson\(.*payments\.ndjson\)$/)
        t.match(error.message, /payments\.ndjson:3 .*JSON/)
      } else {
        t.equal(operator, 'to-cents')
        t.match(error, { name: 'TypeError', message: `"${record.amount}" is no amount` })
        t.match(error.stack, /examples[/\\]dead-letters\.ts:\d+/)
      }
    }
  },
)

const byText = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

// ---- programs -------------------------------------------------------------------------------

const program = (name: string) => command(join(ROOT, 'dist', 'examples', `${name}.js`)).ended

t.test('observables gives the warmest reading of each sensor', async (t) => {
  const { code, stdout, stderr } = await program('observables')
  t.equal(code, 0, stderr)
  t.equal(stdout, '60 readings; warmest: {"north":26,"south":26}\n')
})

t.test(
  'supervised-actors does every good job, and each poisoned one costs what it should',
  async (t) => {
    const { code, stdout, stderr } = await program('supervised-actors')
    t.equal(code, 0, stderr)
    const lines = printed(stdout)
    const done = lines.flatMap(
      (line) => /^worker-\d: job (\d): (\w+),/.exec(line)?.slice(1, 3) ?? [],
    )
    const good = { 0: 'MILL', 1: 'RACE', 3: 'WHEEL', 5: 'WATER', 7: 'GATE', 8: 'FLOUR', 9: 'SACK' }
    t.same(Object.fromEntries(pairs(done)), good)
    t.equal(done.length, 2 * Object.keys(good).length, 'each once')
    const failures = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(2))
    t.match(failures.sort(), [
      /^demo\/pool\/worker-1 \[user-code\] job 6 is poison → restart after \d+ ms \(attempt 1\)$/,
      /^demo\/pool\/worker-2 \[user-code\] job 4 is poison → restart after \d+ ms \(attempt 1\)$/,
      /^demo\/pool\/worker-3 \[input\] job 2 has no text → resume \(attempt 1\)$/,
    ])
    t.match(lines.at(-1), /^3 failures, 3 jobs lost$/)
  },
)

function* pairs(list: readonly string[]): Generator<[string, string]> {
  for (let at = 0; at < list.length; at += 2) yield [list[at]!, list[at + 1]!]
}

// ---- stop and resume ------------------------------------------------------------------------

t.test('stop-and-resume: a job that stopped goes on where it was', async (t) => {
  const { code, stdout, stderr } = await command(join(ROOT, 'dist/examples/stop-and-resume.js'))
    .ended
  t.equal(code, 0, stderr)
  t.same(printed(stdout), ['stopped in the middle', '20000 lines, 20000 different ones'])
})

// ---- supervise a cluster --------------------------------------------------------------------

t.test('supervise-cluster stops behind a savepoint at the third failure, and pages', async (t) => {
  const dev = command(MILLRACE, ['dev', '--listen', ':0', '--slots', '1'], { deadlineMs: 90_000 })
  t.teardown(async () => {
    dev.process.kill('SIGTERM')
    await dev.ended
  })
  await dev.errors((text) => text.includes('run something'))
  const url = /node at (ws:\S+)/.exec(dev.stderr)![1]!
  const saved = join(t.testdir(), 'saved')
  const script = join(ROOT, 'dist/examples/supervise-cluster.js')
  const job = join(ROOT, 'dist/test/e2e/jobs/stumbling.js')
  const { code, stdout, stderr } = await command(script, [url, job, saved], { deadlineMs: 80_000 })
    .ended
  t.equal(code, 0, stderr)
  const lines = printed(stdout)
  const paged = lines.findIndex((line) => /^PAGE: careful of stumbling/.test(line))
  const before = lines.slice(0, paged)
  t.equal(before.filter((line) => line.startsWith('careful failed (user-code)')).length, 3, stdout)
  t.match(lines.at(-2), /^PAGE: stumbling has stopped; its savepoint is in .*saved$/)
  t.match(lines.at(-1), /^Stopped after \d restarts$/)
  t.ok(existsSync(saved))
})
