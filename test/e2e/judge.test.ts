/** The judge behind every crash and fault: what it lets pass, and that it sees what is wrong. */
import t from 'tap'
import { SPLITS } from './jobs/accounting.js'
import { judgedLines, judgedParts } from './judge.js'

const KEYS = 3
const ROWS = 60

/** What a run without faults may leave: the splits side by side, or one behind the other. */
function rowsBy(order: (a: number, b: number) => number): string[] {
  const counts = new Map<number, number>()
  const numbers = Array.from({ length: ROWS }, (_, n) => n).sort(order)
  return numbers.map((n) => {
    const count = (counts.get(n % KEYS) ?? 0) + 1
    counts.set(n % KEYS, count)
    return `${n % KEYS} ${count} ${n}`
  })
}

const bySplit = (a: number, b: number): number => (a % SPLITS) - (b % SPLITS) || a - b

/** Each key with one subtask; key 2 moves to another one in the middle. */
const inParts = (lines: readonly string[]) =>
  ['000', '001'].map((subtask, at) => ({
    subtask,
    lines: lines.filter((line, i) => {
      const key = line.startsWith('2') && i < ROWS / 2 ? 0 : Number(line[0])
      return key % 2 === at
    }),
  }))

const wrongLines = (lines: readonly string[]) => [...judgedLines(lines, ROWS, KEYS)][0] ?? null
const wrongParts = (lines: readonly string[]) =>
  [...judgedParts(inParts(lines), ROWS, KEYS)][0] ?? null

const swapped = (lines: readonly string[], a: number, b: number): string[] =>
  lines.with(a, lines[b]!).with(b, lines[a]!)

/** As if the two numbers had come in the other order: the counts are right. */
function numbersSwapped(lines: readonly string[], a: number, b: number): string[] {
  const [first, second] = [lines[a]!.split(' '), lines[b]!.split(' ')]
  const with_ = (row: string[], n: string) => `${row[0]} ${row[1]} ${n}`
  return lines.with(a, with_(first, second[2]!)).with(b, with_(second, first[2]!))
}

t.test('what a run without faults leaves passes, in whatever order splits are read', async (t) => {
  for (const lines of [rowsBy((a, b) => a - b), rowsBy(bySplit)]) {
    t.equal(wrongLines(lines), null)
    t.equal(wrongParts(lines), null)
  }
})

const good = rowsBy((a, b) => a - b)
/** Of one key, one behind the other; and of one split, too. */
const [one, next, sameSplit] = [KEYS, 2 * KEYS, KEYS + KEYS * SPLITS]

const MUTANTS: Readonly<Record<string, readonly string[]>> = {
  'a row is lost': good.toSpliced(17, 1),
  'the last row is lost': good.slice(0, -1),
  'a row is repeated': good.toSpliced(18, 0, good[17]!),
  'a row is repeated, and another lost': good.with(20, good[17]!),
  'all rows are repeated': [...good, ...good],
  'a count is given twice, with another number': good.with(one, `0 1 ${one}`),
  'two rows of a key are swapped': swapped(good, one, next),
  'two numbers of a split are swapped in front of the counts': numbersSwapped(good, one, sameSplit),
  'a number is counted for another key': good.with(one, `0 2 ${one + 1}`),
  'a number that was never given': good.with(ROWS - 1, `2 20 ${ROWS - 1 + KEYS * SPLITS}`),
}

for (const [name, lines] of Object.entries(MUTANTS)) {
  t.test(`the judge sees a mutant: ${name}`, async (t) => {
    t.not(wrongLines(lines), null, 'in a file')
    t.not(wrongParts(lines), null, 'in part files')
  })
}
