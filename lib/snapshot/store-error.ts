/** What goes wrong with a chunk store's directory, in our words and by the system's codes. */
import { type ErrorData, MillraceError } from '../base/errors.js'

/** LevelDB tells the system's text only. */
const SYSTEM_TEXTS: readonly (readonly [text: string, code: string])[] = [
  ['No space left on device', 'ENOSPC'],
  ['Disk quota exceeded', 'EDQUOT'],
  ['File too large', 'EFBIG'],
  ['Input/output error', 'EIO'],
  ['Permission denied', 'EACCES'],
  ['Operation not permitted', 'EPERM'],
  ['Read-only file system', 'EROFS'],
  ['Too many open files', 'EMFILE'],
  ['No such file or directory', 'ENOENT'],
  ['Not a directory', 'ENOTDIR'],
  ['Stale file handle', 'ESTALE'],
]

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'make room on the disk; nothing that was stored before is lost',
  EDQUOT: 'the quota is used up; nothing that was stored before is lost',
  EFBIG: 'files may not become that large (ulimit -f)',
  EIO: 'the disk has failed: see the log of the system, then open the store again',
  EACCES: 'reading and writing must be allowed, also for who only reads',
  EPERM: 'reading and writing must be allowed, also for who only reads',
  EROFS: 'the file system must allow writing, also for who only reads',
  EMFILE: 'allow more open files (ulimit -n)',
  ENOENT: 'the directory, or a part of what was in it, has been removed: put it back as it was',
  ESTALE: 'the directory has been replaced: put back the one that was there',
  ENOTDIR: 'a part of the path is a file: name a directory',
  EEXIST: 'a file has that name: name a directory',
  LEVEL_CORRUPTION:
    'it is damaged: restore the directory from a backup, or begin with an empty one',
}

/** Nothing was written for want of room: what is stored is whole, and later there may be room. */
const ROOM: readonly string[] = ['ENOSPC', 'EDQUOT', 'EFBIG']

/** The failure of `what` ("write to") at `place`; a MillraceError is passed on as it is. */
export function storeError(cause: unknown, what: string, place: string): MillraceError {
  if (cause instanceof MillraceError) return cause
  const inner = innermost(cause)
  const code = codeOf(inner)
  if (code === 'LEVEL_LOCKED') {
    return new MillraceError(
      'E_STORE_LOCKED',
      `the snapshot store ${place} is in use: a job runs on it, or a command reads it; end that first`,
      { retryable: true, details: { place, code } },
    )
  }
  const advice = ADVICE[code] === undefined ? '' : ` (${ADVICE[code]})`
  return new MillraceError(
    'E_STORE',
    `cannot ${what} the snapshot store ${place}: ${inner.message}${advice}`,
    { cause: inner, retryable: isForWantOfRoom(code), details: { place, code } },
  )
}

/** A store is there, and nothing in it to go on from. */
export const emptyStore = (place: string): MillraceError =>
  new MillraceError('E_NO_SNAPSHOT', `there are no snapshots in ${place}`, {
    details: { place },
  })

/**
 * True where the store takes nothing more until somebody has seen to it: every later round would fail as
 * this one has. Where there was no room there may be some for the next; what is no failure of a store says
 * nothing about it. A lock that was lost counts: who has it may have written.
 */
export function isStoreLost({ code, details }: Pick<ErrorData, 'code' | 'details'>): boolean {
  if (code === 'E_STORE_LOCKED') return true
  return code === 'E_STORE' && !isForWantOfRoom(details.code) && details.code !== CLOSED
}

/** Of a store that its job has closed. */
export const CLOSED = 'closed'

export const isForWantOfRoom = (code: unknown): boolean => ROOM.includes(code as string)

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
