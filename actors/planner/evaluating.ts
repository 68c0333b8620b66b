/**
 * Knows whether a job module is being evaluated in this thread, so that `run` can refuse to start a
 * job from there: the module is evaluated once in every worker, and would start a job in each.
 *
 * A loaded bundle reports its own beginning and end: nothing else of the thread's can run between
 * them, so a job that is started elsewhere while a module loads is not mistaken for one.
 */
import { MillraceError } from '../../lib/base/errors.js'

const evaluating = new Set<string>()
let isJobThread = false

export const enterJobModule = (source: string): void => {
  evaluating.add(source)
}

export const leaveJobModule = (source: string): void => {
  evaluating.delete(source)
}

/** Calls a job module's function on behalf of `source`. */
export function evaluatingJobModule<T>(source: string, call: () => T): T {
  enterJobModule(source)
  try {
    return call()
  } finally {
    leaveJobModule(source)
  }
}

/** Says that this thread evaluates job modules and does nothing else. */
export const declareJobThread = (): void => {
  isJobThread = true
}

export const isEvaluatingJobModule = (): boolean => isJobThread || evaluating.size > 0

/** For `run`: throws E_RUN_IN_JOB_MODULE when called by a job module. */
export function assertOutsideJobModule(): void {
  if (!isEvaluatingJobModule()) return
  throw new MillraceError(
    'E_RUN_IN_JOB_MODULE',
    "run() was called by a job module. Every worker evaluates the job module, and each would start the job again. Keep run() in a file of its own: run(new URL('./job.ts', import.meta.url)).",
  )
}
