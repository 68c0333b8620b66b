/** Tells in what order the inspector's sessions with workers are opened and workers started. */
import { createHook } from 'node:async_hooks'
import inspector from 'node:inspector'
import { ThreadGround } from '../../../actors/node/slot-ground.js'
import { PlanningThread } from '../../../actors/planner/planning-thread.js'

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

if (process.argv[2] === 'ground') new ThreadGround()
else await new PlanningThread().terminate()
process.stdout.write(order.join(' '))
