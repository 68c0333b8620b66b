/** Says what a command waits for: when it takes a while, and then from time to time. */
import { showDuration } from './quantity.js'
import type { Reporter } from './reporter.js'
import type { CliWorld } from './world.js'

const FIRST_MS = 1000
const NEXT_MS = 5000

export async function whileWaiting<T>(
  { clock }: CliWorld,
  reporter: Reporter,
  what: string,
  waiting: Promise<T>,
): Promise<T> {
  if (reporter.detail === 'quiet') return waiting
  const startMs = clock.now()
  let stop = clock.after(FIRST_MS, tell)
  function tell(): void {
    reporter.say(`${what}: ${showDuration(clock.now() - startMs)}`)
    stop = clock.after(NEXT_MS, tell)
  }
  try {
    return await waiting
  } finally {
    stop()
  }
}
