/**
 * Standard input, named pipes and devices as byte feeds, in any thread: `process.stdin` belongs to
 * the main thread, descriptor 0 to the process. Pipes, sockets and terminals are read by the event
 * loop, so that a read that never completes blocks no thread and can be given up.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { isatty, ReadStream } from 'node:tty'
import { BLOCK_BYTES, type ByteFeed } from './byte-feed.js'
import { fileError } from './file-error.js'
import { FileFeed } from './file-feed.js'
import { StreamFeed } from './stream-feed.js'

/** `path`: `-` is standard input. Throws where it cannot be opened. */
export function openStream(path: string, wake: () => void): ByteFeed {
  const explain = (cause: unknown) => fileError(cause, 'read', path === '-' ? 'stdin' : path)
  try {
    // Otherwise opening a named pipe waits for its writer, and a thread of the pool with it.
    const fd = path === '-' ? 0 : openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    if (isatty(fd)) return new StreamFeed(new ReadStream(fd), wake, explain)
    const stat = fstatSync(fd)
    if (stat.isFIFO() || stat.isSocket()) {
      const options = { fd, readable: true, writable: false, highWaterMark: BLOCK_BYTES }
      return new StreamFeed(new Socket(options), wake, explain)
    }
    if (fd !== 0) closeSync(fd)
    return new FileFeed({ path: fd === 0 ? '/dev/stdin' : path, start: 0, size: null }, wake)
  } catch (cause) {
    throw explain(cause)
  }
}
