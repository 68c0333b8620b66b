/** What goes wrong with the working directory of the level backend, in our words and by the system's codes. */
import { MillraceError } from '../base/errors.js'

/** LevelDB tells the system's text only. */
const SYSTEM_TEXTS: readonly (readonly [text: string, code: string])[] = [
  ['No space left on device', 'ENOSPC'],
  ['Disk quota exceeded', 'EDQUOT'],
  ['File too large', 'EFBIG'],
  ['Input/output error', 'EIO'],
  ['Permission denied', 'EACCES'],
  ['Read-only file system', 'EROFS'],
  ['Too many open files', 'EMFILE'],
  ['Not a directory', 'ENOTDIR'],
  ['No such file or directory', 'ENOENT'],
]

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: make room, or name a directory with more of it (--state-dir)',
  EDQUOT: 'the quota is used up: make room, or name another directory (--state-dir)',
  EFBIG: 'files may not become that large (ulimit -f)',
  EIO: 'the disk has failed: see the log of the system, and name another directory (--state-dir)',
  EACCES: 'it may not be written: name a directory that may (--state-dir)',
  EPERM: 'it may not be written: name a directory that may (--state-dir)',
  EROFS: 'the file system is read-only: name a directory that may be written (--state-dir)',
  EMFILE: 'the process has too many open files: raise its limit (ulimit -n)',
  ENOTDIR: 'a part of the path is a file: name a directory (--state-dir)',
  EEXIST: 'a file has that name: name a directory (--state-dir)',
  ENOENT: 'something has removed files of it: nobody else may use it while a job runs',
  LEVEL_LOCKED:
    'another process has it open: give each process a directory of its own (--state-dir)',
  LEVEL_CORRUPTION: 'it is damaged; a restart begins it anew from the last checkpoint',
}

/** After these, trying again may find things better. */
const RETRYABLE: readonly string[] = ['ENOSPC', 'EDQUOT', 'EMFILE', 'LEVEL_CORRUPTION', 'damaged']

/** The failure of `what` ("write to"); a MillraceError is passed on as it is. */
export function stateStoreError(cause: unknown, what: string, place: string): MillraceError {
  if (cause instanceof MillraceError) return cause
  const inner = innermost(cause)
  const code = codeOf(inner)
  const advice = ADVICE[code] === undefined ? '' : ` (${ADVICE[code]})`
  return error(`cannot ${what} the state directory ${place}: ${inner.message}${advice}`, {
    place,
    code,
    cause: inner,
  })
}

export const noRoom = (place: string): MillraceError =>
  error(`cannot write to the state directory ${place}: ${ADVICE.ENOSPC}`, {
    place,
    code: 'ENOSPC',
  })

export const stalled = (place: string, waitedMs: number): MillraceError =>
  error(
    `the state directory ${place} has taken no rows for ${Math.round(waitedMs / 1000)} s: its disk does ` +
      'not answer, or is far too slow for this job; name a directory on another one (--state-dir)',
    { place, code: 'stalled' },
  )

export const damagedRow = (row: string, place: string): MillraceError =>
  error(
    `a row of the state directory ${place} is not as it was written: its disk or the memory is faulty; ` +
      'a restart begins it anew from the last checkpoint',
    { place, code: 'damaged', row },
  )

interface Facts {
  readonly place: string
  readonly code: string
  readonly row?: string
  readonly cause?: unknown
}

const error = (message: string, { cause, ...details }: Facts): MillraceError =>
  new MillraceError('E_STATE_STORE', message, {
    ...(cause === undefined ? {} : { cause }),
    retryable: RETRYABLE.includes(details.code),
    details,
  })

function codeOf({ code, message }: { code?: unknown; message: string }): string {
  const system = SYSTEM_TEXTS.find(([text]) => message.includes(text))
  if (code === 'LEVEL_LOCKED') return code
  if (system !== undefined) return system[1]
  return typeof code === 'string' ? code : 'unknown'
}

function innermost(thrown: unknown): { code?: unknown; message: string } {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  return error.cause instanceof Error ? innermost(error.cause) : error
}
