/** One part while it is being written. Its states and names: `part-name.ts`. */

import { createHash } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MillraceError } from '../base/errors.js'
import { failpoint } from '../base/failpoint.js'
import { BlockWriter, type ByteTarget } from './block-writer.js'
import { fileError } from './file-error.js'
import type { FileText } from './file-writer.js'
import { makeBucket } from './part-bucket.js'
import type { PendingPart } from './part-commit.js'
import { pendingName } from './part-name.js'
import { lineOf } from './text-writer.js'

export interface PartFileOptions<T> {
  readonly operator: string
  readonly root: string
  readonly bucket: string
  /** Among the parts of its writer. */
  readonly number: number
  /** Of the file, while it is in progress. */
  readonly name: string
  readonly text: FileText<T>
  readonly nowMs: number
  readonly onRoom: () => void
  readonly onFailure: (failure: MillraceError) => void
}

export class PartFile<T> {
  readonly bucket: string
  readonly number: number
  readonly openedMs: number
  records = 0
  /** In characters; for ASCII, bytes. */
  size = 0
  readonly #options: PartFileOptions<T>
  readonly #path: string
  readonly #blocks: BlockWriter
  readonly #hash = createHash('sha256')
  #bytes = 0

  constructor(options: PartFileOptions<T>) {
    this.#options = options
    this.bucket = options.bucket
    this.number = options.number
    this.openedMs = options.nowMs
    this.#path = join(options.root, options.bucket, options.name)
    this.#blocks = new BlockWriter({
      open: () => this.#open(),
      onRoom: options.onRoom,
      onFailure: options.onFailure,
      explain: (cause) => fileError(cause, 'write', this.#path),
    })
  }

  write(record: T): void {
    const line = lineOf(record, this.#options.text.toLine, this.#options.operator)
    this.records++
    this.size += line.length
    this.#blocks.write(line)
  }

  /** True when it can take more. Else `onRoom` is called once it can. */
  settle(): boolean {
    return this.#blocks.settle(false)
  }

  /** Resolves when everything is written and synced. Nothing is written to it after the call. */
  finish(): Promise<void> {
    return this.#blocks.finish()
  }

  /** Finished, it gets the name under which it waits for the commit. The directory is not synced. */
  async makePending(final: string): Promise<PendingPart> {
    const { root, bucket } = this.#options
    try {
      failpoint('part-rename.before')
      await rename(this.#path, join(root, bucket, pendingName(final)))
      failpoint('part-rename.after')
    } catch (cause) {
      throw (cause as NodeJS.ErrnoException).code === 'ENOENT'
        ? deleted(this.#path)
        : fileError(cause, 'rename', this.#path)
    }
    const sha256 = this.#hash.digest('hex')
    return { directory: root, bucket, name: final, bytes: this.#bytes, sha256 }
  }

  /** Gives it up. */
  async abort(): Promise<void> {
    await this.#blocks.abort()
    await rm(this.#path, { force: true }).catch(() => {})
  }

  async #open(): Promise<ByteTarget> {
    const { root, bucket, name, text } = this.#options
    try {
      const directory = await makeBucket(root, bucket)
      // Never one that another attempt has begun.
      const handle = await open(join(directory, name), 'wx')
      const target: ByteTarget = {
        write: async (bytes) => {
          const { bytesWritten } = await handle.write(bytes)
          this.#hash.update(bytes.subarray(0, bytesWritten))
          this.#bytes += bytesWritten
          return bytesWritten
        },
        sync: async () => {
          failpoint('part-sync.before')
          await handle.sync()
          failpoint('part-sync.after')
        },
        close: () => handle.close(),
      }
      await writeAll(target, Buffer.from(text.header?.() ?? ''))
      return target
    } catch (cause) {
      throw fileError(cause, 'open', this.#path)
    }
  }
}

async function writeAll(target: ByteTarget, bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.length; ) at += await target.write(bytes.subarray(at))
  } catch (cause) {
    await target.close()
    throw cause
  }
}

const deleted = (file: string): MillraceError =>
  new MillraceError(
    'E_PART_LOST',
    `${file} was deleted while it was being written: a directory and prefix belong to one job; ` +
      'give each job a directory, or a prefix, of its own',
    { details: { file } },
  )
