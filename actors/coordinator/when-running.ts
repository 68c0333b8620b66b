import type { Job } from '../job/job.js'

/** Resolves when it runs, or has ended without failure; rejects where it fails before. */
export function whenRunning(life: Job): Promise<void> {
  return new Promise((resolve, reject) => {
    if (life.state === 'Running') return resolve()
    const watching = life.events$.subscribe({
      next: (event) => {
        if (event.kind !== 'StateChanged' || event.to !== 'Running') return
        watching.unsubscribe()
        resolve()
      },
      error: () => {},
    })
    life.done.then(() => resolve(), reject)
  })
}
