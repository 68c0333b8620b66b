/** A file to write to. Missing parent directories are made. */

import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MillraceError } from '../base/errors.js'
import { failpoint } from '../base/failpoint.js'
import type { ByteTarget } from './block-writer.js'
import { fileError } from './file-error.js'
import type { SinkContext, SinkGuarantee } from './sink.js'
import { makeDirectory, syncDirectory } from './sync-directory.js'

/** Options of all sinks that write files. */
export interface FileSinkOptions {
  /** Keep what is there and add to it. Default false: the file is emptied at every start. */
  readonly append?: boolean
}

/** What is emptied, or cut off, and written again ends up as if written once; a device cannot be. */
export const fileGuarantee = (path: string, { append }: FileSinkOptions): SinkGuarantee =>
  append === true || path.startsWith('/dev/') ? 'at-least-once' : 'idempotent'

/** What becomes of what is there: a number keeps that many bytes, and they must be there. */
export type FileStart = 'emptied' | 'kept' | number

/** `header` begins the file where it is empty; it is asked for when the first bytes are written. */
export async function openFileTarget(
  path: string,
  start: FileStart,
  header: () => string,
): Promise<FileTarget> {
  try {
    if (typeof start === 'number') return await openAt(path, start, header)
    await makeDirectory(dirname(path))
    const handle = await open(path, start === 'kept' ? 'a' : 'w')
    return new FileTarget(path, handle, await sizeOf(handle), header)
  } catch (cause) {
    throw fileError(cause, 'open', path)
  }
}

/** Goes on behind the first `bytes` bytes, and drops what follows them. */
async function openAt(path: string, bytes: number, header: () => string): Promise<FileTarget> {
  const handle = await openExisting(path, bytes)
  try {
    await cutOff(handle, path, bytes)
    const isRegular = (await sizeOf(handle)) !== null
    return new FileTarget(path, handle, isRegular ? bytes : null, header)
  } catch (cause) {
    await handle.close()
    throw cause
  }
}

async function openExisting(path: string, bytes: number): Promise<FileHandle> {
  try {
    return await open(path, 'r+')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw notAsLeft(path, bytes, 'it is no longer there', cause)
  }
}

async function cutOff(handle: FileHandle, path: string, bytes: number): Promise<void> {
  const size = await sizeOf(handle)
  // Pipes and devices cannot take anything back.
  if (size === null || size === bytes) return
  if (size < bytes) throw notAsLeft(path, bytes, `it has ${size}`)
  failpoint('file-cut.before')
  await handle.truncate(bytes)
  failpoint('file-cut.after')
}

/** Drops what is behind the first `bytes` bytes of a file that nobody goes on with. */
export async function cutOffFile(path: string, bytes: number): Promise<void> {
  try {
    const handle = await open(path, 'r+')
    try {
      await cutOff(handle, path, bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (cause) {
    // Whoever has taken it away has all that was promised to be in it.
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw fileError(cause, 'open', path)
  }
}

function notAsLeft(path: string, bytes: number, seen: string, cause?: unknown): MillraceError {
  return new MillraceError(
    'E_FILE_CHANGED',
    `the snapshot says that ${path} holds ${bytes} bytes of output, but ${seen}: what is missing would ` +
      'not be written again. Put the file back, or start without the snapshot',
    { cause, details: { file: path, bytes } },
  )
}

/** Null where it is no regular file. */
async function sizeOf(handle: FileHandle): Promise<number | null> {
  const stat = await handle.stat()
  return stat.isFile() ? stat.size : null
}

export class FileTarget implements ByteTarget {
  readonly #path: string
  readonly #handle: FileHandle
  readonly #header: () => string
  #bytes: number | null
  #dirty = true
  #named = false

  constructor(path: string, handle: FileHandle, bytes: number | null, header: () => string) {
    this.#path = path
    this.#handle = handle
    this.#bytes = bytes
    this.#header = header
  }

  /** Length; null where it is no regular file. */
  get bytes(): number | null {
    return this.#bytes
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.#bytes === 0) await this.#begin()
    return this.#write(bytes)
  }

  /** Makes durable what was written, and the file's name. */
  async sync(): Promise<void> {
    if (this.#bytes === 0) await this.#begin()
    if (!this.#dirty) return
    try {
      failpoint('file-sync.before')
      await this.#handle.sync()
      failpoint('file-sync.after')
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      // Pipes and devices have nothing to sync.
      if (code !== 'EINVAL' && code !== 'ENOTSUP') throw fileError(cause, 'sync', this.#path)
    }
    if (!this.#named && this.#bytes !== null) await syncDirectory(dirname(this.#path))
    this.#named = true
    this.#dirty = false
  }

  close(): Promise<void> {
    return this.#handle.close()
  }

  async #begin(): Promise<void> {
    let rest = Buffer.from(this.#header())
    while (rest.length > 0) rest = rest.subarray(await this.#write(rest))
  }

  async #write(bytes: Uint8Array): Promise<number> {
    this.#dirty = true
    // A file that is only added to takes no notice of the position.
    const { bytesWritten } = await this.#handle.write(bytes, 0, bytes.length, this.#bytes)
    if (this.#bytes !== null) this.#bytes += bytesWritten
    return bytesWritten
  }
}

/** Several subtasks need a file each: `{subtask}` in the path becomes the subtask's number. */
export function pathOf(path: string, { operator, subtask, parallelism }: SinkContext): string {
  if (path.includes('{subtask}')) return path.replaceAll('{subtask}', String(subtask))
  if (parallelism === 1) return path
  throw new MillraceError(
    'E_SINK_PARALLELISM',
    `${operator}: ${parallelism} subtasks cannot write to the one file ${path}; ` +
      `put {subtask} into the path, or give the sink parallelism 1`,
    { details: { operator, file: path, parallelism } },
  )
}

export function assertPath(kind: string, path: string): void {
  if (typeof path === 'string' && path !== '') return
  throw new MillraceError('E_NO_PATH', `${kind}: expected the path of a file, saw ${path}`)
}
