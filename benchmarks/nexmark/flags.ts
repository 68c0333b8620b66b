/** Command line flags: what each command takes, and errors that name what is allowed. */
import { parseArgs } from 'node:util'
import { MillraceError } from '../../lib/base/errors.js'

/** Meaning of each flag, by name; none of them may be given without a value. */
export const FLAGS = {
  events: 'number of events, like 1000000 or 1M (default 1M)',
  rate: 'events per second of event time (default 10000)',
  seed: 'a whole number; each is a data set of its own (default 0)',
  profile: 'M, to run on, or B, as Apache Beam seeds (default M)',
  'out-of-order': 'events are permuted in groups of so many (default 1: in order)',
  partitions: 'into how many the data set is divided (default: the parallelism)',
  format: 'tsv, ndjson or bin',
  out: 'where to write: a directory for generate, a file for run',
  query: 'name of a query, like q5; for all and baseline several, with commas',
  slots: 'worker threads; 0: in the calling thread (default 0)',
  parallelism: 'subtasks per operator (default: the slots, at least 1)',
  'checkpoint-interval': 'takes snapshots: 1s, 500ms (default: none)',
  'checkpoint-dir': 'where snapshots lie (default: a temporary directory)',
  restore: 'latest: goes on from the last snapshot of --checkpoint-dir',
  data: 'directory of a data set made by generate --format bin',
  sink: 'blackhole, file or hash (default blackhole; file with --out)',
  pace: 'events per second of real time (default: as fast as possible)',
  memory: 'MiB per slot (default 8192)',
  reps: 'repetitions, of which the median counts (default 3)',
} as const

export type Flag = keyof typeof FLAGS
export type Flags = Partial<Record<Flag, string>>

/** Throws `E_BAD_ARGUMENT`. */
export function parseFlags(
  command: string,
  args: readonly string[],
  allowed: readonly Flag[],
): Flags {
  const options = Object.fromEntries(allowed.map((name) => [name, { type: 'string' } as const]))
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true })
    return values as Flags
  } catch (cause) {
    const seen = cause instanceof Error ? cause.message.split('.')[0] : String(cause)
    throw new MillraceError(
      'E_BAD_ARGUMENT',
      `${command}: ${seen}; it takes\n${describe(allowed)}`,
      {
        cause,
      },
    )
  }
}

export const describe = (flags: readonly Flag[]): string =>
  flags.map((name) => `  --${name.padEnd(20)} ${FLAGS[name]}`).join('\n')

/** Of `flags` those that are named and given. */
export const pick = <F extends Flag>(
  flags: Flags,
  names: readonly F[],
): Partial<Record<F, string>> =>
  Object.fromEntries(
    names.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])),
  ) as Partial<Record<F, string>>

export function required(command: string, flags: Flags, name: Flag): string {
  const value = flags[name]
  if (value !== undefined) return value
  throw new MillraceError('E_BAD_ARGUMENT', `${command} needs --${name}: ${FLAGS[name]}`)
}
