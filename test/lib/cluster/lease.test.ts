import t from 'tap'
import { SilenceWatch } from '../../../lib/cluster/lease.js'
import {
  LOOK_MS,
  NODE_LEASE_MS,
  OWN_PAUSE_MS,
  REDEPLOY_MS,
  SILENCE_MS,
} from '../../../lib/cluster/times.js'

/** When somebody whose last byte came at that time is noticed, by looks that begin at 0. */
function noticedAt(lastByteMs: number, lookAt: (look: number) => number): number {
  const watch = new SilenceWatch(LOOK_MS, 0)
  for (let look = 1; ; look++) {
    const nowMs = lookAt(look)
    if (nowMs >= lastByteMs) watch.heard('node', lastByteMs)
    if (nowMs >= lastByteMs && watch.silent(nowMs).length > 0) return nowMs
    if (nowMs < lastByteMs) watch.silent(nowMs)
  }
}

t.test('who is silent is noticed after the time of silence, and by the next look', async (t) => {
  for (let lastByteMs = 1; lastByteMs < 3 * LOOK_MS; lastByteMs++) {
    const silence = noticedAt(lastByteMs, (look) => look * LOOK_MS) - lastByteMs
    if (silence <= SILENCE_MS || silence > SILENCE_MS + LOOK_MS) {
      t.fail(`last heard at ${lastByteMs}, noticed ${silence} ms later`)
    }
  }
  t.ok(NODE_LEASE_MS < SILENCE_MS, 'the node has given up before')
  t.ok(SILENCE_MS + 2 * LOOK_MS < REDEPLOY_MS, 'its work begins elsewhere later than that')
})

t.test('a look that comes late judges nobody, and the one after it does', async (t) => {
  const watch = new SilenceWatch(LOOK_MS, 0)
  watch.heard('node', 0)
  const late = LOOK_MS + OWN_PAUSE_MS + SILENCE_MS
  t.same(watch.silent(late), [])
  watch.heard('read meanwhile', late)
  t.same(watch.silent(late + LOOK_MS), ['node'])
})
