/** A file to write to. Missing parent directories are made. */
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MillraceError } from '../base/errors.js'
import type { ByteTarget } from './block-writer.js'
import { fileError } from './file-error.js'
import type { SinkContext, SinkGuarantee } from './sink.js'

/** Options of all sinks that write files. */
export interface FileSinkOptions {
  /** Keep what is there and add to it. Default false: the file is emptied at every start. */
  readonly append?: boolean
}

/** What is emptied and written again from the beginning ends up as if written once. */
export const fileGuarantee = ({ append }: FileSinkOptions): SinkGuarantee =>
  append === true ? 'at-least-once' : 'idempotent'

/** A writer that takes the place of a failed one adds to what that one has written. */
export const modeOf = (
  { append }: FileSinkOptions,
  { continues }: SinkContext,
): FileSinkOptions => ({
  append: append === true || continues === true,
})

/** `opened` is told whether the file was empty. */
export async function openFileTarget(
  path: string,
  { append }: FileSinkOptions,
  opened: (isEmpty: boolean) => void = () => {},
): Promise<ByteTarget> {
  try {
    await mkdir(dirname(path), { recursive: true })
    const handle = await open(path, append === true ? 'a' : 'w')
    opened((await handle.stat()).size === 0)
    return new FileTarget(handle)
  } catch (cause) {
    throw fileError(cause, 'open', path)
  }
}

class FileTarget implements ByteTarget {
  readonly #handle: FileHandle

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async write(bytes: Uint8Array): Promise<number> {
    return (await this.#handle.write(bytes)).bytesWritten
  }

  async sync(): Promise<void> {
    try {
      await this.#handle.sync()
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
