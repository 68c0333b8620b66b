/** The judge of what the accounting job leaves: lost, repeated, out of order? */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openLevel } from '../../lib/base/level.js'
import { SPLITS } from './jobs/accounting.js'

export const KEYS = 97

/**
 * What is wrong with the output of a job that has ended; null: each row is in each sink once, those of
 * a key in the order of their counts, and those of a key and a split in the order of the split.
 */
export async function judgeOutput(dir: string, rows: number, keys = KEYS): Promise<string | null> {
  const lines = linesOf(join(dir, 'out/lines.txt'))
  const wrong = [
    ...judgedParts(committedParts(dir), rows, keys),
    ...judgedLines(lines, rows, keys),
    ...judgedLast(await lastCounts(join(dir, 'out/last')), rows, keys),
  ]
  const left = readdirSync(join(dir, 'out/parts')).filter((name) => name.startsWith('.'))
  if (left.length > 0) wrong.push(`left over: ${left.join(', ')}`)
  return wrong[0] ?? null
}

/** What is wrong already with the output of a job that has not ended. */
export function judgeSoFar(dir: string): string | null {
  const committed = repeated(committedParts(dir).flatMap(({ lines }) => lines))
  if (committed !== null) return `part files: ${committed}`
  // The last line may be half a line.
  return wrongRows(linesOf(join(dir, 'out/lines.txt')).slice(0, -1), KEYS)
}

/** Of lines `key count` in part files whose rows were shuffled behind the counts: is each there once? */
export function judgeShuffled(dir: string, rows: number): string | null {
  const lines = committedParts(dir).flatMap((part) => part.lines)
  const hole = holeIn(lines.map((line) => line.split(' ').map(Number) as [number, number]))
  return hole ?? wrongNumber(lines.length, rows)
}

/** The committed parts of one subtask, in their order. */
interface PartsOfSubtask {
  readonly subtask: string
  readonly lines: readonly string[]
}

/** Their names sort as they were written. */
function committedParts(dir: string): readonly PartsOfSubtask[] {
  const parts = join(dir, 'out/parts')
  if (!existsSync(parts)) return []
  const names = readdirSync(parts).filter((name) => !name.startsWith('.'))
  const bySubtask = grouped(names.sort(), (name) => name.split('-')[1]!)
  return [...bySubtask].map(([subtask, of]) => ({
    subtask,
    lines: of.flatMap((name) => linesOf(join(parts, name))),
  }))
}

function linesOf(file: string): string[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  return text === '' ? [] : text.trimEnd().split('\n')
}

/** Exported for the test of the judge. */
export function* judgedParts(parts: readonly PartsOfSubtask[], rows: number, keys: number) {
  for (const { subtask, lines } of parts) {
    const wrong = outOfOrder(lines.map(rowOf))
    if (wrong !== null) yield `part files of subtask ${subtask}: ${wrong}`
  }
  // A key may have moved from one subtask to another: its counts tell in which order.
  const all = parts.flatMap(({ lines }) => lines.map(rowOf)).sort((a, b) => a.count - b.count)
  const wrong = wrongRow(all, keys) ?? wrongNumber(all.length, rows)
  if (wrong !== null) yield `part files: ${wrong}`
}

/** Exported for the test of the judge. */
export function* judgedLines(lines: readonly string[], rows: number, keys: number) {
  const wrong = wrongRows(lines, keys) ?? wrongNumber(lines.length, rows)
  if (wrong !== null) yield `the plain file: ${wrong}`
}

function* judgedLast(last: ReadonlyMap<string, number>, rows: number, keys: number) {
  if (last.size !== keys) yield `LevelDB: ${last.size} of ${keys} keys`
  for (const [key, count] of last) {
    const expected = Math.floor((rows - 1 - Number(key)) / keys) + 1
    if (count !== expected) yield `LevelDB: key ${key} has ${count}, not ${expected}`
  }
}

interface Row {
  readonly key: number
  readonly count: number
  readonly n: number
}

function rowOf(line: string): Row {
  const [key, count, n] = line.split(' ').map(Number) as [number, number, number]
  return { key, count, n }
}

const wrongRows = (lines: readonly string[], keys: number) => wrongRow(lines.map(rowOf), keys)

const wrongNumber = (seen: number, rows: number): string | null =>
  seen === rows ? null : `${seen} of ${rows} rows`

/** Null where each key has 1, 2, 3 …, and of each split the numbers as the split gave them. */
function wrongRow(rows: readonly Row[], keys: number): string | null {
  const counts = new Map<number, number>()
  const numbers = new Map<string, number>()
  for (const { key, count, n } of rows) {
    const before = counts.get(key) ?? 0
    if (count !== before + 1) return `key ${key}: ${count} comes behind ${before}`
    counts.set(key, count)
    if (n % keys !== key) return `key ${key}: ${n} is not one of its numbers`
    const split = `${key} ${n % SPLITS}`
    const last = numbers.get(split)
    const next = last === undefined ? firstOf(key, n % SPLITS, keys) : last + keys * SPLITS
    if (n !== next) return `key ${key}: number ${n} comes where ${next} should`
    numbers.set(split, n)
  }
  return null
}

/** The first number of a key in a split: keys and splits have no common divisor. */
function firstOf(key: number, split: number, keys: number): number {
  let n = key
  while (n % SPLITS !== split) n += keys
  return n
}

/** Null where the counts of each key go up. */
function outOfOrder(rows: readonly Row[]): string | null {
  const counts = new Map<number, number>()
  for (const { key, count } of rows) {
    const before = counts.get(key) ?? 0
    if (count <= before) return `key ${key}: ${count} comes behind ${before}`
    counts.set(key, count)
  }
  return null
}

/** Null where each key has 1, 2, 3 … once, in whatever order. */
function holeIn(rows: readonly (readonly [key: number, count: number])[]): string | null {
  const counts = grouped(rows, ([key]) => key)
  for (const [key, of] of counts) {
    const sorted = of.map(([, count]) => count).sort((a, b) => a - b)
    const wrong = sorted.findIndex((count, i) => count !== i + 1)
    if (wrong >= 0) return `key ${key}: count ${wrong + 1} is ${sorted[wrong]}`
  }
  return null
}

function grouped<T, Key>(items: readonly T[], keyOf: (item: T) => Key): Map<Key, T[]> {
  const groups = new Map<Key, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

function repeated(lines: readonly string[]): string | null {
  const seen = new Set<string>()
  const again = lines.find((line) => seen.size === seen.add(line).size)
  return again === undefined ? null : `${again} is there twice`
}

async function lastCounts(directory: string): Promise<ReadonlyMap<string, number>> {
  const db = await openLevel(directory, false, { writeBufferBytes: 4e6, fileBytesMax: 2e6 })
  try {
    const last = new Map<string, number>()
    for await (const [key, value] of db.iterator({ gte: '0' })) {
      last.set(key, Number(Buffer.from(value).toString()))
    }
    return last
  } finally {
    await db.close()
  }
}
