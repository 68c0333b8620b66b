/** Entry point of the worker that watches the main thread; see main-thread-watch.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../lib/base/clock.js'
import { vitalsIn } from '../../lib/metrics/vitals.js'
import { mainThreadStack } from './main-thread-stack.js'
import type { MainThreadWatcherData } from './main-thread-watch.js'
import { watchForStalls } from './stall-watch.js'
import { writeFully } from './worker-output.js'

const STDERR = 2
const { subtasks, counters, vitals } = workerData as MainThreadWatcherData

let look: Promise<string | null> = Promise.resolve(null)

const stopWatch = watchForStalls({
  subtasks,
  counters,
  vitals: vitalsIn(vitals),
  stallMs: Number.POSITIVE_INFINITY,
  clock: systemClock,
  stack: () => {
    look = look.then(mainThreadStack)
    return look
  },
  onStalled(event, operator) {
    const { subtask, stalledMs, stack } = event
    const text =
      `"${operator}" (subtask ${subtask.index}) has made no progress for ${Math.round(stalledMs)} ms` +
      (stack === null ? ', in a native call\n' : `:\n${stack}\n`)
    writeFully(STDERR, Buffer.from(text))
    parentPort?.postMessage(event)
  },
  onKill() {},
})

// What listens keeps the thread alive; nothing else is left to do after the last look.
parentPort?.once('message', async () => {
  stopWatch()
  await look.catch(() => {})
  process.exit()
})
