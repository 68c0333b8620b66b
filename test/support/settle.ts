/** Steps of a simulation: what is due under a virtual clock, and what promises make of it. */
import type { VirtualClock } from '../../lib/testing/virtual-clock.js'

/**
 * Runs all that is due now, and all that promises bring about. The event loop has no turn meanwhile, which
 * takes longer than what the promises do: nothing of the world outside comes in.
 */
export async function settle(clock: VirtualClock): Promise<void> {
  do {
    clock.runSoon()
    // Called when no promise is left that can be settled.
    await new Promise<void>((resolve) => process.nextTick(resolve))
  } while (clock.tasks > 0)
}

/** A turn of the event loop: files, modules that are loaded, promises whose rejection nobody handles. */
export const eventLoopTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
