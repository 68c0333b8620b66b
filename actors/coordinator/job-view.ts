/** What is shown of a job in lists. */
import { isEnded } from '../../lib/job/job-record.js'
import type { JobBooks } from './job-books.js'
import type { JobLives } from './job-lives.js'
import type { JobPlaces } from './job-places.js'
import type { JobView } from './protocol.js'

export interface Shown {
  readonly books: JobBooks
  readonly places: JobPlaces
  readonly lives: JobLives
  /** Why it has failed. */
  readonly error: string | null
  /** For people, of one that runs on until it can be moved. */
  readonly waitsToMove: string | null
}

export function viewOf({ books, places, lives, error, waitsToMove }: Shown): JobView {
  const { id, pipeline, slots, submittedMs } = books.record
  const { state, move, waitsToBegin } = lives
  const moves = move === null ? waitsToMove : 'its next life to begin'
  return {
    id,
    pipeline,
    state,
    slots,
    restarts: books.restarts,
    sinceMs: submittedMs,
    waitsFor: isEnded(state) ? null : (places.waitsFor ?? waitsToBegin ?? moves),
    error,
  }
}
