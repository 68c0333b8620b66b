/** What a subtask notes of its operators as barriers pass, seen in what it acknowledges. */
import t from 'tap'
import { type RoundStep, SubtaskRounds } from '../../actors/subtask/subtask-rounds.js'
import { BARRIER } from '../../lib/operators/signal.js'
import type { SubtaskAck } from '../../lib/snapshot/round.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'

t.test('time that was owed to a round that is given up is not owed to the next one', async (t) => {
  const acks: SubtaskAck[] = []
  const step: RoundStep = { snapshots: null, timeMs: 10, owedMs: Number.NaN }
  const none = () => {
    throw new Error('not here')
  }
  const rounds = new SubtaskRounds(
    {
      run: 'run',
      attempt: 1,
      exactlyOnce: true,
      alwaysFull: false,
      put: none,
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
  /** Passes the operator, and the chain. */
  async function pass(round: number): Promise<void> {
    const barrier = { tag: BARRIER, round, full: false } as const
    rounds.leave(0, barrier)
    rounds.pass(barrier)
    while (rounds.step());
    await new Promise(setImmediate)
  }
  const enter = (round: number) => rounds.enter({ tag: BARRIER, round, full: false }, [], 0)
  enter(1)
  rounds.abandon(1)
  step.owedMs = 20
  await pass(1)
  step.timeMs = 30
  enter(2)
  await pass(2)
  step.owedMs = 40
  enter(3)
  await pass(3)
  t.same(
    acks.map(({ round, steps }) => [round, steps[0]!.timeMs]),
    [
      [2, 30],
      [3, 40],
    ],
  )
})
