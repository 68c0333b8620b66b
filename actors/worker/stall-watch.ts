/**
 * Watches the subtasks of one thread from another: reports one that makes no progress within a second,
 * with the stack of what it is doing, and asks for its end after `stallMs`.
 *
 * While a debugger is open (`--inspect`) nobody is judged: who stands at a breakpoint is not stuck.
 */
import inspector from 'node:inspector'
import type { Cancel, Clock } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import type { Plan } from '../../lib/graph/plan.js'
import { slotOf, subtasksOf } from '../../lib/graph/subtasks.js'
import { column, counterRow } from '../../lib/metrics/counters.js'
import { createStallJudge, type Stall } from '../../lib/metrics/stall.js'
import type { Vitals } from '../../lib/metrics/vitals.js'
import type { SlotEvent, SubtaskId } from './protocol.js'

const SAMPLE_MS = 200
/** With a sample's delay and the time to take a stack, the report is out within a second. */
const REPORT_MS = 700
/** Samples further apart say that the watcher itself was held up. */
const GAP_MS_MAX = 5 * SAMPLE_MS

export interface WatchedSubtask extends SubtaskId {
  /** Row of its counters. */
  readonly row: number
  /** Name of its chain. */
  readonly operator: string
}

export type SubtaskStalled = Extract<SlotEvent, { kind: 'SubtaskStalled' }>

export interface StallWatchOptions {
  readonly subtasks: readonly WatchedSubtask[]
  readonly counters: SharedArrayBuffer
  readonly vitals: Vitals
  readonly stallMs: number
  readonly clock: Clock
  /** What the thread is doing, or null where that cannot be seen. */
  readonly stack: () => Promise<string | null>
  readonly onStalled: (event: SubtaskStalled, operator: string) => void
  readonly onKill: (error: MillraceError) => void
  /** At every sample that finds the same turn still running as the sample before. */
  readonly onLongTurn?: (subtask: WatchedSubtask) => void
}

export function watchForStalls(options: StallWatchOptions): Cancel {
  const { subtasks, vitals, stallMs, clock } = options
  const rows = subtasks.map(({ row }) => counterRow(options.counters, row))
  const judge = createStallJudge({
    reportMs: Math.min(REPORT_MS, stallMs),
    stallMs,
    gapMsMax: GAP_MS_MAX,
  })
  const stacks = new Map<number, string | null>()
  const turns = rows.map(() => Number.NaN)
  let stopped = false
  let cancel: Cancel = () => {}

  const read = (row: Float64Array) => ({
    progress: row[column.progress]!,
    inTurn: row[column.inTurn] === 1,
    hasInput: row[column.hasInput] === 1,
  })

  async function report({ subtask, stalledMs }: Stall): Promise<void> {
    // Without one it is a report, too; a watcher that failed would take its process with it.
    const stack = await options.stack().catch(() => null)
    if (stopped) return
    stacks.set(subtask, stack)
    const { chain, index, operator } = subtasks[subtask]!
    const event = { kind: 'SubtaskStalled', subtask: { chain, index }, stalledMs, stack } as const
    options.onStalled(event, operator)
  }

  function look(): void {
    const readings = rows.map(read)
    for (const stall of judge.judge(clock.now(), vitals.beats, readings)) {
      if (stall.kind === 'report') void report(stall)
      else options.onKill(stalled(subtasks[stall.subtask]!, stall, stacks))
    }
    readings.forEach(({ inTurn, progress }, at) => {
      if (inTurn && turns[at] === progress) options.onLongTurn?.(subtasks[at]!)
      turns[at] = inTurn ? progress : Number.NaN
    })
  }

  function sample(): void {
    if (inspector.url() === undefined) look()
    if (!stopped) cancel = clock.after(SAMPLE_MS, sample)
  }

  sample()
  return () => {
    stopped = true
    cancel()
  }
}

/** The subtasks of a slot, with their rows: in the order of the plan. */
export function subtasksOfSlot(plan: Plan, slot: number, slots: number): readonly WatchedSubtask[] {
  return subtasksOf(plan)
    .map((subtask, row) => ({ ...subtask, row, operator: plan.chains[subtask.chain]!.name }))
    .filter(({ index }) => slotOf(index, slots) === slot)
}

function stalled(
  { operator, index }: WatchedSubtask,
  { subtask, stalledMs }: Stall,
  stacks: ReadonlyMap<number, string | null>,
): MillraceError {
  const stack = stacks.get(subtask)
  return new MillraceError(
    'E_STALLED',
    `"${operator}" (subtask ${index}) made no progress for ${Math.round(stalledMs)} ms` +
      (stack ? `; before that it was\n${stack}\n` : ''),
    { retryable: true, details: { operator, subtask: index, stalledMs } },
  )
}
