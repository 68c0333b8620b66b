/** Work that takes long, in steps of some ms, between which other subtasks have their turns. */
import type { OperatorContext } from '../operator.js'
import type { Outlet } from '../signal-operator.js'

export interface LongWork {
  /** True while there is something to be done before the next signal. */
  readonly busy: boolean
  step(): void
  /** Called when there is nothing left to be done, for now; may make it busy again. */
  rested(): void
}

/** What it returns is to be called whenever the work may have become busy. */
export function stepwise(
  context: OperatorContext,
  out: Outlet<unknown>,
  work: LongWork,
): () => void {
  const deferred = out.deferred(() => {
    work.step()
    if (!work.busy) work.rested()
    if (work.busy) context.wake(deferred)
    return !work.busy
  })
  return () => {
    if (work.busy) context.wake(deferred)
  }
}
