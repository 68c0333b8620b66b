/** Tells in what order the inspector's sessions with workers are opened and workers started. */
import { createHook } from 'node:async_hooks'
import inspector from 'node:inspector'
import { ThreadGround } from '../../../actors/node/slot-ground.js'
import { PlanningThread } from '../../../actors/planner/planning-thread.js'
import { watchMainThread } from '../../../actors/worker/main-thread-watch.js'
import { createVitalsMemory } from '../../../lib/metrics/vitals.js'

const order: string[] = []
const { post } = inspector.Session.prototype
inspector.Session.prototype.post = function (this: inspector.Session, ...args: never) {
  if (args[0] === 'NodeWorker.enable') order.push('opened')
  return (post as (...args: never) => void).apply(this, args)
} as typeof post
createHook({
  init(_id, type) {
    if (type === 'WORKER') order.push('started')
  },
}).enable()

switch (process.argv[2]) {
  case 'ground':
    new ThreadGround()
    break
  case 'planner':
    await new PlanningThread().terminate()
    break
  default: {
    const counters = new SharedArrayBuffer(0)
    const vitals = createVitalsMemory()
    const watch = watchMainThread({ subtasks: [], counters, vitals, onStalled: () => {} })
    // It keeps no process alive.
    const alive = setInterval(() => {}, 1_000)
    await watch.ready
    await watch.stop()
    clearInterval(alive)
  }
}
process.stdout.write(order.join(' '))
