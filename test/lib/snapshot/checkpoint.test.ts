/** The protocol of checkpoints on the job's side, as laws. */
import t from 'tap'
import type { SubtaskId } from '../../../lib/graph/subtasks.js'
import {
  type CheckpointEvent,
  type CheckpointOrder,
  type CheckpointRecord,
  createCheckpointRecord,
  isSettled,
  phaseIn,
  stepCheckpoint,
} from '../../../lib/snapshot/checkpoint.js'
import type { SubtaskAck } from '../../../lib/snapshot/round.js'

const A: SubtaskId = { chain: 0, index: 0 }
const B: SubtaskId = { chain: 1, index: 0 }
const SETTINGS = {
  intervalMs: 100,
  minPauseMs: 30,
  timeoutMs: 1_000,
  maxConcurrent: 1,
  tolerableFailures: 1,
  unalignedAfterMs: null as number | null,
}

/** A history; what follows from each event is asked for in between. */
class History {
  record: CheckpointRecord
  nowMs = 0
  /** After which it is to be looked again; null: not by itself. */
  lookAfterMs: number | null = null

  constructor(settings: Partial<typeof SETTINGS> = {}, unsaved: readonly string[] = []) {
    this.record = createCheckpointRecord({ ...SETTINGS, ...settings }, 0, new Set(unsaved))
  }

  /** Orders, shortly, but for the time of the next look. */
  on(event: CheckpointEvent, afterMs = 0): readonly string[] {
    this.nowMs += afterMs
    const { record, orders } = stepCheckpoint(this.record, event, this.nowMs)
    this.record = record
    this.lookAfterMs = null
    for (const order of orders) if (order.kind === 'LookAfter') this.lookAfterMs = order.delayMs
    return orders.filter(({ kind }) => kind !== 'LookAfter').map(textOf)
  }

  start = (...live: readonly SubtaskId[]) => this.on({ kind: 'Started', live, committing: [] })
  look = (afterMs: number) => this.on({ kind: 'Looked' }, afterMs)
  finish = (subtask: SubtaskId) => this.on({ kind: 'Finished', subtask })
  commit = (round: number) => this.on({ kind: 'Committed', round })
  ack = (round: number, subtask: SubtaskId, phase: SubtaskAck['phase'] = 'running') =>
    this.on({
      kind: 'Acknowledged',
      ack: { round, subtask, phase, alignmentMs: 0, isUnaligned: false, flights: [], steps: [] },
    })
}

function textOf(order: CheckpointOrder): string {
  if (order.kind === 'LookAfter') return ''
  if (order.kind === 'FailJob') return `fail: ${order.reason}`
  const text = `${order.kind.toLowerCase()} ${order.round.round}`
  return order.kind === 'Abandon' && order.isFailure ? `${text}: ${order.reason}` : text
}

t.test(
  'a round begins after its interval, is committed when all have acknowledged, then told',
  async (t) => {
    const history = new History()
    history.start(A, B)
    t.equal(history.lookAfterMs, 100)
    t.same(history.look(99), [])
    t.equal(history.lookAfterMs, 1)
    t.same(history.look(1), ['trigger 1'])
    t.same(history.ack(1, A), [])
    t.same(history.ack(1, A), [], 'twice is no more than once')
    t.same(history.ack(1, B), ['commit 1'])
    t.equal(isSettled(history.record), false)
    t.same(history.on({ kind: 'Committed', round: 1 }, 90), ['complete 1'])
    t.equal(history.lookAfterMs, 30)
    t.same(history.look(30), ['trigger 2'], 'not before its pause is over')
  },
)

t.test('a subtask that has finished is waited for by no round', async (t) => {
  const history = new History()
  history.start(A, B)
  history.look(100)
  history.ack(1, A)
  t.same(history.finish(B), ['commit 1'])
  const [round] = history.record.rounds
  t.same([phaseIn(round!, A), phaseIn(round!, B)], ['running', 'finished'])
})

t.test('when all have finished a last round says so, and no more follow', async (t) => {
  const history = new History()
  history.start(A)
  t.same(history.finish(A), ['trigger 1', 'commit 1'])
  t.same(history.commit(1), ['complete 1'])
  t.same(history.look(1_000), [])
})

t.test('a round comes at once where a sink has only to commit', async (t) => {
  const history = new History()
  history.start(A, B)
  t.same(history.on({ kind: 'CommitAwaited', subtask: B }), ['trigger 1'])
  history.ack(1, A)
  t.same(history.ack(1, B, 'ended'), ['commit 1'])
  t.equal(phaseIn(history.record.rounds[0]!, B), 'ended')
})

t.test('what waits for a commit while no round is taken is named at the next start', async (t) => {
  const history = new History()
  history.start(A, B)
  history.on({ kind: 'Stopped', reason: 'a region has stopped' })
  t.same(history.on({ kind: 'CommitAwaited', subtask: B }), [], 'it may be one of before')
  t.same(history.start(A, B), [], 'nothing of before counts')
  history.on({ kind: 'Stopped', reason: 'a region has stopped' })
  t.same(history.on({ kind: 'Started', live: [A, B], committing: [B] }), ['trigger 1'])
})

t.test('a failure gives up what gathers, and leaves what commits', async (t) => {
  const history = new History({ maxConcurrent: 2, minPauseMs: 0 })
  history.start(A, B)
  history.look(100)
  t.same(history.look(100), ['trigger 2'])
  history.ack(1, A)
  t.same(history.ack(1, B), ['commit 1'])
  t.same(history.on({ kind: 'Stopped', reason: 'a region has stopped' }), ['abandon 2'])
  t.equal(isSettled(history.record), false, 'who restores waits for its outcome')
  t.same(history.commit(1), ['complete 1'])
  t.equal(isSettled(history.record), true)
})

t.test('a later round that is complete gives up the earlier ones', async (t) => {
  const history = new History({ maxConcurrent: 2, minPauseMs: 0 })
  history.start(A, B)
  history.look(100)
  history.look(100)
  history.ack(2, A)
  t.same(history.ack(2, B), ['abandon 1', 'commit 2'])
})

t.test(
  'more failures in a row than are tolerable fail the job; one that completes forgives them',
  async (t) => {
    const history = new History({ minPauseMs: 0 })
    history.start(A)
    const decline = (round: number) =>
      history.on({ kind: 'Declined', round, subtask: A, reason: 'no room', isStoreLost: false })
    const began = (round: number) => t.same(history.look(100), [`trigger ${round}`])
    began(1)
    t.match(decline(1)[0], /abandon 1: subtask .*no room/)
    began(2)
    t.same(history.ack(2, A), ['commit 2'])
    history.commit(2)
    began(3)
    const timedOut = history.on({ kind: 'TimedOut', round: 3 })
    t.match(timedOut[0], /abandon 3: after 0 s, 1 subtasks had not acknowledged/)
    t.notOk(timedOut.some((text) => text.startsWith('fail')))
    began(4)
    history.ack(4, A)
    const failed = history.on({
      kind: 'CommitFailed',
      round: 4,
      reason: 'no room',
      isStoreLost: false,
    })
    t.ok(failed.includes('abandon 4: no room'))
    t.ok(failed.includes('fail: no room'))
  },
)

t.test(
  'a round that fails because the store is lost fails the job, whatever is tolerable',
  async (t) => {
    const lost = { reason: 'the directory is gone', isStoreLost: true }
    for (const kind of ['Declined', 'CommitFailed'] as const) {
      const history = new History({ tolerableFailures: Number.POSITIVE_INFINITY })
      history.start(A)
      history.look(100)
      if (kind === 'CommitFailed') history.ack(1, A)
      const failed = history.on({ kind, round: 1, subtask: A, ...lost })
      t.match(failed[0], /abandon 1: .*the directory is gone/)
      t.match(failed[1], /fail: .*the directory is gone/)
    }
  },
)

t.test("a savepoint's own store is nothing that the job needs", async (t) => {
  const history = new History()
  history.start(A)
  t.same(history.on({ kind: 'RoundRequested', request: 1, of: 'savepoint', stop: false }), [
    'trigger 1',
  ])
  const reason = 'the directory is gone'
  const failed = history.on({ kind: 'Declined', round: 1, subtask: A, reason, isStoreLost: true })
  t.notOk(failed.some((text) => text.startsWith('fail')))
})

t.test(
  'one with which the job stops lies in its own store, too, and that may be lost',
  async (t) => {
    for (const isStoreLost of [false, true]) {
      const history = new History()
      history.start(A)
      history.on({ kind: 'RoundRequested', request: 1, of: 'savepoint', stop: true })
      const reason = 'the disk has failed'
      const failed = history.on({ kind: 'Declined', round: 1, subtask: A, reason, isStoreLost })
      t.equal(
        failed.some((text) => text.startsWith('fail')),
        isStoreLost,
      )
    }
  },
)

t.test('a savepoint is no recovery point of the job', async (t) => {
  const history = new History()
  history.start(A)
  const asked = history.on({ kind: 'RoundRequested', request: 1, of: 'savepoint', stop: false })
  t.same(asked, ['trigger 1'])
  history.on({ kind: 'CommitAwaited', subtask: A })
  t.same(history.ack(1, A, 'ended'), ['commit 1'])
  t.same(history.commit(1), ['complete 1', 'trigger 2'], 'what it holds is still to be committed')
})

t.test('while a subtask lives that holds what no snapshot would have, none is taken', async (t) => {
  const history = new History({}, ['1:0'])
  t.same(history.start(A, B), [])
  t.same(history.look(1_000), [])
  t.same(history.finish(B), ['trigger 1'])
})

t.test('a round becomes unaligned once it has taken too long, and only once', async (t) => {
  const history = new History({ unalignedAfterMs: 40 })
  history.start(A, B)
  t.same(history.look(100), ['trigger 1'])
  t.equal(history.record.rounds[0]!.isUnaligned, false)
  history.ack(1, A)
  t.same(history.on({ kind: 'AlignmentTimedOut', round: 1 }, 40), ['hurry 1'])
  t.equal(history.record.rounds[0]!.isUnaligned, true)
  t.same(history.on({ kind: 'AlignmentTimedOut', round: 1 }), [])
  t.same(history.ack(1, B), ['commit 1'], 'what was acknowledged stays so')
  t.same(history.on({ kind: 'AlignmentTimedOut', round: 1 }), [], 'it is over')
})

t.test('rounds are unaligned from the beginning where no time is given to them', async (t) => {
  const history = new History({ unalignedAfterMs: 0 })
  history.start(A)
  t.same(history.look(100), ['trigger 1'])
  t.equal(history.record.rounds[0]!.isUnaligned, true)
})

t.test('a round that was asked for aligns, whatever that takes', async (t) => {
  const history = new History({ unalignedAfterMs: 0 })
  history.start(A)
  t.same(history.on({ kind: 'RoundRequested', request: 1, of: 'savepoint', stop: false }), [
    'trigger 1',
  ])
  t.equal(history.record.rounds[0]!.isUnaligned, false)
  t.same(history.on({ kind: 'AlignmentTimedOut', round: 1 }, 500), [])
  t.equal(history.record.rounds[0]!.isUnaligned, false)
})

/** The job is to stop with the round that it begins. */
const STOP = { kind: 'RoundRequested', request: 1, of: 'savepoint', stop: true } as const

t.test('behind a round with which the job stops none begins', async (t) => {
  const history = new History({ maxConcurrent: 2 })
  history.start(A)
  t.same(history.on(STOP), ['trigger 1'])
  t.same(history.look(1_000), [], 'while it gathers')
  t.same(history.ack(1, A), ['commit 1'])
  const late = { kind: 'RoundRequested', request: 2, of: 'checkpoint', stop: false } as const
  t.same(history.commit(1), ['complete 1'])
  t.same(history.look(1_000), [], 'when it is complete')
  t.equal(history.record.stopping, STOP.request)
  t.same(history.on(late), [], 'not even one that is asked for')
})

t.test('where the job does not stop after all, it has rounds again', async (t) => {
  const abandoned = new History()
  abandoned.start(A)
  abandoned.on(STOP)
  abandoned.on({ kind: 'TimedOut', round: 1 }, 1_000)
  t.same(abandoned.look(100), ['trigger 2'])
  const withdrawn = new History()
  withdrawn.on(STOP)
  withdrawn.on({ kind: 'RequestsWithdrawn' })
  withdrawn.start(A)
  t.same(withdrawn.look(100), ['trigger 1'])
})
