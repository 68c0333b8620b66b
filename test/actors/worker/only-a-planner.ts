/** Does nothing but keep a planning thread ready. */
import { SparePlanner } from '../../../actors/planner/plan-module.js'

process.on('worker', () => process.stdout.write('started'))
new SparePlanner()
