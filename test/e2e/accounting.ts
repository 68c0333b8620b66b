/** The accounting job on the command line and in the calling thread. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { type Job, type RunOptions, run } from '../../actors/index.js'
import { type Command, command, MILLRACE } from '../support/command.js'
import accounting from './jobs/accounting.js'
import { KEYS } from './judge.js'
import { ending, first } from './support.js'

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
