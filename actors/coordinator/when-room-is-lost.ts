/** Watches a life that has begun with another number of slots than the job had. Decides: `lib/placement/rescale-steps.ts`. */
import type { Cancel, Clock } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import { goesBack } from '../../lib/placement/rescale-steps.js'

export interface Trial {
  readonly clock: Clock
  /** It has its places. */
  isOver(): boolean
  /** It waits for them. */
  waits(): boolean
  lacking(): Promise<string | null>
}

const LOOK_MS = 500

/** Calls back where it is to be given up, with what is missing. At most once. */
export function whenRoomIsLost(trial: Trial, give: (reason: MillraceError) => void): Cancel {
  let isOver = false
  let stop: Cancel = () => {}
  const lookLater = () => {
    stop = trial.clock.after(LOOK_MS, () => void look())
  }
  const look = async () => {
    const lacking = trial.waits() ? await trial.lacking() : null
    if (isOver || trial.isOver()) return
    if (goesBack({ waits: trial.waits(), lacking })) return give(lost(lacking!))
    lookLater()
  }
  lookLater()
  return () => {
    isOver = true
    stop()
  }
}

const lost = (lacking: string): MillraceError =>
  new MillraceError('E_NO_SLOT', `slots have gone meanwhile: ${lacking}`, { retryable: true })
