/**
 * What a failure of a region means for the job: start it again, or fail.
 *
 * Without a checkpoint a region starts again from the beginning of its input, which needs sources that
 * replay. An error that says of itself that trying again is of no use fails the job at once, unless
 * the user's `decide` says otherwise.
 */
import type { Clock } from '../../lib/base/clock.js'
import type { ErrorData } from '../../lib/base/errors.js'
import type { Random } from '../../lib/base/random.js'
import {
  attemptOf,
  decided,
  judge,
  noRestarts,
  type Restarts,
} from '../../lib/supervision/decision.js'
import type { Failure } from '../../lib/supervision/failure.js'
import type { Supervision } from '../../lib/supervision/strategy.js'

export type RestartOutcome =
  | { readonly kind: 'restart'; readonly delayMs: number; readonly failure: Failure }
  | { readonly kind: 'fail'; readonly reason: string; readonly failure: Failure }

export interface RestartPolicy {
  /** Which attempt of the region fails now: 1 plus its restarts so far. */
  attemptOf(region: number): number
  /** `canRestart`: all its sources can be read again from the beginning, or accept the loss. */
  decide(region: number, failure: Failure, canRestart: boolean): RestartOutcome
}

export function createRestartPolicy(
  supervision: Supervision,
  clock: Clock,
  random: Random,
): RestartPolicy {
  const restartsOf = new Map<number, Restarts>()
  const of = (region: number) => restartsOf.get(region) ?? noRestarts
  return {
    attemptOf: (region) => attemptOf(of(region), clock.now()),
    decide(region, failure, canRestart) {
      const asksUser = typeof supervision.decide === 'function'
      if (!asksUser && isHopeless(failure.error)) {
        return fail(failure, 'trying again would fail again')
      }
      const failing = { name: `region ${region}`, region: null }
      const { verdict, restarts } = judge({
        supervision,
        restarts: of(region),
        failure,
        failing,
        children: [failing],
        nowMs: clock.now(),
        random,
        limitBy: 'count',
      })
      restartsOf.set(region, restarts)
      const known = decided(failure, verdict)
      if (verdict.decision === 'escalate') return fail(known, verdict.because)
      if (verdict.decision === 'stop') return fail(known, 'supervision decided to stop')
      if (!canRestart) {
        return fail(
          known,
          'it cannot start again: a source does not replay, and there is no checkpoint',
        )
      }
      const delayMs = verdict.decision === 'restart' ? verdict.delayMs : 0
      return { kind: 'restart', delayMs, failure: known }
    },
  }
}

const fail = (failure: Failure, reason: string): RestartOutcome => ({
  kind: 'fail',
  reason,
  failure: { ...failure, decision: failure.decision ?? 'escalate' },
})

/**
 * Millrace's own errors know whether another try may succeed. User code and the rest of the world
 * do not; they get their tries.
 */
export function isHopeless(error: ErrorData): boolean {
  return error.name === 'MillraceError' && !error.retryable && error.code !== 'E_USER_CODE'
}
