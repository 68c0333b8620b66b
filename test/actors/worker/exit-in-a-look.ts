/** Ends the process while one of its threads is being looked into, and so paused. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { ThreadInspector } from '../../../actors/worker/thread-inspector.js'

const spin = `require('node:worker_threads').parentPort.postMessage(0); while (true);`
const inspector = new ThreadInspector(() => new Worker(spin, { eval: true }))
await once(inspector.worker, 'message')
void inspector.stack()
setImmediate(() => {
  // Time for the thread to pause, in which this one hears nothing of it.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  process.exit(3)
})
