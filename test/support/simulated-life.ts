/** One life of a simulated job: turn by turn, until it ends or its process has died. */
import type { Job } from '../../actors/index.js'
import type { VirtualClock } from '../../lib/testing/virtual-clock.js'
import { eventLoopTurn, settle } from './settle.js'

/** An error: of the job. */
export type LifeEnd = 'done' | 'died' | 'stuck' | Error

const TURNS_MAX = 20_000

/** Files and modules are loaded in turns of the event loop, which are slow: one for so many of the clock. */
const TURNS_ALONE = 16

/** `isAlive`: its process has not died. `beside` is called once a turn. */
export async function live(
  job: Job,
  clock: VirtualClock,
  isAlive: () => boolean,
  beside: () => void = () => {},
): Promise<LifeEnd> {
  let ended: 'done' | Error | null = null
  job.done.then(
    () => {
      ended = 'done'
    },
    (error: Error) => {
      ended = error
    },
  )
  const goesOn = () => ended === null && isAlive()
  for (let turns = 0; goesOn(); turns++) {
    if (turns > TURNS_MAX) return 'stuck'
    await settle(clock)
    const isIdle = goesOn() && !clock.runNext()
    if (isIdle || turns % TURNS_ALONE === 0) await eventLoopTurn()
    beside()
  }
  return ended ?? 'died'
}
