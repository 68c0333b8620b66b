/**
 * A growing file as a byte feed, as `tail -F` reads it. The file is known by its inode, not its name.
 *
 * At the end of what is there:
 * - the file is shorter than what was read → truncated (copytruncate): cut, on from offset 0;
 * - the path names another inode → rotated. Who writes may still hold the old file, so it is finished
 *   only when it has not grown for one more poll; then cut, and on with the new file;
 * - the path names nothing → it will appear; the old file is read on until then;
 * - else wait: `fs.watch` on the directory says when to look again, and a poll through the clock
 *   does where watching is impossible or misses something.
 *
 * After a restart it finds a file that was rotated meanwhile by its inode, in the same directory. What
 * it cannot see: a file truncated and grown beyond the old offset between two looks, and a second
 * rotation between two looks or while it was down: the file in the middle is passed over.
 */
import { type FSWatcher, watch } from 'node:fs'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Cancel, Clock } from '../base/clock.js'
import { MillraceError } from '../base/errors.js'
import { BLOCK_BYTES, type ByteFeed, READ_AHEAD_BLOCKS } from './byte-feed.js'
import { fileError } from './file-error.js'

export interface FollowStart {
  readonly path: string
  readonly pollMs: number
  /** Where to go on; null: at the file's beginning, or its end. */
  readonly resume: { readonly inode: string; readonly offset: number } | null
  readonly from: 'beginning' | 'end'
}

/** `cut` ends the file; the blocks behind it come from file `inode`, from `offset` on. */
interface Item {
  readonly inode: string
  readonly block: Buffer | 'cut'
  readonly offset: number
}

export class FollowFeed implements ByteFeed {
  inode: string | null
  offset: number
  readonly #start: FollowStart
  readonly #clock: Clock
  readonly #wake: () => void
  readonly #ready: Item[] = []
  readonly #free: Buffer[] = []
  #blocks = 0
  #lent: Buffer | null = null
  #handle: FileHandle | null = null
  /** Of the open file. */
  #current = ''
  #offset = 0
  #opened = false
  #isLooking = false
  #lookAgain = false
  /** When the path was found to name another file and this one had not grown since; or null. */
  #rotatedAtMs: number | null = null
  #watcher: FSWatcher | null = null
  #cancelPoll: Cancel | null = null
  #closed = false
  #failure: MillraceError | null = null

  constructor(start: FollowStart, clock: Clock, wake: () => void) {
    this.#start = start
    this.#clock = clock
    this.#wake = wake
    this.inode = start.resume?.inode ?? null
    this.offset = start.resume?.offset ?? 0
  }

  next(): Buffer | 'waiting' | 'cut' {
    if (this.#lent !== null) this.#free.push(this.#lent)
    this.#lent = null
    const item = this.#ready.shift()
    this.#look()
    if (item === undefined) {
      if (this.#failure !== null) throw this.#failure
      return 'waiting'
    }
    this.inode = item.inode
    this.offset = item.offset
    if (item.block === 'cut') return 'cut'
    this.#lent = Buffer.from(item.block.buffer)
    return item.block
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancelPoll?.()
    this.#watcher?.close()
    this.#watcher = null
    const handle = this.#handle
    this.#handle = null
    await handle?.close()
  }

  /** Starts looking for more, unless it is at it. */
  #look(): void {
    if (this.#isLooking) this.#lookAgain = true
    else void this.#lookOn()
  }

  async #lookOn(): Promise<void> {
    this.#isLooking = true
    try {
      do this.#lookAgain = false
      while ((await this.#advance()) || this.#lookAgain)
    } catch (cause) {
      if (!this.#closed) this.#fail(cause)
    } finally {
      this.#isLooking = false
    }
  }

  #fail(cause: unknown): void {
    this.#failure = fileError(cause, 'follow', this.#start.path)
    this.#wake()
  }

  /** One step; true when there may be more to do at once. */
  async #advance(): Promise<boolean> {
    if (this.#closed || this.#failure !== null) return false
    if (this.#handle === null && !(await this.#openFile())) return this.#wait()
    const block = this.#free.pop() ?? this.#newBlock()
    if (block === null) return false
    const { bytesRead } = await this.#handle!.read(block, 0, block.length, this.#offset)
    if (this.#closed) return false
    if (bytesRead > 0) return this.#take(block, bytesRead)
    this.#free.push(block)
    return this.#atEnd()
  }

  #newBlock(): Buffer | null {
    if (this.#blocks === READ_AHEAD_BLOCKS) return null
    this.#blocks++
    return Buffer.allocUnsafeSlow(BLOCK_BYTES)
  }

  #take(block: Buffer, bytes: number): boolean {
    this.#push(block.subarray(0, bytes))
    this.#offset += bytes
    this.#rotatedAtMs = null
    return true
  }

  #push(block: Buffer | 'cut'): void {
    this.#ready.push({ inode: this.#current, block, offset: this.#offset })
    this.#wake()
  }

  async #atEnd(): Promise<boolean> {
    const { size } = await this.#handle!.stat()
    if (size < this.#offset) {
      this.#offset = 0
      this.#push('cut')
      return true
    }
    const named = await inodeOf(this.#start.path)
    if (this.#closed) return false
    const isRotated = named !== null && named !== this.#current
    this.#rotatedAtMs = isRotated ? (this.#rotatedAtMs ?? this.#clock.now()) : null
    return this.#wait()
  }

  /** Looks again at the next poll, or when the directory changes. */
  #wait(): false {
    this.#startWatching()
    this.#cancelPoll ??= this.#clock.after(this.#start.pollMs, () => {
      this.#cancelPoll = null
      void this.#poll()
    })
    return false
  }

  async #poll(): Promise<void> {
    const forMs = this.#rotatedAtMs === null ? 0 : this.#clock.now() - this.#rotatedAtMs
    if (forMs >= this.#start.pollMs && !this.#isLooking) await this.#finishOld()
    if (!this.#closed) this.#look()
  }

  /** Leaves the rotated file if it has not grown since it was found rotated. */
  async #finishOld(): Promise<void> {
    this.#isLooking = true
    try {
      const handle = this.#handle
      if (handle === null || (await handle.stat()).size > this.#offset) return
      if (this.#closed) return
      this.#rotatedAtMs = null
      this.#handle = null
      await handle.close()
    } catch (cause) {
      if (!this.#closed) this.#fail(cause)
    } finally {
      this.#isLooking = false
    }
  }

  /** Opens what the path names now, or the file to resume in. False: nothing is there yet. */
  async #openFile(): Promise<boolean> {
    const resume = this.#opened ? null : this.#start.resume
    const path = resume === null ? this.#start.path : await this.#find(resume.inode)
    const handle = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return null
      throw cause
    })
    if (handle === null) return false
    const found = await handle.stat({ bigint: true })
    if (this.#closed || found.isDirectory()) {
      await handle.close()
      if (this.#closed) return false
      throw Object.assign(new Error('directory'), { code: 'EISDIR' })
    }
    // Between finding it and opening it, it was rotated: look for it again.
    if (resume !== null && resume.inode !== String(found.ino)) {
      await handle.close()
      return false
    }
    this.#begin(handle, String(found.ino), Number(found.size), resume)
    return true
  }

  #begin(handle: FileHandle, inode: string, size: number, resume: FollowStart['resume']): void {
    const isFirst = !this.#opened
    this.#opened = true
    this.#handle = handle
    this.#current = inode
    this.#offset =
      resume !== null ? resume.offset : isFirst && this.#start.from === 'end' ? size : 0
    // Says from which offset on the bytes come, where that is not where the reader was opened.
    if (!isFirst || resume === null) this.#push('cut')
  }

  /** The path of the file that held the position: the path itself, or its rotated name. */
  async #find(inode: string): Promise<string> {
    const { path } = this.#start
    // Twice: names may move on while they are looked at.
    for (let look = 0; look < 2; look++) {
      if ((await inodeOf(path)) === inode) return path
      for (const name of await readdir(dirname(path)).catch(() => [])) {
        const other = join(dirname(path), name)
        if ((await inodeOf(other)) === inode) return other
      }
    }
    throw new MillraceError(
      'E_POSITION_LOST',
      `${path}: expected the file with inode ${inode}, in which reading is to go on, in ` +
        `${dirname(path)}, and it is gone; lines between may be lost. Keep rotated files longer, ` +
        'or start without the snapshot',
      { details: { file: path, inode } },
    )
  }

  #startWatching(): void {
    if (this.#watcher !== null || this.#closed) return
    const name = basename(this.#start.path)
    try {
      this.#watcher = watch(dirname(this.#start.path), { persistent: false }, (_event, file) => {
        if (file === null || file === name) this.#look()
      })
      this.#watcher.on('error', () => {
        this.#watcher?.close()
        this.#watcher = null
      })
    } catch {
      // No such directory yet, or no watches left: polling does it.
    }
  }
}

async function inodeOf(path: string): Promise<string | null> {
  const found = await stat(path, { bigint: true }).catch(() => null)
  return found === null ? null : String(found.ino)
}
