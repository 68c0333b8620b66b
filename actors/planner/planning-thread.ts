/** The thread of `planning-worker.ts`: it loads what job modules import, and waits for one. */
import { Worker } from 'node:worker_threads'
import { workerSessions } from '../worker/worker-sessions.js'

export class PlanningThread {
  /** Its standard output is the caller's to read, but not before the thread has work: that keeps the process alive. */
  readonly worker: Worker

  constructor() {
    // Nobody looks into it, but slots that start beside it are looked into.
    workerSessions()
    this.worker = new Worker(new URL('./planning-worker.js', import.meta.url), {
      name: 'millrace planner',
      stdout: true,
    })
  }

  terminate(): Promise<unknown> {
    return this.worker.terminate()
  }
}
