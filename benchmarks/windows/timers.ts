/** Timers: how many are registered and fired per second, with times of different kinds. */
import { seededRandom } from '../../lib/base/random.js'
import { createTimers } from '../../lib/time/timers.js'
import type { Result } from '../micro/main.js'

const BEGIN_MS = 1_700_000_000_000

/** Times of n timers. */
const CASES: Readonly<Record<string, (n: number) => (i: number) => number>> = {
  'times at random': (n) => {
    const random = seededRandom(7)
    const times = Float64Array.from({ length: n }, () => BEGIN_MS + Math.floor(random() * 1e9))
    return (i) => times[i]!
  },
  'times ascending': () => (i) => BEGIN_MS + i,
  'a thousand per time': () => (i) => BEGIN_MS + (i % 1_000) * 60_000,
}

export function* timersBench({ quick }: { readonly quick: boolean }): Iterable<Result> {
  const count = quick ? 100_000 : 1_000_000
  for (const [name, timesOf] of Object.entries(CASES)) {
    const timeOf = timesOf(count)
    const timers = createTimers()
    const beganMs = performance.now()
    for (let i = 0; i < count; i++) timers.register(i & 127, i, timeOf(i))
    const registeredMs = performance.now()
    let fired = 0
    let lastMs = 0
    for (;;) {
      const timer = timers.takeDue(Number.POSITIVE_INFINITY)
      if (timer === null) break
      if (timer.timeMs < lastMs) throw new Error('timers fire in the order of their times')
      lastMs = timer.timeMs
      fired++
    }
    const firedMs = performance.now()
    if (fired !== count) throw new Error(`${fired} of ${count} timers have fired`)
    const rate = (ms: number) => count / ms / 1_000
    yield { name: `register, ${name}`, value: rate(registeredMs - beganMs), unit: 'M/s' }
    yield { name: `fire, ${name}`, value: rate(firedMs - registeredMs), unit: 'M/s' }
  }
}
