import t from 'tap'
import type { NodeOffer, SlotWish } from '../../../lib/placement/place.js'
import { placeJobs } from '../../../lib/placement/place-jobs.js'
import { roomFor } from '../../../lib/placement/room.js'

const node = (id: string, slots: number, taken: readonly string[] = []): NodeOffer => ({
  id,
  slots,
  labels: {},
  cordoned: false,
  taken,
})

const wish = (job: string, more: Partial<SlotWish> = {}): SlotWish => ({
  job,
  strategy: 'spread',
  labels: {},
  ...more,
})

const wishes = (job: string, count: number, more: Partial<SlotWish> = {}) =>
  Array.from({ length: count }, (_, i) => ({ ref: `${job}/${i}`, wish: wish(job, more) }))

t.test('a job gets all the slots that it waits for, or none', async (t) => {
  const waiting = [...wishes('a', 3), ...wishes('b', 2)]
  const { placed, missing } = placeJobs(waiting, [node('x', 1), node('y', 1)])
  t.same([...placed.keys()], ['b/0', 'b/1'], 'who cannot be served holds up nobody')
  t.match(missing.get('a/0'), /3 slots are wanted together, and there is room for 2/)
})

t.test('who has asked first is looked at first', async (t) => {
  const waiting = [...wishes('a', 2), ...wishes('b', 2)]
  const { placed } = placeJobs(waiting, [node('x', 3)])
  t.same([...placed.keys()], ['a/0', 'a/1'])
})

t.test('wishes of two jobs that come in turns are never both half served', async (t) => {
  const [a, b] = [wishes('a', 3), wishes('b', 3)]
  const mixed = a.flatMap((one, i) => [one, b[i]!])
  const { placed } = placeJobs(mixed, [node('x', 4)])
  t.same([...placed.keys()], ['a/0', 'a/1', 'a/2'])
})

t.test('slots of a job are spread, those placed in the same breath counted', async (t) => {
  const { placed } = placeJobs(wishes('a', 4), [node('x', 4), node('y', 4)])
  t.same([...placed.values()].toSorted(), ['x', 'x', 'y', 'y'])
})

t.test('packed, they fill a node before the next', async (t) => {
  const waiting = wishes('a', 3, { strategy: 'pack' })
  const { placed } = placeJobs(waiting, [node('x', 3), node('y', 3, ['b'])])
  t.same([...placed.values()].toSorted(), ['x', 'y', 'y'])
})

t.test('jobs that are to be apart are, though they are placed in the same breath', async (t) => {
  const waiting = [...wishes('a', 1), ...wishes('b', 1, { apartFrom: ['a'] })]
  const { placed } = placeJobs(waiting, [node('x', 2), node('y', 2, ['c'])])
  t.same([...placed.values()], ['x', 'y'])
})

t.test('a job that is to be beside another waits until that has its place', async (t) => {
  const beside = wishes('b', 1, { besides: 'a' })
  t.same([...placeJobs(beside, [node('x', 2)]).placed], [])
  const both = [...wishes('a', 1), ...beside]
  t.same([...placeJobs(both, [node('x', 2)]).placed.values()], ['x', 'x'])
})

t.test('room is what there would be without the job itself', async (t) => {
  const nodes = [node('x', 2, ['a', 'b']), node('y', 2, ['a'])]
  t.equal(roomFor(wish('a'), 8, nodes), 3)
  t.equal(roomFor(wish('a'), 2, nodes), 2, 'and never more than the most')
  t.equal(roomFor(wish('a', { labels: { disk: 'fast' } }), 8, nodes), 0)
})

t.test('a cordoned node has no room, for what is on it neither', async (t) => {
  const nodes = [{ ...node('x', 2, ['a']), cordoned: true }, node('y', 1)]
  t.equal(roomFor(wish('a'), 8, nodes), 1)
})

t.test('a node that has failed to set up a slot comes last, and is never refused', async (t) => {
  for (const strategy of ['spread', 'pack'] as const) {
    const nodes = [{ ...node('x', 4), isInDoubt: true }, node('y', 2, ['k'])]
    const placedOn = (count: number) => [
      ...placeJobs(wishes('a', count, { strategy }), nodes).placed.values(),
    ]
    t.same(placedOn(1), ['y'], strategy)
    t.same(placedOn(3), ['y', 'x', 'x'], 'where the others have no more')
    t.equal(roomFor(wish('a', { strategy }), 9, nodes), 5, 'it counts')
    const both = nodes.map((each) => ({ ...each, isInDoubt: true }))
    t.equal(placeJobs(wishes('a', 5, { strategy }), both).placed.size, 5, 'as if none were')
  }
})
