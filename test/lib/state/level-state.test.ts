import t from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import { stateConformance } from '../../conformance/state.js'
import { disturbed } from '../../support/disturbed-state.js'
import { cachedState } from '../../support/level-state.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed()
/** Two thirds of the conformance suite's states are larger. */
const TINY_BYTES = 2_000

t.test('the level backend keeps the laws of state, larger than its cache', (t) =>
  stateConformance(t, (groups, options) => cachedState(groups, TINY_BYTES, options)),
)

t.test('it keeps them whatever snapshots begin, go on, end and fail meanwhile', async (t) => {
  const random = seededRandom(SEED)
  await stateConformance(t, (groups, options) =>
    disturbed(cachedState(groups, TINY_BYTES, options), random),
  )
})

t.test('what has expired is swept and left out of walks, in the cache or not', async (t) => {
  const ttl = { ttl: { ms: 100, update: 'write' } } as const
  let nowMs = 0
  const store = cachedState(8, TINY_BYTES, { wallTime: () => nowMs })
  const map = store.map<number, number>('m', ttl)
  const list = store.list<number>('l', ttl)
  for (let key = 0; key < 200; key++) {
    for (let i = 0; i < 10; i++) map.set(0, key, i, i)
    list.append(0, key, key)
  }
  nowMs = 50
  for (let key = 0; key < 200; key++) list.append(0, key, -key)
  nowMs = 120
  t.same(
    [...list.entries()],
    Array.from({ length: 200 }, (_, key) => [key, [-key]]),
  )
  // The first may have been half-way round.
  for (let round = 0; round < 2; round++) store.sweep(10_000)
  t.equal(map.size, 0)
  nowMs = 200
  for (let round = 0; round < 2; round++) store.sweep(10_000)
  t.equal(list.size, 0)
})
