import t from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import { stateConformance } from '../../conformance/state.js'
import { disturbed } from '../../support/disturbed-state.js'
import { cachedState } from '../../support/level-state.js'

/** Two thirds of the conformance suite's states are larger. */
const TINY_BYTES = 2_000

t.test('the level backend keeps the laws of state, larger than its cache', (t) =>
  stateConformance(t, (groups, options) => cachedState(groups, TINY_BYTES, options)),
)

t.test('it keeps them whatever snapshots begin, go on, end and fail meanwhile', async (t) => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31)
  t.comment(`SEED=${seed}`)
  const random = seededRandom(seed)
  await stateConformance(t, (groups, options) =>
    disturbed(cachedState(groups, TINY_BYTES, options), random),
  )
})
