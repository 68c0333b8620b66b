/** The job's protocol as laws: random histories against a small model of slots that obey. */
import t from 'tap'
import { seededRandom } from '../../lib/base/random.js'
import type { JobOrder, JobStepEvent } from '../../lib/job/job-events.js'
import { createJobRecord, isEnded, type JobRecord } from '../../lib/job/job-record.js'
import { stepJob } from '../../lib/job/job-step.js'

const REGIONS = [
  { id: 0, slots: [0, 1], subtasks: 3 },
  { id: 1, slots: [0], subtasks: 1 },
]

function run(events: readonly JobStepEvent[], from: JobRecord = createJobRecord(REGIONS, 2)) {
  let record = from
  const orders: JobOrder[] = []
  for (const event of events) {
    const step = stepJob(record, event)
    record = step.record
    orders.push(...step.orders)
  }
  return { record, orders }
}

const ready: readonly JobStepEvent[] = [
  { kind: 'SlotReady', slot: 0 },
  { kind: 'SlotReady', slot: 1 },
]

const backOffOver = (attempt: number): JobStepEvent => ({
  kind: 'BackoffElapsed',
  region: 0,
  attempt,
})

function started(): JobRecord {
  return run([
    ...ready,
    { kind: 'RegionOpened', region: 1, attempt: 1, slot: 0 },
    { kind: 'RegionOpened', region: 0, attempt: 2, slot: 0 },
    { kind: 'RegionOpened', region: 0, attempt: 2, slot: 1 },
  ]).record
}

t.test(
  'a region opens when all its slots are ready, and starts when all have opened',
  async (t) => {
    const first = run([ready[0]!])
    t.same(first.orders, [{ kind: 'OpenRegion', region: 1, attempt: 1, slot: 0 }])
    const second = run([ready[1]!], first.record)
    t.same(
      second.orders.map(({ kind }) => kind),
      ['OpenRegion', 'OpenRegion'],
    )
    const half = run([{ kind: 'RegionOpened', region: 0, attempt: 2, slot: 0 }], second.record)
    t.same(half.orders, [], 'half of the slots is not enough')
    const whole = run([{ kind: 'RegionOpened', region: 0, attempt: 2, slot: 1 }], half.record)
    t.same(
      whole.orders.map(({ kind }) => kind),
      ['StartRegion', 'StartRegion'],
    )
  },
)

t.test(
  'a failed region restarts after its abort and its back-off, whichever comes last',
  async (t) => {
    const failed = run([{ kind: 'RegionFailed', region: 0, attempt: 2, delayMs: 5 }], started())
    t.equal(failed.record.state, 'Restarting')
    t.same(
      failed.orders.map(({ kind }) => kind),
      ['StartBackoff', 'AbortRegion', 'AbortRegion'],
    )
    const aborts: JobStepEvent[] = [0, 1].map((slot) => ({
      kind: 'RegionAborted',
      region: 0,
      attempt: 2,
      slot,
    }))
    const backoff: JobStepEvent = { kind: 'BackoffElapsed', region: 0, attempt: 2 }
    for (const order of [
      [...aborts, backoff],
      [backoff, ...aborts],
    ]) {
      const { record, orders } = run(order, failed.record)
      t.same(orders, [
        { kind: 'OpenRegion', region: 0, attempt: 3, slot: 0 },
        { kind: 'OpenRegion', region: 0, attempt: 3, slot: 1 },
      ])
      t.equal(record.regions[1]!.phase, 'Running', 'the other region is not touched')
    }
  },
)

t.test('an event of an older attempt changes nothing', async (t) => {
  const now = started()
  for (const stale of [
    { kind: 'RegionFailed', region: 0, attempt: 1, delayMs: 0 },
    { kind: 'SubtaskFinished', region: 0, attempt: 1 },
    { kind: 'RegionAborted', region: 0, attempt: 1, slot: 0 },
    { kind: 'BackoffElapsed', region: 0, attempt: 1 },
  ] as const) {
    const { record, orders } = run([stale], now)
    t.same({ record, orders }, { record: now, orders: [] }, stale.kind)
  }
})

t.test('a lost slot is replaced, and its regions wait for the new one', async (t) => {
  const lost = run(
    [
      { kind: 'SlotLost', slot: 1 },
      { kind: 'RegionFailed', region: 0, attempt: 2, delayMs: 0 },
      { kind: 'RegionAborted', region: 0, attempt: 2, slot: 0 },
      { kind: 'BackoffElapsed', region: 0, attempt: 2 },
    ],
    started(),
  )
  t.same(
    lost.orders.map(({ kind }) => kind),
    ['ReplaceSlot', 'StartBackoff', 'AbortRegion'],
  )
  t.equal(lost.record.regions[0]!.phase, 'Waiting')
  const back = run([{ kind: 'SlotReady', slot: 1 }], lost.record)
  t.equal(back.record.regions[0]!.phase, 'Opening')
})

t.test(
  'slots that are lost with one, or while it is aborted, are no further failure',
  async (t) => {
    const accounted = ({ regions }: JobRecord) => regions[0]!.accounted
    const lose = (slot: number): JobStepEvent => ({ kind: 'SlotLost', slot })
    const failed: JobStepEvent = { kind: 'RegionFailed', region: 0, attempt: 2, delayMs: 0 }
    t.same(accounted(started()), [])
    const first = run([lose(1)], started()).record
    t.same(accounted(first), [0], 'before anything was decided')
    const aborting = run([failed], first).record
    t.same(accounted(aborting), [0])
    const both = run([lose(0)], aborting).record
    t.match(both.regions[0], { phase: 'Waiting', accounted: [] }, 'who follows is new')
    t.same(accounted(run([failed], started()).record), [0, 1], 'a failure without a loss')
  },
)

t.test('a slot that follows on one that was lost has failures of its own', async (t) => {
  const lose = (slot: number): JobStepEvent => ({ kind: 'SlotLost', slot })
  const failed: JobStepEvent = { kind: 'RegionFailed', region: 0, attempt: 2, delayMs: 0 }
  const waiting = run(
    [lose(1), failed, { kind: 'RegionAborted', region: 0, attempt: 2, slot: 0 }],
    started(),
  ).record
  t.same(waiting.regions[0]!.accounted, [0])
  const again = run([lose(1)], waiting).record
  t.match(again.regions[0], { phase: 'Waiting', accounted: [0] }, 'its successor was lost, too')
  const open = run([failed, ...ready, backOffOver(2)], again).record
  t.match(open.regions[0], { phase: 'Opening', accounted: [] })
})

t.test('a region that restarts while the job drains is told to drain again', async (t) => {
  const { orders } = run(
    [
      { kind: 'DrainRequested' },
      { kind: 'RegionFailed', region: 1, attempt: 1, delayMs: 0 },
      { kind: 'RegionAborted', region: 1, attempt: 1, slot: 0 },
      { kind: 'BackoffElapsed', region: 1, attempt: 1 },
      { kind: 'RegionOpened', region: 1, attempt: 3, slot: 0 },
    ],
    started(),
  )
  t.equal(orders.filter(({ kind }) => kind === 'DrainSources').length, 2)
})

t.test('every random history ends, in the state that was asked for, exactly once', async (t) => {
  for (let seed = 1; seed <= 2000; seed++) {
    const outcome = playRandomHistory(seed)
    if (outcome !== 'ok') t.fail(`seed ${seed}: ${outcome}`)
  }
})

const failed = (index: number): JobStepEvent => ({
  kind: 'SubtaskFailed',
  region: 0,
  attempt: 2,
  subtask: { chain: 0, index },
  slot: index,
  delayMs: 5,
})

t.test('a subtask is replaced by its own slot, then by the others, and starts last', async (t) => {
  const of = { region: 0, attempt: 2, subtask: { chain: 0, index: 1 } }
  const backoff = run([failed(1)], started())
  t.same(backoff.orders, [
    { kind: 'StartReplacementBackoff', region: 0, attempt: 2, revision: 3, delayMs: 5 },
  ])
  const due = run([{ kind: 'ReplacementDue', region: 0, attempt: 2, revision: 3 }], backoff.record)
  t.same(due.orders, [{ kind: 'ReplaceSubtask', ...of, revision: 4, slot: 1 }])
  const answer = { kind: 'SubtaskReplaced', region: 0, attempt: 2, revision: 4 } as const
  const early = run([{ ...answer, slot: 0 }], due.record)
  t.same(early.orders, [], 'nobody has asked slot 0 yet')
  const joining = run([{ ...answer, slot: 1 }], early.record)
  t.same(joining.orders, [{ kind: 'ReplaceSubtask', ...of, revision: 4, slot: 0 }])
  const joined = run([{ ...answer, slot: 0 }], joining.record)
  t.same(joined.orders, [{ kind: 'StartSubtask', ...of, revision: 4, slot: 1 }])
  t.equal(joined.record.state, 'Running')
  t.same(joined.record.regions[0]!.replacements, [])
})

t.test('of two replacements in one region, one waits for the other', async (t) => {
  const { record, orders } = run(
    [
      failed(0),
      failed(1),
      { kind: 'ReplacementDue', region: 0, attempt: 2, revision: 4 },
      { kind: 'ReplacementDue', region: 0, attempt: 2, revision: 3 },
    ],
    started(),
  )
  t.equal(orders.filter(({ kind }) => kind === 'ReplaceSubtask').length, 1)
  const done = run(
    [
      { kind: 'SubtaskReplaced', region: 0, attempt: 2, revision: 5, slot: 1 },
      { kind: 'SubtaskReplaced', region: 0, attempt: 2, revision: 5, slot: 0 },
    ],
    record,
  )
  t.same(
    done.orders.map(({ kind }) => kind),
    ['ReplaceSubtask', 'StartSubtask', 'ReplaceSubtask'],
  )
})

t.test('a replacement that fails begins again, whatever its old one still answers', async (t) => {
  const { record } = run(
    [failed(1), { kind: 'ReplacementDue', region: 0, attempt: 2, revision: 3 }, failed(1)],
    started(),
  )
  t.match(record.regions[0]!.replacements, [{ stage: 'BackingOff', revision: 5 }])
  const late = run(
    [
      { kind: 'SubtaskReplaced', region: 0, attempt: 2, revision: 4, slot: 1 },
      { kind: 'ReplacementDue', region: 0, attempt: 2, revision: 3 },
    ],
    record,
  )
  t.same(late, { record, orders: [] })
})

t.test('a failed region and an ending job take their replacements with them', async (t) => {
  for (const event of [
    { kind: 'RegionFailed', region: 0, attempt: 2, delayMs: 0 },
    { kind: 'JobFailed' },
    { kind: 'CancelRequested' },
  ] as const) {
    const { record } = run([failed(1), event], started())
    t.same(record.regions[0]!.replacements, [], event.kind)
    const due: JobStepEvent = { kind: 'ReplacementDue', region: 0, attempt: 2, revision: 3 }
    t.same(run([due], record).orders, [], 'its back-off means nothing any more')
  }
})

t.test('a source that was replaced while the job drains hears of it', async (t) => {
  const { orders } = run(
    [
      { kind: 'DrainRequested' },
      failed(1),
      { kind: 'ReplacementDue', region: 0, attempt: 2, revision: 3 },
      { kind: 'SubtaskReplaced', region: 0, attempt: 2, revision: 4, slot: 1 },
      { kind: 'SubtaskReplaced', region: 0, attempt: 2, revision: 4, slot: 0 },
    ],
    started(),
  )
  t.equal(orders.filter(({ kind }) => kind === 'DrainSources').length, 2)
})

/** Slots obey orders late and in random order; faults come until the seed says to stop. */
function playRandomHistory(seed: number): string {
  const random = seededRandom(seed)
  const pick = (n: number) => Math.floor(random() * n)
  let record = createJobRecord(REGIONS, 2)
  const pending: JobStepEvent[] = [...ready]
  const opened = new Map<string, number>()
  /** Subtasks of region 0 that have failed and were not started again. */
  const gaps = new Map<number, { open: number }>()
  let ends = 0
  let asked: 'Finished' | 'Cancelled' | 'Stopped' | 'Failed' = 'Finished'
  const feed = (event: JobStepEvent) => {
    const step = stepJob(record, event)
    record = step.record
    for (const order of step.orders) {
      if (order.kind === 'End') ends++
      if (order.kind === 'OpenRegion') {
        const key = `${order.region}/${order.slot}`
        if (order.attempt <= (opened.get(key) ?? 0)) throw new Error('attempts must grow')
        opened.set(key, order.attempt)
        pending.push({ ...order, kind: 'RegionOpened' })
      }
      if (order.kind === 'AbortRegion') pending.push({ ...order, kind: 'RegionAborted' })
      if (order.kind === 'StartBackoff') pending.push({ ...order, kind: 'BackoffElapsed' })
      if (order.kind === 'StartReplacementBackoff') {
        pending.push({ ...order, kind: 'ReplacementDue' })
      }
      if (order.kind === 'ReplaceSubtask') {
        const gap = gaps.get(order.subtask.index)
        if (gap === undefined) throw new Error('only what has failed is replaced')
        const isHost = order.slot === order.subtask.index
        if (isHost && order.revision <= gap.open) throw new Error('revisions must grow')
        if (isHost) gap.open = order.revision
        else if (order.revision !== gap.open) throw new Error('the host renews its ends first')
        pending.push({ ...order, kind: 'SubtaskReplaced' })
      }
      if (order.kind === 'StartSubtask' && !gaps.delete(order.subtask.index)) {
        throw new Error('only what was replaced is started')
      }
      if (order.kind === 'ReplaceSlot') pending.push({ kind: 'SlotReady', slot: order.slot })
    }
  }
  for (let steps = 0; steps < 400 && !isEnded(record.state); steps++) {
    const fault = steps < 60 ? pick(14) : 99
    const region = record.regions[pick(2)]!
    if (record.regions[0]!.phase !== 'Running') gaps.clear()
    if (fault === 0) {
      feed({ kind: 'RegionFailed', region: region.id, attempt: region.attempt, delayMs: 0 })
    } else if (fault === 1 && record.slotReady.every(Boolean)) {
      const slot = pick(2)
      feed({ kind: 'SlotLost', slot })
      // What the dead slot would have answered never comes.
      for (const event of pending.splice(0)) {
        if (!('slot' in event) || event.slot !== slot || event.kind === 'SlotReady')
          pending.push(event)
      }
      if (!pending.some((event) => event.kind === 'SlotReady') && !isEnded(record.state)) {
        pending.push({ kind: 'SlotReady', slot })
      }
      for (const { id, attempt, slots } of record.regions) {
        if (slots.includes(slot)) feed({ kind: 'RegionFailed', region: id, attempt, delayMs: 0 })
      }
    } else if ((fault === 12 || fault === 13) && record.regions[0]!.phase === 'Running') {
      // A subtask of region 0 fails: a live one, or one that was replaced and not started yet.
      const { attempt } = record.regions[0]!
      const index = pick(2)
      if (gaps.size < record.regions[0]!.unfinished || gaps.has(index)) {
        const subtask = { chain: 0, index }
        gaps.set(index, gaps.get(index) ?? { open: 0 })
        feed({ kind: 'SubtaskFailed', region: 0, attempt, subtask, slot: index, delayMs: 0 })
      }
    } else if (fault === 2 && random() < 0.05) {
      if (asked === 'Finished') asked = 'Cancelled'
      feed({ kind: 'CancelRequested' })
    } else if (fault === 4 && random() < 0.05) {
      if (asked === 'Finished') asked = 'Stopped'
      feed({ kind: 'StopRequested' })
    } else if (fault === 3 && random() < 0.05) {
      if (asked === 'Finished') asked = 'Failed'
      feed({ kind: 'JobFailed' })
    } else if (pending.length > 0) {
      feed(pending.splice(pick(pending.length), 1)[0]!)
    } else if (
      region.phase === 'Running' &&
      region.unfinished > (region.id === 0 ? gaps.size : 0)
    ) {
      feed({ kind: 'SubtaskFinished', region: region.id, attempt: region.attempt })
    }
  }
  if (ends !== 1) return `${ends} ends in ${JSON.stringify(record)}`
  return record.state === asked ? 'ok' : `asked ${asked}, ended ${record.state}`
}
