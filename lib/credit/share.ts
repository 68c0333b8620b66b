/**
 * How many credits each channel of an inlet owns: an equal share of what the inlet may hold, within
 * limits. Both ends of a channel compute it, so it travels with no message.
 *
 * Worked number: 64 credits for 2 channels are 32 each (the most), for 8 channels 8 each; with 100
 * channels each keeps the 2 that let it send while a grant is on its way. A sender that runs dry waits
 * for the other thread's next turn, about a millisecond, in which it could have sent ten frames.
 */
import { assert } from '../base/assert.js'

/** Enough to be never without work while a grant crosses two threads. */
const EXCLUSIVE_MAX = 32
/** One on its way while the grant for the next is coming back. */
const EXCLUSIVE_MIN = 2

export function exclusiveShare(inletCredits: number, channels: number): number {
  assert(channels >= 1, 'an inlet has at least one channel')
  const share = Math.floor(inletCredits / channels)
  const min = Math.min(EXCLUSIVE_MIN, inletCredits)
  return Math.max(min, Math.min(EXCLUSIVE_MAX, share))
}
