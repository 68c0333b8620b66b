/**
 * The job's protocol: `step(record, event)` gives the next record and what is to be done.
 *
 * What the job actor observes comes in as events; what it must carry out comes back as orders. Events
 * of an older attempt, and answers nobody waits for, change nothing.
 *
 * ```
 * SlotReady ─┐                    ┌─ all opened → StartRegion
 * back-off ──┴→ Waiting → Opening ┘      Running ── all finished → Finished
 *                  ↑                        │ RegionFailed, SlotLost
 *                  └── all aborted ── Aborting ←┘   (job ending: → Stopped)
 * ```
 *
 * A job that a coordinator takes over from one before it begins with `Adopted`: its regions are Running, or
 * Finished, at the attempts that they had (`adoption.ts`).
 *
 * `SubtaskFailed` is for the replacement of one subtask of a running region (`replacement.ts`):
 *
 * ```
 * SubtaskFailed → BackingOff → Due → Opening ── SubtaskReplaced of its slot
 *                                      └→ Joining ── of all others → StartSubtask
 * ```
 */
import { assert, unreachable } from '../base/assert.js'
import type { SubtaskId } from '../graph/subtasks.js'
import type { Adopted } from './adoption.js'
import { isEnded, type JobRecord, type JobState, type RegionRecord } from './job-record.js'
import { begin, change, nextDue, type Replacements, without, withRevision } from './replacement.js'

export type JobStepEvent =
  /** First of all, and once: all slots are ready, and all regions run. */
  | ({ readonly kind: 'Adopted' } & Pick<Adopted, 'attempts' | 'regions'>)
  | { readonly kind: 'SlotReady'; readonly slot: number }
  /**
   * The slot is gone with everything in it. Failures of its regions follow as `RegionFailed`, but for those in
   * which it was `accounted` for.
   */
  | { readonly kind: 'SlotLost'; readonly slot: number }
  | {
      readonly kind: 'RegionOpened'
      readonly region: number
      readonly attempt: number
      readonly slot: number
    }
  | {
      readonly kind: 'RegionAborted'
      readonly region: number
      readonly attempt: number
      readonly slot: number
    }
  | { readonly kind: 'SubtaskFinished'; readonly region: number; readonly attempt: number }
  /** The decision was taken to restart the region after a back-off. */
  | {
      readonly kind: 'RegionFailed'
      readonly region: number
      readonly attempt: number
      readonly delayMs: number
    }
  | { readonly kind: 'BackoffElapsed'; readonly region: number; readonly attempt: number }
  /** The decision was taken to replace the subtask, which `slot` hosts, after a back-off. */
  | {
      readonly kind: 'SubtaskFailed'
      readonly region: number
      readonly attempt: number
      readonly subtask: SubtaskId
      readonly slot: number
      readonly delayMs: number
    }
  | ReplacementFact<'ReplacementDue'>
  /** The slot has renewed its ends; the one that hosts the subtask has opened the new one, too. */
  | (ReplacementFact<'SubtaskReplaced'> & { readonly slot: number })
  /** The decision was taken that the job fails. */
  | { readonly kind: 'JobFailed' }
  | { readonly kind: 'DrainRequested' }
  | { readonly kind: 'CancelRequested' }

interface ReplacementFact<K extends string> {
  readonly kind: K
  readonly region: number
  readonly attempt: number
  readonly revision: number
}

export type JobOrder =
  | {
      readonly kind: 'OpenRegion'
      readonly region: number
      readonly attempt: number
      readonly slot: number
    }
  | {
      readonly kind: 'StartRegion'
      readonly region: number
      readonly attempt: number
      readonly slot: number
    }
  | {
      readonly kind: 'AbortRegion'
      readonly region: number
      readonly attempt: number
      readonly slot: number
    }
  | {
      readonly kind: 'StartBackoff'
      readonly region: number
      readonly attempt: number
      readonly delayMs: number
    }
  | (ReplacementFact<'StartReplacementBackoff'> & { readonly delayMs: number })
  | (ReplacementFact<'ReplaceSubtask'> & { readonly subtask: SubtaskId; readonly slot: number })
  | (ReplacementFact<'StartSubtask'> & { readonly subtask: SubtaskId; readonly slot: number })
  | { readonly kind: 'ReplaceSlot'; readonly slot: number }
  | { readonly kind: 'DrainSources' }
  /** The job has reached its last state. */
  | { readonly kind: 'End'; readonly state: JobState }

export interface JobStep {
  readonly record: JobRecord
  readonly orders: readonly JobOrder[]
}

export function stepJob(record: JobRecord, event: JobStepEvent): JobStep {
  if (isEnded(record.state)) return { record, orders: [] }
  const draft = new Draft(record)
  switch (event.kind) {
    case 'Adopted':
      adopted(draft, event)
      break
    case 'SlotReady':
      draft.setSlot(event.slot, true)
      break
    case 'SlotLost':
      slotLost(draft, event.slot)
      break
    case 'RegionOpened':
      regionOpened(draft, event)
      break
    case 'RegionAborted':
      regionAborted(draft, event)
      break
    case 'SubtaskFinished':
      subtaskFinished(draft, event)
      break
    case 'RegionFailed':
      regionFailed(draft, event)
      break
    case 'BackoffElapsed':
      draft.endBackoff(event)
      break
    case 'SubtaskFailed':
      subtaskFailed(draft, event)
      break
    case 'ReplacementDue':
      replacementDue(draft, event)
      break
    case 'SubtaskReplaced':
      subtaskReplaced(draft, event)
      break
    case 'JobFailed':
      endAll(draft, 'Failing')
      break
    case 'CancelRequested':
      endAll(draft, 'Cancelling')
      break
    case 'DrainRequested':
      drain(draft)
      break
    default:
      unreachable(event)
  }
  openWaiting(draft)
  settle(draft)
  return draft.finish()
}

interface OfAttempt {
  readonly region: number
  readonly attempt: number
}

function adopted(draft: Draft, { attempts, regions }: JobStepEvent & { kind: 'Adopted' }): void {
  assert(draft.attempts === 0, 'a job is adopted before anything of it is opened')
  draft.attempts = attempts
  draft.slotReady.fill(true)
  for (const [id, { attempt, unfinished }] of regions.entries()) {
    const phase = unfinished === 0 ? 'Finished' : 'Running'
    draft.update(id, (was) => ({ ...was, phase, attempt, unfinished }))
  }
}

function slotLost(draft: Draft, slot: number): void {
  draft.setSlot(slot, false)
  for (const region of draft.regions) {
    if (!region.slots.includes(slot)) continue
    const { awaited, accounted, slots } = region
    const left = accounted.includes(slot) ? accounted : slots
    // A dead slot has aborted whatever it hosted; it answers nothing any more.
    draft.update(region.id, (was) => ({
      ...was,
      awaited: awaited.filter((s) => s !== slot),
      accounted: left.filter((s) => s !== slot),
    }))
    if (region.phase === 'Aborting') afterAbort(draft, region.id)
  }
  if (!isEnding(draft.state)) draft.order({ kind: 'ReplaceSlot', slot })
}

function regionOpened(draft: Draft, event: OfAttempt & { readonly slot: number }): void {
  const region = draft.find(event, 'Opening')
  if (region === null) return
  const awaited = region.awaited.filter((slot) => slot !== event.slot)
  draft.update(region.id, (was) => ({ ...was, awaited }))
  if (awaited.length > 0) return
  draft.update(region.id, (was) => ({ ...was, phase: 'Running' }))
  for (const slot of region.slots) {
    draft.order({ kind: 'StartRegion', region: region.id, attempt: region.attempt, slot })
  }
  // A region that restarts while the job drains has sources that have not heard of it.
  if (draft.state === 'Draining') draft.order({ kind: 'DrainSources' })
}

function subtaskFinished(draft: Draft, event: OfAttempt): void {
  const region = draft.find(event, 'Running')
  if (region === null) return
  const unfinished = region.unfinished - 1
  draft.update(region.id, (was) => ({
    ...was,
    unfinished,
    phase: unfinished === 0 ? 'Finished' : was.phase,
  }))
}

function regionFailed(draft: Draft, event: OfAttempt & { readonly delayMs: number }): void {
  const deployed = draft.find(event, 'Running') ?? draft.find(event, 'Opening')
  // One that waits has nothing to abort, but its slot died once more: it waits longer.
  const region = deployed ?? draft.find(event, 'Waiting')
  if (region === null) return
  const { delayMs } = event
  draft.update(region.id, (was) => ({ ...was, backingOff: true }))
  draft.order({ kind: 'StartBackoff', region: region.id, attempt: region.attempt, delayMs })
  if (deployed !== null) abort(draft, region.id)
}

// ---- replacements -----------------------------------------------------------------------------

function subtaskFailed(draft: Draft, event: JobStepEvent & { kind: 'SubtaskFailed' }): void {
  const region = draft.find(event, 'Running')
  if (region === null) return
  const { subtask, slot, delayMs } = event
  const revision = draft.nextAttempt()
  const { id, attempt } = region
  draft.setReplacements(id, begin(region.replacements, subtask, slot, revision))
  draft.order({ kind: 'StartReplacementBackoff', region: id, attempt, revision, delayMs })
  openDue(draft, id)
}

function replacementDue(draft: Draft, event: ReplacementFact<'ReplacementDue'>): void {
  const region = draft.find(event, 'Running')
  if (region === null || withRevision(region.replacements, event.revision) === null) return
  draft.setReplacements(region.id, change(region.replacements, event, { stage: 'Due' }))
  openDue(draft, region.id)
}

/** Opens the next replacement of the region, unless one is under way. */
function openDue(draft: Draft, id: number): void {
  const { replacements, attempt } = draft.regions[id]!
  const due = nextDue(replacements)
  if (due === null) return
  const { subtask, slot } = due
  const revision = draft.nextAttempt()
  draft.setReplacements(
    id,
    change(replacements, due, { stage: 'Opening', revision, awaited: [slot] }),
  )
  draft.order({ kind: 'ReplaceSubtask', region: id, attempt, revision, subtask, slot })
}

function subtaskReplaced(
  draft: Draft,
  event: ReplacementFact<'SubtaskReplaced'> & { readonly slot: number },
): void {
  const region = draft.find(event, 'Running')
  const found = region === null ? null : withRevision(region.replacements, event.revision)
  if (region === null || found === null || !found.awaited.includes(event.slot)) return
  const { id, attempt, replacements } = region
  const { subtask, revision, stage } = found
  const isHost = stage === 'Opening'
  const awaited = (isHost ? region.slots : found.awaited).filter((slot) => slot !== event.slot)
  if (isHost) {
    for (const slot of awaited) {
      draft.order({ kind: 'ReplaceSubtask', region: id, attempt, revision, subtask, slot })
    }
  }
  if (awaited.length > 0) {
    draft.setReplacements(id, change(replacements, found, { stage: 'Joining', awaited }))
    return
  }
  draft.setReplacements(id, without(replacements, found))
  const { slot } = found
  draft.order({ kind: 'StartSubtask', region: id, attempt, revision, subtask, slot })
  // A new source has not heard that the job drains.
  if (draft.state === 'Draining') draft.order({ kind: 'DrainSources' })
  openDue(draft, id)
}

// ---- the end of an attempt --------------------------------------------------------------------

function regionAborted(draft: Draft, event: OfAttempt & { readonly slot: number }): void {
  const region = draft.find(event, 'Aborting')
  if (region === null) return
  draft.update(region.id, (was) => ({
    ...was,
    awaited: was.awaited.filter((slot) => slot !== event.slot),
  }))
  afterAbort(draft, region.id)
}

function afterAbort(draft: Draft, id: number): void {
  if (draft.regions[id]!.awaited.length > 0) return
  draft.update(id, (was) => ({ ...was, phase: isEnding(draft.state) ? 'Stopped' : 'Waiting' }))
}

/** Orders every live slot of the region to stop its part. */
function abort(draft: Draft, id: number): void {
  const region = draft.regions[id]!
  const awaited = region.slots.filter((slot) => draft.slotReady[slot])
  draft.update(id, (was) => ({
    ...was,
    phase: 'Aborting',
    awaited,
    accounted: awaited,
    replacements: [],
  }))
  for (const slot of awaited) {
    draft.order({ kind: 'AbortRegion', region: id, attempt: region.attempt, slot })
  }
  afterAbort(draft, id)
}

function endAll(draft: Draft, state: 'Failing' | 'Cancelling'): void {
  // A failure found while cancelling does not undo the cancellation, nor the other way round.
  if (isEnding(draft.state)) return
  draft.state = state
  for (const { id, phase } of draft.regions) {
    if (phase === 'Running' || phase === 'Opening') abort(draft, id)
    else if (phase === 'Waiting') draft.update(id, (was) => ({ ...was, phase: 'Stopped' }))
  }
}

function drain(draft: Draft): void {
  if (isEnding(draft.state) || draft.state === 'Draining') return
  draft.state = 'Draining'
  draft.order({ kind: 'DrainSources' })
}

/** Opens every region that waits for nothing any more. */
function openWaiting(draft: Draft): void {
  if (isEnding(draft.state)) return
  for (const region of draft.regions) {
    if (region.phase !== 'Waiting' || region.backingOff) continue
    if (!region.slots.every((slot) => draft.slotReady[slot])) continue
    const attempt = draft.nextAttempt()
    draft.update(region.id, (was) => ({
      ...was,
      phase: 'Opening',
      attempt,
      awaited: was.slots,
      accounted: [],
      unfinished: was.subtasks,
    }))
    for (const slot of region.slots) {
      draft.order({ kind: 'OpenRegion', region: region.id, attempt, slot })
    }
  }
}

/** Derives the job's state from that of its regions. */
function settle(draft: Draft): void {
  const phases = draft.regions.map((region) => region.phase)
  const done = phases.every((phase) => phase === 'Finished' || phase === 'Stopped')
  if (done) {
    draft.state =
      draft.state === 'Failing' ? 'Failed' : draft.state === 'Cancelling' ? 'Cancelled' : 'Finished'
    draft.order({ kind: 'End', state: draft.state })
  } else if (!isEnding(draft.state) && draft.state !== 'Draining') {
    const started = draft.attempts > 0
    const running = phases.every((phase) => phase === 'Running' || phase === 'Finished')
    if (running) draft.state = 'Running'
    else if (started && draft.state === 'Running') draft.state = 'Restarting'
  }
}

const isEnding = (state: JobState): boolean =>
  state === 'Failing' || state === 'Cancelling' || isEnded(state)

/** The next record while it is being made, and the orders that go with it. */
class Draft {
  state: JobState
  attempts: number
  readonly regions: RegionRecord[]
  readonly slotReady: boolean[]
  readonly #orders: JobOrder[] = []

  constructor(record: JobRecord) {
    this.state = record.state
    this.attempts = record.attempts
    this.regions = [...record.regions]
    this.slotReady = [...record.slotReady]
  }

  /** The region if it is in this phase at this attempt, else null: then the event is stale. */
  find(event: OfAttempt, phase: RegionRecord['phase']): RegionRecord | null {
    const region = this.regions[event.region]!
    return region.attempt === event.attempt && region.phase === phase ? region : null
  }

  update(id: number, change: (region: RegionRecord) => RegionRecord): void {
    this.regions[id] = change(this.regions[id]!)
  }

  setReplacements(id: number, replacements: Replacements): void {
    this.update(id, (region) => ({ ...region, replacements }))
  }

  endBackoff(event: OfAttempt): void {
    const { attempt, backingOff } = this.regions[event.region]!
    if (attempt !== event.attempt || !backingOff) return
    this.update(event.region, (was) => ({ ...was, backingOff: false }))
  }

  setSlot(slot: number, ready: boolean): void {
    this.slotReady[slot] = ready
  }

  nextAttempt(): number {
    this.attempts++
    return this.attempts
  }

  order(order: JobOrder): void {
    this.#orders.push(order)
  }

  finish(): JobStep {
    const { state, attempts, regions, slotReady } = this
    return { record: { state, attempts, regions, slotReady }, orders: this.#orders }
  }
}
