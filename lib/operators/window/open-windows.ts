/** Opens a windowed operator in a subtask: its state, its kind of windows, and the shell around them. */
import type { OperatorFunction } from 'rxjs'
import { keyGroupOf } from '../../base/key.js'
import { copyPlain } from '../../state/copy-plain.js'
import type { WindowPlan } from '../../window/assigner.js'
import {
  eventTimeTrigger,
  neverTrigger,
  processingTimeTrigger,
  type Trigger,
} from '../../window/trigger.js'
import type { Aggregation } from '../aggregation.js'
import type { OperatorContext } from '../operator.js'
import type { Signal } from '../signal.js'
import { type Counted, CountedWindows } from './counted-windows.js'
import { copyGathered, type Gathered } from './gathered.js'
import { GatheringWindows } from './gathering-windows.js'
import { copyKeySlices, type KeySlices, type ListedSlices } from './key-slices.js'
import { lateRecords } from './late-records.js'
import type { PaneRecords } from './pane.js'
import { accumulating, foldAll, joiningParts, keeping, type PaneFold } from './pane-fold.js'
import { PanedWindows, type PaneSource } from './paned-windows.js'
import { copyKeySessions, type KeySessions, SessionWindows } from './session-windows.js'
import type { SessionPart } from './sessions-before.js'
import { SlicedWindows, type SliceFold } from './sliced-windows.js'
import { windowFunction } from './window-function.js'
import { windowOperator } from './window-operator.js'
import { WindowOutput } from './window-output.js'
import {
  gathers,
  isSliced,
  speaksOnce,
  type WindowContent,
  type WindowSettings,
} from './window-settings.js'
import type { Windows } from './windows.js'

/** `before`: what the half before the exchange has made of the records. */
export function openWindows(
  context: OperatorContext,
  window: WindowSettings,
  content: WindowContent,
  before: 'aggregate' | 'project' | null,
): OperatorFunction<Signal, Signal> {
  const { assigner, late } = window
  return windowOperator(context, () => ({
    windows: gathers(window, content.aggregation)
      ? openGathering(context, window, content.sided)
      : openKind(context, window, content.aggregation, before),
    output: new WindowOutput(context, {
      result: content.aggregation?.result ?? null,
      apply:
        content.apply === null
          ? null
          : windowFunction(context, content, gathers(window, content.aggregation)),
      timed: assigner.time === 'event',
    }),
    late: lateRecords(context, late),
    time: assigner.time,
  }))
}

function openKind(
  context: OperatorContext,
  window: WindowSettings,
  given: Aggregation | null,
  before: 'aggregate' | 'project' | null,
): Windows {
  const aggregation = before === 'project' ? { ...given!, select: null } : given
  if (window.assigner.plan.by === 'count') return openCounted(context, window, aggregation)
  if (isSliced(window, given)) return openSliced(context, window, aggregation, before)
  const isPartial = before === 'aggregate'
  const { plan } = window.assigner
  if (plan.by === 'gap' && speaksOnce(window)) {
    return openSessions(context, plan, aggregation, isPartial)
  }
  return openPaned(context, window, aggregation, isPartial)
}

type SlicePlan = Extract<WindowPlan, { by: 'slices' }>
type GapPlan = Extract<WindowPlan, { by: 'gap' }>
type CountPlan = Extract<WindowPlan, { by: 'count' }>

function openSliced(
  context: OperatorContext,
  { assigner, latenessMs }: WindowSettings,
  aggregation: Aggregation | null,
  before: 'aggregate' | 'project' | null,
): Windows {
  const { slicing } = assigner.plan as SlicePlan
  return new SlicedWindows({
    slicing,
    fold: aggregation === null ? lists : sliceFold(aggregation, before === 'aggregate'),
    latenessMs,
    byClock: assigner.time === 'processing',
    state: context.state.value('slices', {
      mutable: true,
      copy: (of: KeySlices) => copyKeySlices(of, aggregation === null ? copyList : copyPlain),
    }),
    groupOf: groupOf(context),
    operator: context.operator,
  })
}

function openGathering(
  context: OperatorContext,
  { assigner }: WindowSettings,
  sided: boolean,
): Windows {
  return new GatheringWindows({
    slicing: (assigner.plan as SlicePlan).slicing,
    sided,
    state: context.state.value<Gathered>('gathered', { mutable: true, copy: copyGathered }),
    former: context.state.value<KeySlices | ListedSlices>('slices', { mutable: true }),
    groupOf: groupOf(context),
  })
}

const groupOf =
  ({ keyed, maxParallelism }: OperatorContext) =>
  (key: unknown): number =>
    keyed ? keyGroupOf(key, maxParallelism) : 0

/** `partial`: the input are accumulators. */
function sliceFold({ begin, add, merge, select }: Aggregation, partial: boolean): SliceFold {
  if (partial) return { begin: (input) => input, add: merge!, merge, sumAll: null }
  if (select === null) return { begin, add, merge, sumAll: null }
  return {
    begin: (record) => begin(select(record)),
    add: (accumulator, record) => add(accumulator, select(record)),
    merge,
    sumAll: null,
  }
}

/** Slices that keep their records. The lists never leave their state: what is shown is a copy. */
const lists: SliceFold = {
  begin: (record) => [record],
  add(list, record) {
    ;(list as unknown[]).push(record)
    return list
  },
  merge: null,
  sumAll: (values, from, to) =>
    to - from === 1
      ? (values[from] as unknown[]).slice()
      : ([] as unknown[]).concat(...values.slice(from, to)),
}

/** Records never change, lists of them do. */
const copyList = (list: unknown): unknown => (list as unknown[]).slice()

/** `partial`: the input are parts of sessions. */
function openSessions(
  context: OperatorContext,
  plan: GapPlan,
  aggregation: Aggregation | null,
  partial: boolean,
): Windows {
  const fold = foldOf(plan, aggregation, null, partial)
  return new SessionWindows({
    endOf: endOf(plan, partial),
    fold,
    show: fold.keeps ? (content, span) => fold.show(content, span).shown : null,
    state: context.state.value(fold.keeps ? 'session records' : 'sessions', {
      mutable: true,
      copy: (of: KeySessions) => copyKeySessions(of, fold.copy),
    }),
    groupOf: groupOf(context),
  })
}

function openPaned(
  context: OperatorContext,
  { assigner, trigger, evictor, latenessMs }: WindowSettings,
  aggregation: Aggregation | null,
  partial: boolean,
): Windows {
  const { clock } = context
  return new PanedWindows({
    source: paneSource(assigner.plan, partial),
    fold: foldOf(assigner.plan, aggregation, evictor, partial),
    trigger: (trigger ?? DEFAULT_TRIGGERS[assigner.time]()) as Trigger,
    latenessMs,
    endsBy: ({ event: 'event', processing: 'clock', none: 'nothing' } as const)[assigner.time],
    state: context.state,
    errors: context.errors,
    nowMs: () => clock.wallTime(),
  })
}

/** `partial`: the input are parts of sessions. */
function paneSource(plan: WindowPlan, partial: boolean): PaneSource {
  if (plan.by !== 'gap') return plan as PaneSource
  return { by: 'gap', endOf: endOf(plan, partial) }
}

/** Where the session of an input ends, if nothing follows. */
function endOf(plan: GapPlan, partial: boolean): (input: unknown, timeMs: number) => number {
  if (partial) return (part) => (part as SessionPart).end
  return (record, timeMs) => timeMs + plan.gapMs(record)
}

const foldOf = (
  plan: WindowPlan,
  aggregation: Aggregation | null,
  evictor: WindowSettings['evictor'],
  partial: boolean,
): PaneFold =>
  partial ? joiningParts(aggregation!) : paneFold(aggregation, evictor as never, plan.by === 'gap')

const DEFAULT_TRIGGERS = {
  event: eventTimeTrigger,
  processing: processingTimeTrigger,
  none: neverTrigger,
}

/** Accumulates where it can: not where records may be taken out again, or windows that cannot merge. */
function paneFold(
  aggregation: Aggregation | null,
  evictor: Parameters<typeof keeping>[1],
  merges: boolean,
): PaneFold {
  if (aggregation === null) return keeping((records) => records, evictor)
  const accumulates = evictor === null && (!merges || aggregation.merge !== null)
  return accumulates ? accumulating(aggregation) : keeping(foldAll(aggregation), evictor)
}

function openCounted(
  context: OperatorContext,
  { assigner }: WindowSettings,
  aggregation: Aggregation | null,
): Windows {
  const { size, slide } = assigner.plan as CountPlan
  const overlap = size !== slide
  const records = aggregation === null ? (all: unknown[]) => all : foldAll(aggregation)
  const fold = aggregation === null || overlap ? keeping(records, null) : accumulating(aggregation)
  return new CountedWindows({
    size,
    slide,
    fold,
    trim: overlap ? (content) => trim(content as PaneRecords, size) : null,
    state: context.state.value(fold.keeps ? 'counted records' : 'counted', {
      mutable: true,
      copy: (of: Counted) => ({ ...of, value: of.filled ? fold.copy(of.value) : undefined }),
    }),
  })
}

function trim(content: PaneRecords, size: number): PaneRecords {
  const { records, times } = content
  // More than one where there were to be more before a restore.
  while (records.length > size) {
    records.shift()
    times.shift()
  }
  return content
}
