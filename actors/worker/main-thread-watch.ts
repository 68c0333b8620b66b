/**
 * The stall watch of a slot in the calling thread: since a blocked thread cannot watch itself, a small
 * worker does. It writes the stack of a stuck subtask to standard error at once, and hands the same
 * report to `onStalled` when the thread is free again. It cannot kill: only a worker thread can be
 * ended from outside.
 *
 * It is not ended in the middle of a look: the answers of the main thread would meet an inspector that
 * is being taken down (see debuggee.ts), and a paused main thread would have nobody to let it go.
 */
import inspector from 'node:inspector'
import { Worker } from 'node:worker_threads'
import { LOOK_MS_MAX } from './debuggee.js'
import type { SubtaskStalled, WatchedSubtask } from './stall-watch.js'
import { workerSessions } from './worker-sessions.js'

/** The watcher is asked to end, and ends by itself; after this time it is ended. */
const STOP_MS = LOOK_MS_MAX + 500

export interface MainThreadWatchOptions {
  readonly subtasks: readonly WatchedSubtask[]
  readonly counters: SharedArrayBuffer
  /** From `createVitalsMemory`; the watched thread must beat (`startBeating`). */
  readonly vitals: SharedArrayBuffer
  readonly onStalled: (event: SubtaskStalled) => void
}

export interface MainThreadWatch {
  /** Resolves when the watch has begun; what blocks the thread before that is not seen. */
  readonly ready: Promise<void>
  stop(): Promise<void>
}

export type MainThreadWatcherData = Omit<MainThreadWatchOptions, 'onStalled'>

/** Caller must: be the main thread, and stop it. It does not keep the process alive. */
export function watchMainThread(options: MainThreadWatchOptions): MainThreadWatch {
  if (inspector.url() !== undefined) return { ready: Promise.resolve(), async stop() {} }
  const { onStalled, ...workerData } = options
  workerSessions()
  const worker = new Worker(new URL('./main-thread-watcher.js', import.meta.url), {
    name: 'stall watch',
    workerData,
  })
  worker.on('message', onStalled)
  // Without the watch the job still runs as it should.
  worker.on('error', () => {})
  worker.unref()
  const ready = new Promise<void>((resolve) => {
    worker.once('online', resolve)
    worker.once('exit', () => resolve())
  })
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  return {
    ready,
    async stop() {
      worker.postMessage('stop')
      const timer = setTimeout(() => worker.terminate(), STOP_MS)
      await ended
      clearTimeout(timer)
    },
  }
}
