import t from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import { choicesOf, type Pair, PairsApart } from '../../../lib/placement/apart.js'
import { DOUBT_FIRST_MS, DOUBT_MAX_MS } from '../../../lib/placement/doubts.js'
import { nodeToLeave } from '../../../lib/placement/leave.js'
import type { NodeOffer, SlotWish } from '../../../lib/placement/place.js'
import { placeJobs } from '../../../lib/placement/place-jobs.js'
import { roomFor } from '../../../lib/placement/room.js'
import { testSeed } from '../../support/test-seed.js'

const node = (id: string, slots: number, taken: readonly string[] = []): NodeOffer => ({
  id,
  slots,
  labels: {},
  cordoned: false,
  taken,
})

const wish = (job: string): SlotWish => ({ job, strategy: 'spread', labels: {} })

const wishes = (job: string, count: number) =>
  Array.from({ length: count }, (_, i) => ({ ref: `${job}/${i}`, wish: wish(job) }))

const nodesOf = ({ placed }: ReturnType<typeof placeJobs>): readonly string[] =>
  [...new Set(placed.values())].toSorted()

t.test('a job has slots on one at most of two nodes that are apart', async (t) => {
  const nodes = [node('a', 2), node('b', 2), node('c', 2)]
  t.same(nodesOf(placeJobs(wishes('j', 3), nodes)), ['a', 'b', 'c'])
  t.same(nodesOf(placeJobs(wishes('j', 3), nodes, [['a', 'b']])), ['b', 'c'])
  const two = placeJobs([...wishes('j', 4), ...wishes('k', 2)], nodes, [['a', 'b']])
  t.equal(two.placed.size, 6, 'and the other is for other jobs')
})

t.test('what a job has already is not left for it, and decides', async (t) => {
  const nodes = [node('a', 2, ['j']), node('b', 4), node('c', 2)]
  t.same(nodesOf(placeJobs(wishes('j', 2), nodes, [['a', 'b']])), ['a', 'c'])
  const both = [node('a', 2, ['j']), node('b', 2, ['j']), node('c', 1)]
  t.equal(placeJobs(wishes('j', 3), both, [['a', 'b']]).placed.size, 3, 'joined as they are')
})

t.test('where there are too few slots it waits, and is told which nodes are apart', async (t) => {
  const { placed, missing } = placeJobs(wishes('j', 3), [node('a', 2), node('b', 1)], [['a', 'b']])
  t.equal(placed.size, 0)
  t.match(
    missing.get('j/0'),
    /3 slots are wanted together, and there is room for 2; .* do not reach each other: a and b$/,
  )
})

t.test('pairs of nodes that are no members decide nothing', async (t) => {
  const { missing } = placeJobs(wishes('j', 3), [node('a', 2)], [['a', 'b']])
  t.notMatch(missing.get('j/0'), /reach/)
})

t.test('the room of a job is that of the best nodes that reach each other', async (t) => {
  const nodes = [node('a', 3), node('b', 2, ['j']), node('c', 2, ['k'])]
  t.equal(roomFor(wish('j'), 9, nodes), 6)
  t.equal(roomFor(wish('j'), 9, nodes, [['a', 'b']]), 4)
  const all: readonly Pair[] = [
    ['a', 'b'],
    ['a', 'c'],
    ['b', 'c'],
  ]
  t.equal(roomFor(wish('j'), 9, nodes, all), 3)
})

t.test('whatever is apart, no two of a choice are, and none could take another node', async (t) => {
  const random = seededRandom(testSeed(1))
  const pick = (n: number) => Math.floor(random() * n)
  for (let run = 0; run < 500; run++) {
    const nodes = Array.from({ length: 1 + pick(7) }, (_, i) => node(`n${i}`, 1 + pick(3)))
    const apart = nodes.flatMap((a, i) =>
      nodes.slice(i + 1).flatMap((b): Pair[] => (random() < 0.3 ? [[a.id, b.id]] : [])),
    )
    const areApart = (a: string, b: string) =>
      apart.some((pair) => pair.includes(a) && pair.includes(b))
    const choices = choicesOf(nodes, apart, new Set())
    const sizes = choices.map((choice) => choice.reduce((sum, { slots }) => sum + slots, 0))
    const isSound = choices.every((choice) =>
      choice.every((a) => choice.every((b) => a === b || !areApart(a.id, b.id))),
    )
    if (!isSound) t.fail(`run ${run}: two of a choice are apart`)
    if (sizes[0] !== mostSlots(nodes, areApart)) t.fail(`run ${run}: not the best comes first`)
  }
  t.pass()
})

/** By trying all sets. */
function mostSlots(
  nodes: readonly NodeOffer[],
  areApart: (a: string, b: string) => boolean,
): number {
  let most = 0
  for (let set = 0; set < 2 ** nodes.length; set++) {
    const chosen = nodes.filter((_, i) => (set >> i) % 2 === 1)
    if (chosen.some((a) => chosen.some((b) => a !== b && areApart(a.id, b.id)))) continue
    most = Math.max(
      most,
      chosen.reduce((sum, { slots }) => sum + slots, 0),
    )
  }
  return most
}

t.test('it is believed for a while, longer each time, and not for ever', async (t) => {
  const pairs = new PairsApart()
  t.equal(pairs.failed('b', 'a', 0), DOUBT_FIRST_MS)
  t.same(pairs.pairs(1), [['a', 'b']])
  t.equal(pairs.failed('a', 'b', 1), DOUBT_FIRST_MS, 'told twice')
  t.same(pairs.pairs(1 + DOUBT_FIRST_MS), [])
  let now = 1 + DOUBT_FIRST_MS
  const times: number[] = []
  for (let i = 0; i < 6; i++) {
    const forMs = pairs.failed('a', 'b', now)
    times.push(forMs)
    now += forMs
  }
  t.same(times, [20_000, 40_000, 80_000, DOUBT_MAX_MS, DOUBT_MAX_MS, DOUBT_MAX_MS])
  t.equal(pairs.failed('a', 'b', now + DOUBT_MAX_MS), DOUBT_FIRST_MS, 'it had been well since')
})

t.test('a node that joins anew may be reached', async (t) => {
  const pairs = new PairsApart()
  pairs.failed('a', 'b', 0)
  pairs.failed('c', 'b', 0)
  pairs.renewed('a')
  t.same(pairs.pairs(1), [['b', 'c']])
})

t.test('of two nodes a job leaves the one from which it finds a place elsewhere', async (t) => {
  const apart: readonly Pair[] = [['a', 'b']]
  const leaves = (...nodes: readonly NodeOffer[]) =>
    nodeToLeave(wish('j'), ['b', 'a'], nodes, apart)
  t.equal(leaves(node('a', 1, ['j']), node('b', 2, ['j'])), 'a', 'there is room on b')
  t.equal(leaves(node('a', 2, ['j']), node('b', 1, ['j'])), 'b', 'there is room on a')
  t.equal(leaves(node('a', 9, ['j']), node('b', 9, ['j', 'j'])), 'a', 'the fewest are moved')
  t.equal(leaves(node('a', 1, ['j']), node('b', 2, ['j', 'j']), node('c', 1)), 'a')
  t.equal(leaves(node('a', 2, ['j', 'j']), node('b', 1, ['j'])), 'b', 'they wait')
})

t.test('of three nodes a job leaves the one that reaches neither of the others', async (t) => {
  const nodes = ['a', 'b', 'c'].map((id) => node(id, 2, ['j']))
  const apart: readonly Pair[] = [
    ['a', 'b'],
    ['a', 'c'],
  ]
  t.equal(nodeToLeave(wish('j'), ['a', 'c'], nodes, apart), 'a', 'b is about to be left')
  const without = (id: string) => nodes.map((each) => (each.id === id ? node(id, 2) : each))
  t.equal(nodeToLeave(wish('j'), ['a', 'c'], without('b'), apart, 1), 'a', 'b has been left')
  t.equal(nodeToLeave(wish('j'), ['a', 'b'], without('a'), apart, 1), 'a', 'nothing is moved')
  const full = [node('a', 1), node('b', 2, ['j']), node('c', 1, ['j'])]
  t.equal(nodeToLeave(wish('j'), ['a', 'b'], full, apart, 2), 'a', 'nor for what waits elsewhere')
})

t.test('of sets that reach each other one without a node in doubt comes first', async (t) => {
  const nodes = [{ ...node('a', 3), isInDoubt: true }, node('b', 2), node('c', 1)]
  t.same(nodesOf(placeJobs(wishes('j', 3), nodes, [['a', 'b']])), ['b', 'c'])
  t.same(nodesOf(placeJobs(wishes('j', 4), nodes, [['a', 'b']])), ['a', 'c'], 'where it must')
})
