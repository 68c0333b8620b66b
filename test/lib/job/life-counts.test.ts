/** Counts over the lives of a job. */
import t from 'tap'
import { deployed, NO_LIVES, summed, takenOver, withLife } from '../../../lib/job/life-counts.js'

const life = {
  recordsIn: 10,
  recordsOut: 5,
  skipped: 1,
  deadLetters: 2,
  lost: 3,
  wallMs: 100,
}

t.test('lives that end in order are added up, the last one included', async (t) => {
  const before = deployed(withLife(withLife(NO_LIVES, life), life))
  t.match(summed({ ...life, state: 'Finished' }, before), {
    recordsIn: 30,
    recordsOut: 15,
    skipped: 3,
    deadLetters: 6,
    lost: 9,
    wallMs: 300,
    lives: 3,
    livesCounted: 3,
    state: 'Finished',
  })
})

t.test('one that has died is counted without what it counted, and once', async (t) => {
  const first = deployed(NO_LIVES)
  t.match(summed(life, deployed(takenOver(first))), { recordsIn: 10, lives: 2, livesCounted: 1 })
  t.same(takenOver(NO_LIVES), NO_LIVES, 'none has been deployed')
  const rests = withLife(NO_LIVES, life)
  t.match(summed(life, deployed(takenOver(rests))), { recordsIn: 20, lives: 2, livesCounted: 2 })
  const died = takenOver(deployed(rests))
  t.match(died, { recordsIn: 10, lives: 2, livesCounted: 1 })
  t.same(takenOver(died), died, 'nothing of another has been deployed since')
})

t.test('one of which nothing was deployed is none, whatever it says of itself', async (t) => {
  const { isAtRest, ...counts } = withLife(NO_LIVES, life)
  t.ok(isAtRest)
  const waited = { ...life, state: 'Cancelled' }
  t.same(summed(waited, withLife(NO_LIVES, life)), { ...counts, state: 'Cancelled' })
})
