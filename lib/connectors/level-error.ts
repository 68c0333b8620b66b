/** Failures of a LevelDB that is written to, as those of files are told. */
import { MillraceError } from '../base/errors.js'
import { fileError } from './file-error.js'

/** LevelDB tells the system's text only. */
const SYSTEM_TEXTS: readonly (readonly [text: string, errno: string])[] = [
  ['No space left on device', 'ENOSPC'],
  ['Disk quota exceeded', 'EDQUOT'],
  ['File too large', 'EFBIG'],
  ['Input/output error', 'EIO'],
  ['Permission denied', 'EACCES'],
  ['Read-only file system', 'EROFS'],
  ['Too many open files', 'EMFILE'],
  ['Not a directory', 'ENOTDIR'],
]

export function levelError(cause: unknown, doing: string, directory: string): MillraceError {
  if (cause instanceof MillraceError) return cause
  const inner = innermost(cause)
  const { code = '' } = inner as NodeJS.ErrnoException
  if (code === 'LEVEL_LOCKED') {
    return new MillraceError(
      'E_LEVEL_LOCKED',
      `cannot ${doing} ${directory}: it is open already, in this process or another; a LevelDB has one ` +
        'user at a time: end the other, or give each sink a directory of its own',
      { cause, retryable: true, details: { file: directory } },
    )
  }
  const system = SYSTEM_TEXTS.find(([text]) => inner.message.includes(text))
  if (system !== undefined || !code.startsWith('LEVEL_')) {
    const known =
      system === undefined ? inner : Object.assign(new Error(inner.message), { code: system[1] })
    return fileError(known, doing, directory)
  }
  return new MillraceError('E_LEVEL', `cannot ${doing} ${directory}: ${inner.message} (${code})`, {
    cause,
    details: { file: directory },
  })
}

function innermost(cause: unknown): Error {
  let error = cause instanceof Error ? cause : new Error(String(cause))
  while (error.cause instanceof Error) error = error.cause
  return error
}
