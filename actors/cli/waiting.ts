/** Says what a command waits for: when it takes a while, and then from time to time. */
import { showDuration } from './quantity.js'
import type { Reporter } from './reporter.js'
import type { CliWorld } from './world.js'

const FIRST_MS = 1000
const NEXT_MS = 5000
/** Where what holds it up is not known by then, it is left out. */
const HELD_MS = 500

/** `held`: what it is held up by just now, for people; null: nothing that is known. */
export async function whileWaiting<T>(
  { clock }: CliWorld,
  reporter: Reporter,
  what: string,
  waiting: Promise<T>,
  held: () => Promise<string | null> = async () => null,
): Promise<T> {
  if (reporter.detail === 'quiet') return waiting
  const startMs = clock.now()
  let stop = clock.after(FIRST_MS, tell)
  let isOver = false
  function tell(): void {
    stop = clock.after(NEXT_MS, tell)
    const heldUp = held().catch(() => null)
    const unknown = new Promise<null>((resolve) => clock.after(HELD_MS, () => resolve(null)))
    void Promise.race([heldUp, unknown]).then((by) => {
      if (isOver) return
      const since = `${what}: ${showDuration(clock.now() - startMs)}`
      reporter.say(by === null ? since : `${since}; ${by}`)
    })
  }
  try {
    return await waiting
  } finally {
    isOver = true
    stop()
  }
}
