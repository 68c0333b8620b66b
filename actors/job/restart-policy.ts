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
import { attemptOf, decided, judge, noRestarts } from '../../lib/supervision/decision.js'
import type { Decision, Failure } from '../../lib/supervision/failure.js'
import {
  type KeptRestarts,
  keepRestarts,
  recallRestarts,
} from '../../lib/supervision/kept-restarts.js'
import type { Supervision } from '../../lib/supervision/strategy.js'

export type RestartOutcome =
  | { readonly kind: 'restart'; readonly delayMs: number; readonly failure: Failure }
  | { readonly kind: 'fail'; readonly reason: string; readonly failure: Failure }

export interface RestartPolicy {
  /** Which attempt of the group fails now: 1 plus its restarts so far. */
  attemptOf(group: string): number
  /**
   * `group`: what restarts together, a region or a single subtask; restarts are counted for each.
   * `unrepeatable`: names of its sources that cannot be read again from the beginning; the group cannot
   * restart where there are any. `told`: what was decided elsewhere; null: nothing.
   */
  decide(
    group: string,
    failure: Failure,
    unrepeatable: readonly string[],
    told: Decision | null,
  ): RestartOutcome
  /**
   * A checkpoint lies beyond what the group failed at last: its restarts count no more. False where there
   * were none.
   */
  progressed(group: string): boolean
  /** What counts, for whoever goes on with the job. */
  readonly kept: readonly KeptRestarts[]
}

/** `kept`: restarts that others have counted. */
export function createRestartPolicy(
  supervision: Supervision,
  clock: Clock,
  random: Random,
  kept: readonly KeptRestarts[] = [],
): RestartPolicy {
  const moment = () => ({ nowMs: clock.now(), wallMs: clock.wallTime() })
  const restartsOf = recallRestarts(kept, moment())
  const of = (group: string) => restartsOf.get(group) ?? noRestarts
  return {
    progressed: (group) => restartsOf.delete(group),
    get kept() {
      return keepRestarts(restartsOf, moment())
    },
    attemptOf: (group) => attemptOf(of(group), clock.now()),
    decide(group, failure, unrepeatable, told) {
      const asksUser = told !== null || typeof supervision.decide === 'function'
      if (!asksUser && isHopeless(failure.error)) {
        return fail(failure, 'trying again would fail again')
      }
      const failing = { name: group, region: null }
      const { verdict, restarts } = judge({
        supervision: told === null ? supervision : { ...supervision, decide: told },
        restarts: of(group),
        failure,
        failing,
        children: [failing],
        nowMs: clock.now(),
        random,
        limitBy: 'count',
      })
      restartsOf.set(group, restarts)
      const known = decided(failure, verdict)
      if (verdict.decision === 'escalate') return fail(known, verdict.because)
      if (verdict.decision === 'stop') return fail(known, 'supervision decided to stop')
      if (unrepeatable.length > 0) {
        const names = unrepeatable.map((name) => `"${name}"`).join(', ')
        const reason = `it cannot start again: ${names} cannot be read again from the beginning, and there is no checkpoint`
        return fail({ ...known, decision: 'escalate', delayMs: null }, reason)
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
