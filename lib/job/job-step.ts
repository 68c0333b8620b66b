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
import { Draft, type OfAttempt } from './job-draft.js'
import type { JobStep, JobStepEvent } from './job-events.js'
import { ENDS, isEnded, isEnding, isToEnd, type JobRecord } from './job-record.js'
import { replacementDue, subtaskFailed, subtaskReplaced } from './replacement-steps.js'

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
    case 'StopRequested':
      endAll(draft, 'Stopping')
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

function endAll(draft: Draft, state: keyof typeof ENDS): void {
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
    draft.state = isToEnd(draft.state) ? ENDS[draft.state] : 'Finished'
    draft.order({ kind: 'End', state: draft.state })
  } else if (!isEnding(draft.state) && draft.state !== 'Draining') {
    const started = draft.attempts > 0
    const running = phases.every((phase) => phase === 'Running' || phase === 'Finished')
    if (running) draft.state = 'Running'
    else if (started && draft.state === 'Running') draft.state = 'Restarting'
  }
}
