/** Runs a hook that releases resources: whatever it does, `done` is called once, within the deadline. */
import type { Clock } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'

export function release(
  hook: () => void | Promise<void>,
  clock: Clock,
  timeoutMs: number,
  onFailed: (thrown: unknown) => void,
  done: () => void,
): void {
  let result: unknown
  try {
    result = hook()
  } catch (thrown) {
    onFailed(thrown)
  }
  if (isThenable(result)) waitFor(result, clock, timeoutMs, onFailed, done)
  else done()
}

function waitFor(
  result: PromiseLike<unknown>,
  clock: Clock,
  timeoutMs: number,
  onFailed: (thrown: unknown) => void,
  done: () => void,
): void {
  let isOver = false
  const finish = (failed: boolean, thrown: unknown): void => {
    // What comes after the deadline comes too late to matter to anyone.
    if (isOver) return
    isOver = true
    cancel()
    if (failed) onFailed(thrown)
    done()
  }
  const cancel = clock.after(timeoutMs, () => finish(true, overdue(timeoutMs)))
  result.then(
    () => finish(false, null),
    (thrown) => finish(true, thrown),
  )
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function'

function overdue(timeoutMs: number): MillraceError {
  const message = `'stopped' was still not done after ${timeoutMs} ms; it is no longer waited for`
  return new MillraceError('E_STOP_TIMEOUT', message, { details: { timeoutMs } })
}
