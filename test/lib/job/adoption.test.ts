/** What a coordinator may go on with: any doubt about any part is one about all of it. */
import t from 'tap'
import { collect } from '../../../actors/testing/collect.js'
import { generate } from '../../../lib/connectors/index.js'
import { planHash } from '../../../lib/graph/fingerprint.js'
import { planGraph } from '../../../lib/graph/planner.js'
import { slotOf, subtaskName, subtasksOf } from '../../../lib/graph/subtasks.js'
import { keyBy, pipeline, scan } from '../../../lib/index.js'
import {
  type Adoption,
  adopt,
  type Deployment,
  type HeldRegion,
  type HeldSource,
  type NewestSnapshot,
  type SlotHolding,
} from '../../../lib/job/adoption.js'

const SLOTS = 2
const { graph } = pipeline('sums', (flow) =>
  flow
    .from(generate(100, (n) => n, { splits: 4 }))
    .pipe(
      keyBy((n: number) => n % 3),
      scan((sum: number, n: number) => sum + n, 0),
    )
    .to(collect()),
).compose()
const plan = planGraph(graph, { slots: SLOTS })
const splits = ['a', 'b', 'c', 'd'].map((id) => ({ id, data: {} }))

const deployment: Deployment = {
  run: 'run',
  plan: planHash(plan),
  attempts: 7,
  regions: [7],
  slots: [
    { ref: 'r/0', node: 'a' },
    { ref: 'r/1', node: 'b' },
  ],
}

const source = (index: number, more: Partial<HeldSource> = {}): HeldSource => ({
  subtask: subtaskName({ chain: 0, index }),
  given: [],
  isLast: false,
  asks: false,
  ...more,
})

function region(slot: number, more: Partial<HeldRegion> = {}): HeldRegion {
  const sources = [source(slot, { given: [splits[slot]!.id] })]
  const listings = slot === 0 ? [{ chain: 0, concurrent: false, splits }] : []
  return {
    region: 0,
    attempt: 7,
    isWhole: true,
    base: 3,
    firstRound: 4,
    finished: [],
    committing: [],
    sources,
    listings,
    ...more,
  }
}

const slot = (index: number, more: Partial<SlotHolding> = {}): SlotHolding => ({
  regions: [region(index)],
  joined: SLOTS - 1,
  rounds: [6],
  givenUp: [],
  completed: 5,
  lastRound: 6,
  ...more,
})

const snapshot = (round: number): NewestSnapshot => ({ round, unassigned: new Map() })

const judged = (
  first: SlotHolding,
  second: SlotHolding = slot(1),
  newest: NewestSnapshot | null = snapshot(5),
): Adoption => adopt(deployment, plan, [first, second], newest)

function adopted(outcome: Adoption) {
  if (outcome.kind === 'restart') throw new Error(outcome.reason)
  return outcome.adopted
}

t.test('what all is held whole goes on at its attempt', async (t) => {
  const all = adopted(judged(slot(0)))
  t.match(all, { attempts: 7, regions: [{ attempt: 7 }], finished: [], lastRound: 6 })
  t.equal(all.regions[0]!.unfinished, subtasksOf(plan).length)
  t.same(all.rounds, [6], 'a round of which nobody knows how it ended is given up')
  t.equal(all.unheard, null)
})

t.test('a doubt about any part is one about all of it', async (t) => {
  const doubts: Readonly<Record<string, Adoption>> = {
    'an older attempt': judged(slot(0, { regions: [region(0, { attempt: 6 })] })),
    'a newer attempt': judged(slot(0), slot(1, { regions: [region(1, { attempt: 8 })] })),
    'a slot without the region': judged(slot(0), slot(1, { regions: [] })),
    'a slot that is missing': adopt(deployment, plan, [slot(0)], snapshot(5)),
    'a part that was about to change': judged(
      slot(0, { regions: [region(0, { isWhole: false })] }),
    ),
    'a link that was lost': judged(slot(0, { joined: 0 })),
    'a complete round of which there is no manifest': judged(slot(0), slot(1), snapshot(4)),
    'no manifest at all': judged(slot(0), slot(1), null),
    'a manifest of a round that was given up': judged(
      slot(0, { givenUp: [6] }),
      slot(1),
      snapshot(6),
    ),
    'a manifest that is not of this attempt': judged(
      slot(0, { completed: 0, regions: [region(0, { base: 3, firstRound: 0 })] }),
    ),
    'a manifest of a round of which a slot was never told': judged(
      slot(0, { completed: 10, rounds: [11], regions: [region(0, { base: 0, firstRound: 1 })] }),
      slot(1, { completed: 15, rounds: [], regions: [region(1, { base: 0, firstRound: 1 })] }),
      snapshot(15),
    ),
    'another plan of the same graph': adopt(
      deployment,
      { ...plan, chains: plan.chains.map((chain) => ({ ...chain, keyed: !chain.keyed })) },
      [slot(0), slot(1)],
      snapshot(5),
    ),
    'other regions': adopt(
      { ...deployment, regions: [7, 7] },
      plan,
      [slot(0), slot(1)],
      snapshot(5),
    ),
    'splits that nobody has listed': judged(slot(0, { regions: [region(0, { listings: [] })] })),
    'shares of splits that not all have': judged(
      slot(0, {
        regions: [
          region(0, {
            listings: [{ chain: 0, concurrent: true, splits }],
            sources: [source(0, { isLast: true })],
          }),
        ],
      }),
    ),
    'all that has finished': judged(
      ...([0, 1].map((index) => {
        const here = subtasksOf(plan).filter((id) => slotOf(id.index, SLOTS) === index)
        return slot(index, { regions: [region(index, { finished: here.map(subtaskName) })] })
      }) as [SlotHolding, SlotHolding]),
    ),
  }
  for (const [doubt, outcome] of Object.entries(doubts)) t.equal(outcome.kind, 'restart', doubt)
})

t.test('splits that no slot has are handed out again, and no others', async (t) => {
  const all = adopted(judged(slot(0)))
  t.same(
    all.splits.get(0)?.splits.map(({ id }) => id),
    ['c', 'd'],
  )
  const restored = { round: 3, unassigned: new Map([[0, { concurrent: false, splits }]]) }
  const none = region(0, { listings: [], firstRound: 0 })
  const other = region(1, { firstRound: 0 })
  const holding = { rounds: [], completed: 0, lastRound: 0 }
  const again = adopted(
    judged(
      slot(0, { ...holding, regions: [none] }),
      slot(1, { ...holding, regions: [other] }),
      restored,
    ),
  )
  t.same(
    again.splits.get(0)?.splits.map(({ id }) => id),
    ['c', 'd'],
    'of those that a snapshot had left',
  )
})

t.test('who waits is heard, and who has finished is not', async (t) => {
  const first = slot(0, { regions: [region(0, { sources: [source(0, { asks: true })] })] })
  const done = subtaskName({ chain: 0, index: 1 })
  const second = slot(1, {
    regions: [region(1, { finished: [done], committing: [done] })],
  })
  const all = adopted(judged(first, second))
  t.same(all.asking, [subtaskName({ chain: 0, index: 0 })])
  t.same(all.finished, [done])
  t.same(all.committing, [])
  t.equal(all.regions[0]!.unfinished, subtasksOf(plan).length - 1)
})

t.test('that a round is complete is told to those that have not heard it', async (t) => {
  const late = slot(1, { rounds: [5, 6], completed: 4 })
  const all = adopted(judged(slot(0), late))
  t.same(all.unheard, { round: 5, slots: new Set([1]) })
  t.same(all.rounds, [6])
})
