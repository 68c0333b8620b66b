/**
 * Names of part files. A part is named for who wrote it and when, so that no other attempt, run or
 * subtask can ever want the same name, and so that the names of a subtask sort as its records came.
 *
 * | state       | name                                                                  |
 * |-------------|-----------------------------------------------------------------------|
 * | in progress | `.PREFIX-SUBTASK-NUMBER-RUN-ATTEMPT.inprogress`                       |
 * | pending     | `.PREFIX-SUBTASK-ROUND-NUMBER-RUN-ATTEMPT.ndjson.pending`             |
 * | committed   | `PREFIX-SUBTASK-ROUND-NUMBER-RUN-ATTEMPT.ndjson`                      |
 *
 * The round is known when the part is prepared, and is that of the first snapshot which holds it.
 */
import type { SinkContext } from './sink.js'

const IN_PROGRESS = '.inprogress'
const PENDING = '.pending'
const FORMER = /^\d{3,}-(?:\d{6,}-)?\d{6,}-(\w+)-(\d+)(?:\.[\w-]+)*$/

const digits = (n: number, width: number): string => String(n).padStart(width, '0')

/** `number`: counts the parts of this writer. */
export function inProgressName(prefix: string, number: number, context: SinkContext): string {
  const { subtask, attempt } = context
  const name = [prefix, digits(subtask, 3), digits(number, 6), runOf(context), attempt].join('-')
  return `.${name}${IN_PROGRESS}`
}

export function finalName(
  prefix: string,
  round: number,
  number: number,
  extension: string,
  context: SinkContext,
): string {
  const { subtask, attempt } = context
  const place = [digits(subtask, 3), digits(round, 6), digits(number, 6)]
  return `${[prefix, ...place, runOf(context), attempt].join('-')}${extension}`
}

export const pendingName = (final: string): string => `.${final}${PENDING}`

type PartAttempt = Pick<SinkContext, 'run' | 'attempt'>

const runOf = ({ run }: PartAttempt): string => run.replace(/\W/g, '_')

/** A file that is not committed, of another attempt than this one. */
export interface FormerPart {
  /** The name that it would have got; null where it was in progress. */
  readonly final: string | null
  /** It is of an earlier attempt of the same run. */
  readonly isOfRun: boolean
}

/** Null: it is none, or not ours. */
export function formerPart(file: string, prefix: string, place: PartAttempt): FormerPart | null {
  const isPending = file.endsWith(PENDING)
  if (!file.startsWith(`.${prefix}-`) || !(isPending || file.endsWith(IN_PROGRESS))) return null
  const name = file.slice(1, -(isPending ? PENDING : IN_PROGRESS).length)
  const found = FORMER.exec(name.slice(prefix.length + 1))
  if (found === null) return null
  // Other subtasks of this attempt may be writing already.
  const isOfRun = found[1] === runOf(place)
  const isFormer = !isOfRun || Number(found[2]) < place.attempt
  return isFormer ? { final: isPending ? name : null, isOfRun } : null
}
