/** How the replacement of a subtask goes on: the part of `job-step.ts` that is about `SubtaskFailed`. */
import type { Draft } from './job-draft.js'
import type { JobStepEvent, ReplacementFact } from './job-events.js'
import { begin, change, nextDue, without, withRevision } from './replacement.js'

export function subtaskFailed(draft: Draft, event: JobStepEvent & { kind: 'SubtaskFailed' }): void {
  const region = draft.find(event, 'Running')
  if (region === null) return
  const { subtask, slot, delayMs } = event
  const revision = draft.nextAttempt()
  const { id, attempt } = region
  draft.setReplacements(id, begin(region.replacements, subtask, slot, revision))
  draft.order({ kind: 'StartReplacementBackoff', region: id, attempt, revision, delayMs })
  openDue(draft, id)
}

export function replacementDue(draft: Draft, event: ReplacementFact<'ReplacementDue'>): void {
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

export function subtaskReplaced(
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
