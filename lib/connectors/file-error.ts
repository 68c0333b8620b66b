/** Failures of the file system as `MillraceError`s: what was tried, on which file, what to do. */
import { MillraceError } from '../base/errors.js'

const kinds: Readonly<Record<string, readonly [code: string, advice: string, retry: boolean]>> = {
  ENOENT: ['E_NO_SUCH_FILE', 'there is no such file; check the path', false],
  ENOTDIR: ['E_NO_SUCH_FILE', 'a part of the path is not a directory', false],
  EACCES: ['E_FILE_ACCESS', 'permission denied; check owner and mode', false],
  EPERM: ['E_FILE_ACCESS', 'not permitted; check owner and mode', false],
  EROFS: ['E_FILE_ACCESS', 'the file system is read-only', false],
  EISDIR: ['E_IS_DIRECTORY', 'it is a directory; give a file, or a glob such as dir/*', false],
  EEXIST: ['E_FILE_EXISTS', 'something else is in the way', false],
  ENOSPC: ['E_DISK_FULL', 'no space left on the device; free some', true],
  EDQUOT: ['E_DISK_FULL', 'the disk quota is used up; free some space', true],
  EFBIG: ['E_DISK_FULL', 'the file is as large as the file system allows', false],
  EMFILE: ['E_TOO_MANY_FILES', 'too many open files; raise the limit (ulimit -n)', true],
  ENFILE: ['E_TOO_MANY_FILES', 'too many open files on this machine', true],
  EIO: [
    'E_DEVICE',
    'the device reports an error, so what was written last may be lost; check the disk',
    false,
  ],
  EXDEV: ['E_FILE_ACCESS', 'it lies on another file system; keep all of it on one', false],
  EPIPE: ['E_PIPE_CLOSED', 'whoever read it has closed it', false],
}

/** `doing`: `read`, `write`, `open` …; `file`: the path as the user gave it. */
export function fileError(cause: unknown, doing: string, file: string): MillraceError {
  if (cause instanceof MillraceError) return cause
  const seen = (cause as NodeJS.ErrnoException | null)?.code ?? ''
  const [code, advice, retryable] = kinds[seen] ?? ['E_FILE', String(cause), false]
  return new MillraceError(code, `cannot ${doing} ${file}: ${advice}`, {
    cause,
    retryable,
    details: { file, ...(seen === '' ? {} : { errno: seen }) },
  })
}
