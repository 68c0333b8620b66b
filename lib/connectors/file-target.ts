/** A file to write to. Missing parent directories are made. */
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MillraceError } from '../base/errors.js'
import type { Json } from '../base/json.js'
import type { ByteTarget } from './block-writer.js'
import { fileError } from './file-error.js'
import { syncDirectory } from './part-file.js'
import type { SinkContext, SinkGuarantee } from './sink.js'

/** Options of all sinks that write files. */
export interface FileSinkOptions {
  /** Keep what is there and add to it. Default false: the file is emptied at every start. */
  readonly append?: boolean
}

/** What is emptied and written again from the beginning ends up as if written once. */
export const fileGuarantee = ({ append }: FileSinkOptions): SinkGuarantee =>
  append === true ? 'at-least-once' : 'idempotent'

/** How a file is begun. */
export interface FileMode {
  readonly append: boolean
  /** Length that a snapshot knows of it: what lies behind is cut off. Null: there is no snapshot. */
  readonly bytes: number | null
}

/** A writer that takes the place of a failed one adds to what that one has written. */
export const modeOf = (
  { append }: FileSinkOptions,
  { continues, restored }: SinkContext,
  file: string,
): FileMode => ({
  append: append === true || continues === true,
  bytes: restored === null ? null : lengthOf(file, restored),
})

/** The last one that was noted; a file that the snapshot does not know had nothing in it. */
function lengthOf(file: string, restored: readonly Json[]): number | null {
  const noted = restored as readonly { readonly path: string; readonly bytes: number }[]
  return noted.findLast(({ path }) => path === file)?.bytes ?? null
}

/** `opened` is told whether the file was empty. */
export async function openFileTarget(
  path: string,
  { append, bytes }: FileMode,
  opened: (isEmpty: boolean) => void = () => {},
): Promise<ByteTarget> {
  try {
    await mkdir(dirname(path), { recursive: true })
    const flags = bytes !== null ? 'r+' : append ? 'a' : 'w'
    const handle = await open(path, flags)
    const stat = await handle.stat()
    if (bytes !== null) await cutAt(handle, path, bytes, stat.size)
    if (stat.isFile()) await syncDirectory(dirname(path))
    const size = bytes ?? stat.size
    opened(size === 0)
    return new FileTarget(handle, stat.isFile() ? size : null)
  } catch (cause) {
    throw fileError(cause, 'open', path)
  }
}

async function cutAt(handle: FileHandle, path: string, bytes: number, size: number): Promise<void> {
  if (size >= bytes) return handle.truncate(bytes)
  await handle.close()
  throw new MillraceError(
    'E_SINK_CHANGED',
    `${path} has ${size} bytes, but the snapshot to go on from had written ${bytes}: it was changed from ` +
      'outside; put the file back, or begin anew in another directory without --restore',
    { details: { file: path, size, expected: bytes } },
  )
}

class FileTarget implements ByteTarget {
  readonly #handle: FileHandle
  /** Null for pipes and devices. */
  position: number | null
  #isSynced = true

  constructor(handle: FileHandle, position: number | null) {
    this.#handle = handle
    this.position = position
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.#isSynced = false
    const { bytesWritten } = await this.#handle.write(bytes, 0, bytes.length, this.position)
    if (this.position !== null) this.position += bytesWritten
    return bytesWritten
  }

  async sync(): Promise<void> {
    if (this.#isSynced) return
    try {
      await this.#handle.sync()
      this.#isSynced = true
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      // Pipes and devices have nothing to sync.
      if (code !== 'EINVAL' && code !== 'ENOTSUP') throw cause
    }
  }

  close(): Promise<void> {
    return this.#handle.close()
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
