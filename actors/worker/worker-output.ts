/**
 * Standard output of a worker thread, written straight to the file descriptor.
 *
 * By default a worker's output travels to the main thread as messages: without bound when the main
 * thread or the terminal is slow, and lost when the worker dies. Written at once, a slow reader slows
 * the writing thread down (which is back-pressure), nothing piles up, and the last words before a
 * death are seen.
 *
 * `console.log` drops its errors, so a job that prints that way would go on for nobody: when the reader of
 * standard output has gone (`… | head`), `onReaderGone` is called, once.
 */
import { writeSync } from 'node:fs'
import type { Writable } from 'node:stream'

/** A pipe may be non-blocking: how long to wait before trying a full one again. */
const FULL_PIPE_WAIT_MS = 2

const sleeper = new Int32Array(new SharedArrayBuffer(4))

/** For `process.stdout` and `process.stderr` of this thread. */
export function writeOutputAtOnce(onReaderGone: (cause: Error) => void): void {
  let isGone = false
  divert(process.stdout, 1, (error) => {
    if (isGone || (error as NodeJS.ErrnoException).code !== 'EPIPE') return
    isGone = true
    onReaderGone(error)
  })
  divert(process.stderr, 2, () => {})
}

/** Keeps the stream itself: the thread's own machinery knows it by more than its public methods. */
function divert(stream: Writable, fd: number, onError: (error: Error) => void): void {
  const write = (chunk: Buffer | string, encoding: BufferEncoding) =>
    writeFully(fd, typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk)
  stream._write = (chunk, encoding, callback) =>
    callback(errorOf(() => write(chunk as Buffer | string, encoding), onError))
  stream._writev = (chunks, callback) =>
    callback(
      errorOf(() => {
        for (const { chunk, encoding } of chunks) write(chunk as Buffer | string, encoding)
      }, onError),
    )
}

function errorOf(work: () => void, onError: (error: Error) => void): Error | null {
  try {
    work()
    return null
  } catch (error) {
    onError(error as Error)
    return error as Error
  }
}

/** Blocks until all is written; throws what is not a full pipe, like EPIPE. */
export function writeFully(fd: number, chunk: Buffer): void {
  let written = 0
  while (written < chunk.length) {
    try {
      written += writeSync(fd, chunk, written)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(sleeper, 0, 0, FULL_PIPE_WAIT_MS)
    }
  }
}
