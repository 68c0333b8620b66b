/**
 * Spilled runs as files: one file per run, each block as its length (u32, big-endian) and its CBOR.
 *
 * ```
 * <tmpdir>/millrace-spill-<host>-<process id>/<job>/<subtask>/<number>.run
 * ```
 * A run is removed when it has been read, a subtask's folder when it is closed (at the end, at a failure,
 * at a cancellation), a job's folder when the job has ended. What a killed process leaves behind is removed
 * by the next process of that host that spills: the name of the top folder says who is gone.
 */
import { closeSync, mkdirSync, openSync, readSync, rmSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MillraceError } from '../base/errors.js'
import {
  fileName,
  ownFolder,
  removeIfEmpty,
  removeJobFolder,
  removeLeftovers,
} from '../base/work-folder.js'
import { decodeCbor, encodeCbor } from '../wire/cbor.js'
import type { SpillReader, SpillRun, SpillStore, SpillWriter } from './spill.js'

const PREFIX = 'millrace-spill-'
const LENGTH_BYTES = 4
/** What a value is taken to need that has no bytes: it can be held, but not be spilled. */
const UNKNOWN_BYTES = 512

export interface FileSpillOptions {
  readonly job: string
  /** Names the subtask and its attempt within the job. */
  readonly subtask: string
  /** Default: the folder for temporary files (TMPDIR). */
  readonly root?: string
}

/** Nothing is created before the first run. */
export function createFileSpill(options: FileSpillOptions): SpillStore {
  return new FileSpill(options)
}

/** Removes what subtasks of a job that has ended could not remove themselves, because they were killed. */
export function removeJobSpill(job: string, root = tmpdir()): void {
  removeJobFolder(PREFIX, root, job)
}

class FileSpill implements SpillStore {
  readonly #options: FileSpillOptions
  #made = false
  #closed = false
  #runs = 0
  readonly #open = new Set<number>()

  constructor(options: FileSpillOptions) {
    this.#options = options
  }

  // Asked for where something is spilled only: most subtasks never do.

  get #root(): string {
    return this.#options.root ?? tmpdir()
  }

  get #folder(): string {
    const { job, subtask } = this.#options
    return join(ownFolder(PREFIX, this.#root), fileName(job), fileName(subtask))
  }

  create(): SpillWriter {
    if (this.#closed) throw new MillraceError('E_SPILL', 'the subtask that spills has ended')
    if (!this.#made) this.#make()
    const path = join(this.#folder, `${this.#runs++}.run`)
    return this.#guard(path, () => this.#writer(path))
  }

  bytesOf(value: unknown): number {
    try {
      return encodeCbor(value).length
    } catch {
      return UNKNOWN_BYTES
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const file of this.#open) closeSync(file)
    this.#open.clear()
    if (!this.#made) return
    // What cannot be removed now is removed later; there is nobody left whom it could fail.
    try {
      rmSync(this.#folder, { recursive: true, force: true })
      removeIfEmpty(join(this.#folder, '..'))
      removeIfEmpty(ownFolder(PREFIX, this.#root))
    } catch {}
  }

  #make(): void {
    removeLeftovers(PREFIX, this.#root)
    this.#guard(this.#folder, () => {
      // An earlier attempt of the same name was killed.
      rmSync(this.#folder, { recursive: true, force: true })
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    })
    this.#made = true
  }

  #writer(path: string): SpillWriter {
    const file = openSync(path, 'wx', 0o600)
    this.#open.add(file)
    let bytes = 0
    return {
      write: (block) => {
        const body = encodeCbor(block, 'record')
        const head = Buffer.alloc(LENGTH_BYTES)
        head.writeUInt32BE(body.length)
        this.#guard(path, () => {
          writeAll(file, head)
          writeAll(file, body)
        })
        bytes += LENGTH_BYTES + body.length
      },
      finish: () => {
        this.#open.delete(file)
        this.#guard(path, () => closeSync(file))
        return this.#run(path, bytes)
      },
    }
  }

  #run(path: string, bytes: number): SpillRun {
    return { bytes, read: () => this.#guard(path, () => this.#reader(path)) }
  }

  #reader(path: string): SpillReader {
    const file = openSync(path, 'r')
    this.#open.add(file)
    const head = Buffer.alloc(LENGTH_BYTES)
    let isOpen = true
    return {
      next: () => {
        if (!isOpen) return null
        return this.#guard(path, () => {
          if (readAll(file, head)) {
            const body = new Uint8Array(head.readUInt32BE())
            if (!readAll(file, body)) throw new Error('the file ends within a block')
            return decodeCbor(body)
          }
          isOpen = false
          this.#open.delete(file)
          closeSync(file)
          unlinkSync(path)
          return null
        })
      },
    }
  }

  #guard<R>(path: string, work: () => R): R {
    try {
      return work()
    } catch (cause) {
      throw spillError(path, cause)
    }
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
}

/** False at the end of the file, before any byte. */
function readAll(file: number, bytes: Uint8Array): boolean {
  let at = 0
  while (at < bytes.length) {
    const read = readSync(file, bytes, at, bytes.length - at, null)
    if (read === 0) {
      if (at === 0) return false
      throw new Error('the file ends within a block')
    }
    at += read
  }
  return true
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free some space, or let TMPDIR name a folder with more room',
  EDQUOT: 'the quota is used up: free some space, or let TMPDIR name another folder',
  EACCES: 'it may not be written: let TMPDIR name a folder that may',
  EPERM: 'it may not be written: let TMPDIR name a folder that may',
  EROFS: 'the file system is read-only: let TMPDIR name a folder that may be written',
  ENOENT:
    'there is no such folder: let TMPDIR name one that exists, and remove no file while a job runs',
  EMFILE: 'the process has too many open files: raise its limit (ulimit -n)',
}

/** What has failed, and what to do. */
export function spillError(path: string, cause: unknown): MillraceError {
  const { code = '', message } = cause as NodeJS.ErrnoException
  const advice = ADVICE[code] ?? 'raise memoryMb, so that nothing need be spilled'
  return new MillraceError('E_SPILL', `spilling to ${path} has failed (${message}): ${advice}`, {
    cause,
    // Space may have been made until the next try.
    retryable: code === 'ENOSPC' || code === 'EDQUOT' || code === 'EMFILE',
    details: { path, ...(code === '' ? {} : { cause: code }) },
  })
}
