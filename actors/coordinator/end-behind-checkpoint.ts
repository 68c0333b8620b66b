/** Ends the life of a job so that another can go on from where it was. */
import type { Job } from '../job/job.js'

/**
 * Behind a checkpoint of its own; behind the last one before where it does not run, or no longer does: one that
 * restarts may wait for slots for minutes, and what it could write then lies no further.
 *
 * `isWhole`: each of its slots has a place; one that runs may wait for a slot on which nothing of it is.
 * Rejects where it runs and cannot write one: then it goes on.
 */
export async function endBehindCheckpoint(life: Job, isWhole: boolean): Promise<void> {
  const mayStop = life.state === 'Running' || (life.state === 'Draining' && isWhole)
  if (!mayStop) return life.cancel()
  const restarting = untilItRestarts(life)
  const stopping = life.stop()
  const isStopped = stopping.then(() => true)
  isStopped.catch(() => {})
  try {
    if (!(await Promise.race([isStopped, restarting.seen]))) await life.cancel()
  } finally {
    restarting.forget()
  }
}

function untilItRestarts(life: Job): { readonly seen: Promise<false>; forget(): void } {
  let isPast = true
  let see = () => {}
  const seen = new Promise<false>((resolve) => {
    see = () => resolve(false)
  })
  const watching = life.events$.subscribe({
    next: ({ kind }) => {
      if (!isPast && kind === 'RegionRestarting') see()
    },
    error: () => {},
  })
  // What has happened so far comes first, at once.
  isPast = false
  return { seen, forget: () => watching.unsubscribe() }
}
