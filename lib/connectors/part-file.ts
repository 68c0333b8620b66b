/**
 * One part of a directory of part files, from the first record to the commit.
 *
 * | state       | file                          | entered by                                     |
 * |-------------|-------------------------------|------------------------------------------------|
 * | in progress | `.<name>.inprogress`          | the first record                               |
 * | pending     | `.<name>.pending`, synced     | a barrier, or its size or age                  |
 * | committed   | `<name>`                      | `commitPart`, when the snapshot is complete    |
 *
 * Commit is `link(pending, final)`, sync of the directory, `unlink(pending)`: it can be interrupted
 * anywhere and done again. A final file that exists counts as committed only with the bytes that were
 * prepared.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, mkdir, open, rename, rm, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { MillraceError } from '../base/errors.js'
import { BlockWriter, type ByteTarget } from './block-writer.js'
import { fileError } from './file-error.js'
import { syncDirectory } from './sync-directory.js'

/** A part that is pending, as the snapshot notes it. */
export interface PendingPart {
  /** Path of its directory, below that of the sink; empty for the sink's own. */
  readonly bucket: string
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

const IN_PROGRESS = '.inprogress'
const PENDING = '.pending'
const pathsOf = (root: string, bucket: string, name: string) => {
  const directory = join(root, bucket)
  return {
    directory,
    inProgress: join(directory, `.${name}${IN_PROGRESS}`),
    pending: join(directory, `.${name}${PENDING}`),
    final: join(directory, name),
  }
}

/** Name of the part that a hidden file belongs to; null where it is none of ours. */
export function partOf(file: string): string | null {
  for (const suffix of [IN_PROGRESS, PENDING]) {
    if (file.startsWith('.') && file.endsWith(suffix)) return file.slice(1, -suffix.length)
  }
  return null
}

export interface PartFileOptions {
  readonly root: string
  readonly bucket: string
  readonly name: string
  /** What the file begins with. */
  readonly head: () => string
  readonly nowMs: number
  readonly onRoom: () => void
  readonly onFailure: (failure: MillraceError) => void
}

export class PartFile {
  readonly bucket: string
  readonly openedMs: number
  records = 0
  /** In characters; for ASCII, bytes. */
  size = 0
  readonly #name: string
  readonly #paths: ReturnType<typeof pathsOf>
  readonly #blocks: BlockWriter
  readonly #hash = createHash('sha256')
  #bytes = 0

  constructor({ root, bucket, name, head, nowMs, onRoom, onFailure }: PartFileOptions) {
    this.bucket = bucket
    this.openedMs = nowMs
    this.#name = name
    this.#paths = pathsOf(root, bucket, name)
    this.#blocks = new BlockWriter({
      open: () => this.#open(head()),
      onRoom,
      onFailure,
      explain: (cause) => fileError(cause, 'write', this.#paths.inProgress),
    })
  }

  get full(): boolean {
    return this.#blocks.full
  }

  write(line: string): void {
    this.records++
    this.size += line.length
    this.#blocks.write(line)
  }

  settle(flush: boolean): boolean {
    return this.#blocks.settle(flush)
  }

  /** Resolves when the part is pending and durable. Nothing is written to it after the call. */
  async close(): Promise<PendingPart> {
    await this.#blocks.finish()
    const { inProgress, pending } = this.#paths
    try {
      await rename(inProgress, pending)
      await syncDirectory(this.#paths.directory)
    } catch (cause) {
      throw fileError(cause, 'rename', inProgress)
    }
    const sha256 = this.#hash.digest('hex')
    return { bucket: this.bucket, name: this.#name, bytes: this.#bytes, sha256 }
  }

  /** Gives it up. */
  async abort(): Promise<void> {
    await this.#blocks.abort()
    await rm(this.#paths.inProgress, { force: true }).catch(() => {})
  }

  async #open(head: string): Promise<ByteTarget> {
    const { directory, inProgress } = this.#paths
    try {
      await mkdir(directory, { recursive: true })
      // Never one that another attempt has begun.
      const handle = await open(inProgress, 'wx')
      const target: ByteTarget = {
        write: async (bytes) => {
          const { bytesWritten } = await handle.write(bytes)
          this.#hash.update(bytes.subarray(0, bytesWritten))
          this.#bytes += bytesWritten
          return bytesWritten
        },
        sync: () => handle.sync(),
        close: () => handle.close(),
      }
      let rest = Buffer.from(head)
      while (rest.length > 0) rest = rest.subarray(await target.write(rest))
      return target
    } catch (cause) {
      throw fileError(cause, 'open', inProgress)
    }
  }
}

/** Shows a pending part. Done already, it does nothing. */
export async function commitPart(root: string, part: PendingPart): Promise<void> {
  const { directory, pending, final } = pathsOf(root, part.bucket, part.name)
  try {
    await link(pending, final)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'EEXIST' && code !== 'ENOENT') throw fileError(cause, 'commit', final)
    await checkCommitted(final, part)
  }
  await syncDirectory(directory)
  await rm(pending, { force: true })
}

/** Takes a pending part back. */
export async function discardPart(root: string, part: PendingPart): Promise<void> {
  await rm(pathsOf(root, part.bucket, part.name).pending, { force: true })
}

/** Removes what nobody will commit. */
export async function removePart(root: string, bucket: string, file: string): Promise<void> {
  await unlink(join(root, bucket, file)).catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw fileError(cause, 'delete', join(root, bucket, file))
    }
  })
}

async function checkCommitted(final: string, { bytes, sha256 }: PendingPart): Promise<void> {
  const found = await stat(final).catch(() => null)
  if (found === null) {
    throw lost(final, 'neither the file nor its pending part is there: part of the output is lost')
  }
  if (found.size !== bytes) throw lost(final, `it has ${found.size} bytes; ${bytes} were prepared`)
  if ((await sha256Of(final)) !== sha256) throw lost(final, 'it has other bytes than were prepared')
}

const lost = (file: string, what: string): MillraceError =>
  new MillraceError(
    'E_PART_LOST',
    `cannot commit ${file}: ${what}. The directory was changed from outside`,
    { details: { file } },
  )

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const bytes of createReadStream(file)) hash.update(bytes as Buffer)
  return hash.digest('hex')
}
