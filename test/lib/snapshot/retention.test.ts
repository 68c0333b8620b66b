/** What may go, as laws over random histories of a store. */
import t, { type Test } from 'tap'
import { type Random, seededRandom } from '../../../lib/base/random.js'
import { planRetention, type StoredManifest } from '../../../lib/snapshot/retention.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed()

const manifests = (...lists: (readonly string[] | null)[]): StoredManifest[] =>
  lists.map((chunks, index) => ({ number: index + 1, chunks }))

const plan = (
  stored: readonly StoredManifest[],
  retained: number,
  { pinned = [] as number[], suspects = [] as string[], spared = [] as string[] } = {},
) =>
  planRetention({
    manifests: stored,
    retained,
    pinned: new Set(pinned),
    suspects,
    isSpared: (id) => spared.includes(id),
  })

t.test('the newest are kept, and with them the chunks that they build on', async (t) => {
  const stored = manifests(['full'], ['full', 'a'], ['full', 'a', 'b'], ['full2'])
  t.same(plan(stored, 4), { retire: [], garbage: [] })
  t.same(plan(stored, 3), { retire: [1], garbage: [] })
  t.same(plan(stored, 2), { retire: [1, 2], garbage: [] })
  t.same(plan(stored, 1), { retire: [1, 2, 3], garbage: ['full', 'a', 'b'] })
})

t.test('a pinned manifest stays whatever its age, and counts for none of the newest', async (t) => {
  const stored = manifests(['a'], ['b'], ['c'])
  t.same(plan(stored, 1, { pinned: [1] }), { retire: [2], garbage: ['b'] })
})

t.test('chunks of rounds under way are spared; those of abandoned ones are not', async (t) => {
  const stored = manifests(['a'])
  const suspects = ['a', 'abandoned', 'running']
  t.same(plan(stored, 1, { suspects, spared: ['running'] }), { retire: [], garbage: ['abandoned'] })
})

t.test(
  'a manifest that cannot be read counts for none of the newest, and nothing is deleted beside it',
  async (t) => {
    const stored = manifests(['a'], ['b'], ['c'], null)
    t.same(plan(stored, 2), { retire: [1], garbage: [] })
    t.same(plan(manifests(['a'], null, ['c'], ['d']), 2), { retire: [1, 2], garbage: ['a'] })
    t.same(plan(manifests(null, null), 1), { retire: [], garbage: [] })
  },
)

t.test(
  'whatever the history: what is kept is whole, nothing is forgotten, and nothing that nobody needs stays',
  async (t) => {
    const random = seededRandom(SEED)
    for (let run = 0; run < 500; run++) checkHistory(t, random)
  },
)

function checkHistory(t: Test, random: Random): void {
  const upTo = (n: number) => Math.floor(random() * n)
  const ids = Array.from({ length: 1 + upTo(20) }, (_, i) => `c${i}`)
  const stored = Array.from({ length: upTo(8) }, (_, i) => ({
    number: (i + 1) * 3,
    chunks: ids.filter(() => random() < 0.3),
  }))
  const pinned = new Set(stored.filter(() => random() < 0.2).map(({ number }) => number))
  const spared = new Set(ids.filter(() => random() < 0.2))
  const retained = 1 + upTo(4)
  const isSpared = (id: string) => spared.has(id)
  const { retire, garbage } = planRetention({
    manifests: stored,
    retained,
    pinned,
    suspects: ids,
    isSpared,
  })
  const kept = stored.filter(({ number }) => !retire.includes(number))
  const needed = new Set([...kept.flatMap(({ chunks }) => chunks), ...spared])
  const newest = stored.slice(-retained).map(({ number }) => number)
  if (garbage.some((id) => needed.has(id))) t.fail('deletes what is needed')
  if (newest.some((number) => retire.includes(number))) t.fail('retires one of the newest')
  if (retire.some((number) => pinned.has(number))) t.fail('retires what is pinned')
  if (ids.some((id) => !needed.has(id) && !garbage.includes(id))) t.fail('keeps what nobody needs')
  if (kept.some(({ number }) => !newest.includes(number) && !pinned.has(number)))
    t.fail('keeps too many')
}
