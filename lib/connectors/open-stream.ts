/**
 * Standard input, named pipes and devices as byte feeds, in any thread: `process.stdin` belongs to
 * the main thread, descriptor 0 to the process. Pipes, sockets and terminals are read by the event
 * loop, so that a read that never completes blocks no thread and can be given up.
 */
import { close, fstatSync, open } from 'node:fs'
import { Socket } from 'node:net'
import { isatty, ReadStream } from 'node:tty'
import type { MillraceError } from '../base/errors.js'
import { BLOCK_BYTES, type ByteFeed } from './byte-feed.js'
import { fileError } from './file-error.js'
import { FileFeed } from './file-feed.js'
import { StreamFeed } from './stream-feed.js'

/** `path`: `-` is standard input. Trouble on opening is thrown by the first `next`, at the latest. */
export function openStream(path: string, wake: () => void): ByteFeed {
  return path === '-' ? feedOf(0, '-', wake) : new OpeningFeed(path, wake)
}

function feedOf(fd: number, path: string, wake: () => void): ByteFeed {
  const explain = (cause: unknown) => fileError(cause, 'read', path === '-' ? 'stdin' : path)
  try {
    if (isatty(fd)) return new StreamFeed(new ReadStream(fd), wake, explain)
    const stat = fstatSync(fd)
    if (stat.isFIFO() || stat.isSocket()) {
      const options = { fd, readable: true, writable: false, highWaterMark: BLOCK_BYTES }
      return new StreamFeed(new Socket(options), wake, explain)
    }
  } catch (cause) {
    throw explain(cause)
  }
  if (fd !== 0) close(fd)
  return new FileFeed({ path: fd === 0 ? '/dev/stdin' : path, start: 0, size: null }, wake)
}

/** Opening a named pipe waits for a writer, so it happens in the background. */
class OpeningFeed implements ByteFeed {
  readonly inode = null
  readonly offset = 0
  #feed: ByteFeed | null = null
  #failure: MillraceError | null = null
  #closed = false

  constructor(path: string, wake: () => void) {
    open(path, 'r', (cause, fd) => {
      if (this.#closed) {
        if (cause === null) close(fd)
        return
      }
      try {
        if (cause !== null) throw cause
        this.#feed = feedOf(fd, path, wake)
      } catch (error) {
        this.#failure = fileError(error, 'open', path)
      }
      wake()
    })
  }

  next(): Buffer | 'waiting' | 'end' | 'cut' {
    if (this.#failure !== null) throw this.#failure
    return this.#feed === null ? 'waiting' : this.#feed.next()
  }

  close(): void | Promise<void> {
    this.#closed = true
    return this.#feed?.close()
  }
}
