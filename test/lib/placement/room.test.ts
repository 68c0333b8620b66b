/** What is said where there is no room, and what follows from it for a job that is to be rescaled. */
import t from 'tap'
import type { NodeOffer, SlotWish } from '../../../lib/placement/place.js'
import { goesBack, stepRescale } from '../../../lib/placement/rescale-steps.js'
import { lackingFor } from '../../../lib/placement/room.js'

const wish = (more: Partial<SlotWish> = {}): SlotWish => ({
  job: 'a',
  strategy: 'spread',
  labels: {},
  ...more,
})

const node = (id: string, slots: number, taken: readonly string[]): NodeOffer => ({
  id,
  slots,
  labels: {},
  cordoned: false,
  taken,
})

const NODES = [node('two', 4, ['a', 'b']), node('one', 2, ['a'])]

t.test('nothing lacks where what is free and its own are enough', async (t) => {
  t.equal(lackingFor(wish(), 1, NODES), null)
  t.equal(lackingFor(wish(), 5, NODES), null)
})

t.test('what lacks is told with what there is', async (t) => {
  t.equal(
    lackingFor(wish(), 9, NODES),
    '9 slots are wanted, and there is room for 5: nodes one, two have 6, of which 3 are free, 2 its own and 1 of other jobs; 4 more slots would have to be there',
  )
  t.match(lackingFor(wish(), 2, [node('one', 1, [])]), /node one has 1, .*; 1 more slot would/)
})

t.test('where slots are of no use to it, it is told why', async (t) => {
  t.match(lackingFor(wish(), 1, []), /no node has joined/)
  t.match(lackingFor(wish({ labels: { zone: 'x' } }), 1, NODES), /zone=x/)
  t.match(lackingFor(wish(), 6, [...NODES, node('far', 2, [])], [['far', 'two']]), /do not reach/)
})

t.test(
  'a job is moved when there is room, waits as long as it may, and is refused then',
  async (t) => {
    const step = (lacking: string | null, nowMs: number) =>
      stepRescale({ lacking, nowMs, untilMs: 10 })
    t.equal(step(null, 0), 'move')
    t.equal(step('a slot', 9), 'wait')
    t.equal(step('a slot', 10), 'refuse')
    t.equal(step(null, 11), 'move')
  },
)

t.test('it goes back only where it waits for what is not there', async (t) => {
  t.ok(goesBack({ waits: true, lacking: 'a slot' }))
  t.notOk(goesBack({ waits: true, lacking: null }))
  t.notOk(goesBack({ waits: false, lacking: 'a slot' }))
})
