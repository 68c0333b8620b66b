/** The accounting job on the command line and in the calling thread, and the judge of what it leaves. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { type Job, type RunOptions, run } from '../../actors/index.js'
import { openLevel } from '../../lib/base/level.js'
import { type Command, command, MILLRACE } from '../support/command.js'
import accounting from './jobs/accounting.js'
import { ending, first } from './support.js'

export const KEYS = 97
const MODULE = fileURLToPath(new URL('./jobs/accounting.js', import.meta.url))

export interface Life {
  readonly rows: number
  readonly perSecond: number
  /** Default `KEYS`. */
  readonly keys?: number
  readonly slots?: number
  readonly interval?: string
  /** Default true. */
  readonly quiet?: boolean
  /** For `--restore`. Default `latest`. */
  readonly restore?: string
  /** More for the command line. */
  readonly more?: readonly string[]
  /** Where snapshots lie. Default: `dir/state`. */
  readonly state?: string
  readonly env?: NodeJS.ProcessEnv
}

/** Snapshots and output lie below `dir`. */
export function startAccounting(dir: string, life: Life): Command {
  const { rows, perSecond, slots = 1, interval = '60ms', more = [], quiet = true } = life
  const { restore = 'latest', state = join(dir, 'state'), env = {}, keys = KEYS } = life
  const args = [
    ...['run', MODULE, '--slots', String(slots), ...(quiet ? ['--quiet'] : [])],
    ...['--checkpoint-dir', state, '--checkpoint-interval', interval],
    ...['--restore', restore, '--arg', `out=${join(dir, 'out')}`],
    ...['--arg', `rows=${rows}`, '--arg', `perSecond=${perSecond}`],
    ...['--arg', `keys=${keys}`, ...more],
  ]
  return command(MILLRACE, args, { env })
}

/** What `explain` says of going on from what lies in `dir`, for the operator of that name. */
export function explainRestore(dir: string, name: string, more: readonly string[] = []): Command {
  const args = ['out=x', 'rows=1000', 'perSecond=1', `name=${name}`].flatMap((arg) => [
    '--arg',
    arg,
  ])
  return command(MILLRACE, ['explain', MODULE, ...args, '--restore', join(dir, 'state'), ...more])
}

/** The accounting job in the calling thread. */
export interface LocalLife extends Omit<RunOptions, 'checkpoint' | 'state'> {
  readonly checkpoint?: Partial<NonNullable<RunOptions['checkpoint']>>
  readonly rows: number
  readonly perSecond: number
  readonly parallelism?: number
  /** Of the operator with the state. */
  readonly name?: string
  readonly keyGroups?: number
  /** Where snapshots lie, beside the output. Default `state`. */
  readonly state?: string
  readonly backend?: RunOptions['state']
}

/** Takes no checkpoint by itself, unless an interval is given. */
export function runAccounting(t: Test, dir: string, life: LocalLife): Job {
  const { rows, perSecond, parallelism, name = 'counts', keyGroups = 128, ...options } = life
  const { state = 'state', checkpoint, backend = 'heap', ...rest } = options
  const pipeline = accounting({
    out: join(dir, 'out'),
    rows: String(rows),
    perSecond: String(perSecond),
    parallelism: String(parallelism ?? 2),
    name,
    keyGroups: String(keyGroups),
  })
  const directory = isAbsolute(state) ? state : join(dir, state)
  return ending(
    t,
    run(pipeline, {
      metricsIntervalMs: 30,
      checkpoint: { interval: '1h', ...checkpoint, directory },
      state: backend,
      ...rest,
    }),
  )
}

export const hasRead = (job: Job, records: number) =>
  first(job.metrics$, ({ chains }) => chains.some(({ totals }) => totals.recordsIn >= records))

export function directoryOf(t: Test, name: string): string {
  const dir = mkdtempSync(join(tmpdir(), `millrace-${name}-`))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** What is wrong with the output of a job that has ended; null: each row is in each sink once. */
export async function judgeOutput(dir: string, rows: number, keys = KEYS): Promise<string | null> {
  const wrong = [
    ...judgedLines('part files', committedLines(dir), rows),
    ...judgedLines('the plain file', linesOf(join(dir, 'out/lines.txt')), rows),
    ...judgedLast(await lastCounts(join(dir, 'out/last')), rows, keys),
  ]
  const left = readdirSync(join(dir, 'out/parts')).filter((name) => name.startsWith('.'))
  if (left.length > 0) wrong.push(`left over: ${left.join(', ')}`)
  return wrong[0] ?? null
}

/** As `judgeOutput`, of the part files alone. */
export function judgeParts(dir: string, rows: number): string | null {
  return [...judgedLines('part files', committedLines(dir), rows)][0] ?? null
}

/** What is wrong already with the output of a job that has not ended. */
export function judgeSoFar(dir: string): string | null {
  const committed = repeated(committedLines(dir))
  if (committed !== null) return `part files: ${committed}`
  return holeIn(linesOf(join(dir, 'out/lines.txt')).slice(0, -1))
}

/** `key count` lines of every committed part. */
function committedLines(dir: string): string[] {
  const parts = join(dir, 'out/parts')
  if (!existsSync(parts)) return []
  return readdirSync(parts)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => linesOf(join(parts, name)))
}

function linesOf(file: string): string[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  return text === '' ? [] : text.trimEnd().split('\n')
}

function* judgedLines(where: string, lines: readonly string[], rows: number) {
  const wrong = holeIn(lines)
  if (wrong !== null) yield `${where}: ${wrong}`
  if (lines.length !== rows) yield `${where}: ${lines.length} of ${rows} rows`
}

function* judgedLast(last: ReadonlyMap<string, number>, rows: number, keys: number) {
  if (last.size !== keys) yield `LevelDB: ${last.size} of ${keys} keys`
  for (const [key, count] of last) {
    const expected = Math.floor((rows - 1 - Number(key)) / keys) + 1
    if (count !== expected) yield `LevelDB: key ${key} has ${count}, not ${expected}`
  }
}

/** Null where each key has 1, 2, 3 … once. */
function holeIn(lines: readonly string[]): string | null {
  const counts = new Map<string, number[]>()
  for (const line of lines) {
    const [key, count] = line.split(' ') as [string, string]
    const of = counts.get(key) ?? []
    counts.set(key, of)
    of.push(Number(count))
  }
  for (const [key, of] of counts) {
    const sorted = [...of].sort((a, b) => a - b)
    const wrong = sorted.findIndex((count, i) => count !== i + 1)
    if (wrong >= 0) return `key ${key}: count ${wrong + 1} is ${sorted[wrong]}`
  }
  return null
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
