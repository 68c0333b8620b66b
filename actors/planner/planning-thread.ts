/** The thread of `planning-worker.ts`: it loads what job modules import, and waits for one. */
import { Worker } from 'node:worker_threads'
import { workerSessions } from '../worker/worker-sessions.js'

export class PlanningThread {
  readonly worker: Worker

  constructor() {
    // Nobody looks into it, but slots that start beside it are looked into.
    workerSessions()
    this.worker = new Worker(new URL('./planning-worker.js', import.meta.url), {
      name: 'millrace planner',
      stdout: true,
    })
    // Standard output belongs to the job's results; what a module says while it is built is not one.
    this.worker.stdout.on('data', (chunk) => process.stderr.write(chunk))
  }

  terminate(): Promise<unknown> {
    return this.worker.terminate()
  }
}
