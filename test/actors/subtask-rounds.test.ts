/** What a subtask notes of its operators as barriers pass, seen in what it acknowledges. */
import t from 'tap'
import { type RoundStep, SubtaskRounds } from '../../actors/subtask/subtask-rounds.js'
import { BARRIER } from '../../lib/operators/signal.js'
import type { SubtaskAck } from '../../lib/snapshot/round.js'
import type { StateSnapshots } from '../../lib/snapshot/state-snapshots.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'

const none = () => {
  throw new Error('not here')
}

/** The rounds of a subtask with one operator; `pass` is the barrier leaving it, and the chain. */
function roundsOf(step: RoundStep, put: (id: string) => Promise<void> = none) {
  const acks: SubtaskAck[] = []
  const rounds = new SubtaskRounds(
    {
      run: 'run',
      attempt: 1,
      exactlyOnce: true,
      alwaysFull: false,
      put: (_round, id) => put(id),
      acknowledge: (ack) => acks.push(ack),
      decline: none,
      awaitsCommit: none,
    },
    { subtask: { chain: 0, index: 0 }, clock: createVirtualClock(), ready: () => {} },
    [step],
    {
      signal: () => {},
      overtake: none,
      hurry: none,
      holdsBarrier: () => false,
      prepared: async () => [],
    },
    { chain: 'chain', headOf: none, headLike: none, selectorOf: none },
  )
  const barrierOf = (round: number) => ({ tag: BARRIER, round, full: false }) as const
  return {
    rounds,
    acks,
    enter: (round: number) => rounds.enter(barrierOf(round), [], 0),
    pass(round: number): void {
      rounds.leave(0, barrierOf(round))
      rounds.pass(barrierOf(round))
    },
    async encode(): Promise<void> {
      while (rounds.step());
      await new Promise(setImmediate)
    },
  }
}

t.test('time that was owed to a round that is given up is not owed to the next one', async (t) => {
  const step: RoundStep = { snapshots: null, timeMs: 10, owedMs: Number.NaN }
  const { rounds, acks, enter, pass, encode } = roundsOf(step)
  enter(1)
  rounds.abandon(1)
  step.owedMs = 20
  pass(1)
  await encode()
  step.timeMs = 30
  enter(2)
  pass(2)
  await encode()
  step.owedMs = 40
  enter(3)
  pass(3)
  await encode()
  t.same(
    acks.map(({ round, steps }) => [round, steps[0]!.timeMs]),
    [
      [2, 30],
      [3, 40],
    ],
  )
})

t.test('where an operator has enough only a barrier that has not left it is lost', async (t) => {
  const { rounds, acks, enter, pass, encode } = roundsOf({
    snapshots: null,
    timeMs: Number.NaN,
    owedMs: Number.NaN,
  })
  t.equal(rounds.cutOff(0), 0, 'there is none')
  enter(1)
  t.equal(rounds.cutOff(0), 1)
  t.equal(rounds.round, 0, 'the subtask waits for nothing')
  enter(2)
  rounds.leave(0, { tag: BARRIER, round: 2, full: false })
  t.equal(rounds.cutOff(0), 0, 'it waits further down')
  pass(2)
  t.equal(rounds.cutOff(0), 0, 'it has passed')
  await encode()
  t.same(
    acks.map(({ round, phase }) => [round, phase]),
    [[2, 'running']],
  )
})

t.test(
  'a barrier that comes while the round before is still being encoded gives that one up',
  async (t) => {
    const told: string[] = []
    let left = 0
    const snapshots: StateSnapshots = {
      begin(round) {
        told.push(`begin ${round}`)
        left = 3
      },
      step() {
        left--
        return []
      },
      get encoded() {
        return left === 0
      },
      chain: () => [],
      completed: none,
      abandoned: (round) => told.push(`abandoned ${round}`),
    }
    const { rounds, acks, enter, pass, encode } = roundsOf({
      snapshots,
      timeMs: Number.NaN,
      owedMs: Number.NaN,
    })
    enter(1)
    pass(1)
    rounds.step()
    t.equal(rounds.busy, true, 'there is more to encode')
    enter(2)
    pass(2)
    await encode()
    t.same(told, ['begin 1', 'abandoned 1', 'begin 2'])
    t.same(
      acks.map(({ round }) => round),
      [2],
    )
  },
)

t.test(
  'chunks that wait for their way to the store go nowhere once their round is given up',
  async (t) => {
    let left = 0
    const snapshots: StateSnapshots = {
      begin() {
        left = 6
      },
      step() {
        left--
        return [{ bytes: new Uint8Array(700 * 1_024), count: 1 }]
      },
      get encoded() {
        return left === 0
      },
      chain: (refs) => refs,
      completed: none,
      abandoned() {
        left = 0
      },
    }
    const put: string[] = []
    const stored: (() => void)[] = []
    const { rounds, acks, enter, pass, encode } = roundsOf(
      { snapshots, timeMs: Number.NaN, owedMs: Number.NaN },
      (id) => {
        put.push(id)
        return new Promise((resolve) => stored.push(resolve))
      },
    )
    enter(1)
    pass(1)
    await encode()
    t.equal(put.length, 4, 'the others are encoded, and wait')
    rounds.abandon(1)
    await encode()
    enter(2)
    pass(2)
    await encode()
    t.equal(left, 4, 'and leave their room to the next round')
    while (stored.length > 0) {
      stored.shift()!()
      await encode()
    }
    const roundOf = (id: string): string => id.split('/')[1]!
    t.same(put.map(roundOf), ['1', '1', '1', '1', '2', '2', '2', '2', '2', '2'])
    t.same(
      acks.map(({ round, steps }) => [round, steps[0]!.chunks.length]),
      [[2, 6]],
    )
  },
)
