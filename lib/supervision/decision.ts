/**
 * The decision about one failure: what is done, to whom, and after what delay. Pure but for the
 * user's `decide`, which it calls once and survives.
 *
 * | decision | who is acted on: one-for-one | all-for-one | region |
 * |---|---|---|---|
 * | restart | the failing child | all children | the children of its region |
 * | resume | the failing child | the failing child | the failing child |
 * | stop | the failing child | all children | the children of its region |
 * | escalate | nobody: the parent fails | the parent fails | the parent fails |
 *
 * A restart that would exceed the limit, a `decide` that throws, and one that returns something else
 * all become `escalate`. Restarts are counted per group: the child, all children, or the region. A
 * child without a region is one by itself.
 */
import type { Random } from '../base/random.js'
import { backoffDelayMs } from './backoff.js'
import type { Failure } from './failure.js'
import { type Decision, isDecision } from './failure.js'
import { countRestart, type Intensity, isAtLimit, noIntensity } from './intensity.js'
import { countFailure, noRestartCount, type RestartCount, settled } from './restart-count.js'
import type { Strategy, Supervision } from './strategy.js'

/** What a group has behind it. */
export interface Restarts {
  readonly count: RestartCount
  readonly intensity: Intensity
}

export const noRestarts: Restarts = { count: noRestartCount, intensity: noIntensity }

/** A child, as far as the decision needs to know it. */
export interface Member {
  readonly name: string
  readonly region: string | null
}

export interface Case {
  readonly supervision: Supervision
  /** Of the failing child's group. */
  readonly restarts: Restarts
  readonly failure: Failure
  readonly failing: Member
  /** All living children in start order, the failing one included. */
  readonly children: readonly Member[]
  /** Monotonic. */
  readonly nowMs: number
  readonly random: Random
  /**
   * `window` (default): `maxRestarts` within `withinMs`. `count`: `maxRestarts` without progress,
   * however far apart; for jobs, which replay from the same place and fail there again.
   */
  readonly limitBy?: 'window' | 'count'
}

/** `who`: names in start order; to be taken down in reverse, started in order. */
export type Verdict =
  | { readonly decision: 'restart'; readonly who: readonly string[]; readonly delayMs: number }
  | { readonly decision: 'resume' | 'stop'; readonly who: readonly string[] }
  | {
      readonly decision: 'escalate'
      /** The group that is left to the parent's fate; stopped where there is no parent. */
      readonly who: readonly string[]
      readonly reason: 'decided' | 'limit' | 'decide-threw'
      /** Why, as a clause for messages. */
      readonly because: string
      /** What `decide` threw; undefined for the other reasons. */
      readonly thrown: unknown
    }

/** The attempt that is failing now, for `Failure.attempt`. */
export const attemptOf = (restarts: Restarts, nowMs: number): number =>
  settled(restarts.count, nowMs).restarts + 1

/** Key under which restarts of a child are counted. */
export function groupOf(strategy: Strategy, member: Member): string {
  if (strategy === 'all-for-one') return 'all'
  if (strategy === 'region' && member.region !== null) return `region ${member.region}`
  return `child ${member.name}`
}

export function judge(facts: Case): { readonly verdict: Verdict; readonly restarts: Restarts } {
  const answer = askUser(facts)
  if ('because' in answer) {
    return unchanged(facts, escalate(facts, 'decide-threw', answer.because, answer.thrown))
  }
  switch (possible(facts, answer.decision)) {
    case 'restart':
      return restart(facts)
    case 'resume':
      return unchanged(facts, { decision: 'resume', who: [facts.failing.name] })
    case 'stop':
      return unchanged(facts, { decision: 'stop', who: group(facts) })
    case 'escalate':
      return unchanged(facts, escalate(facts, 'decided', 'decided so'))
  }
}

/** The failure with what was decided about it. */
export function decided(failure: Failure, verdict: Verdict): Failure {
  const delayMs = verdict.decision === 'restart' ? verdict.delayMs : null
  return { ...failure, decision: verdict.decision, delayMs }
}

type Answer =
  | { readonly decision: Decision }
  | { readonly thrown: unknown; readonly because: string }

function askUser(facts: Case): Answer {
  const { decide } = facts.supervision
  if (typeof decide !== 'function') return { decision: decide }
  try {
    const decision: unknown = decide(facts.failure)
    if (isDecision(decision)) return { decision }
    const because = `decide returned ${String(decision)}, which is no decision`
    return { thrown: new TypeError(because), because }
  } catch (thrown) {
    return { thrown, because: 'decide threw' }
  }
}

/** What never started has no behaviour to go on with; nor has one whose `resumed` failed. */
export const isResumable = ({ during }: Failure): boolean =>
  during !== 'setup' && during !== 'started' && during !== 'resumed'

const possible = ({ failure }: Case, decision: Decision): Decision =>
  decision === 'resume' && !isResumable(failure) ? 'restart' : decision

function restart(facts: Case): { verdict: Verdict; restarts: Restarts } {
  const { supervision, restarts, nowMs, random } = facts
  const { maxRestarts, withinMs } = supervision
  const soFar = settled(restarts.count, nowMs)
  const isOver =
    facts.limitBy === 'count'
      ? soFar.restarts >= maxRestarts
      : isAtLimit(restarts.intensity, nowMs, maxRestarts, withinMs)
  if (isOver) {
    const span = facts.limitBy === 'count' ? 'without progress' : `within ${withinMs} ms`
    const because = `the limit of ${maxRestarts} restarts ${span} is reached`
    return unchanged(facts, escalate(facts, 'limit', because))
  }
  const count = countFailure(restarts.count, nowMs)
  const delayMs = backoffDelayMs(supervision.restart, count.restarts, random)
  return {
    verdict: { decision: 'restart', who: group(facts), delayMs },
    restarts: { count, intensity: countRestart(restarts.intensity, nowMs, delayMs, withinMs) },
  }
}

const unchanged = (facts: Case, verdict: Verdict) => ({ verdict, restarts: facts.restarts })

const escalate = (
  facts: Case,
  reason: 'decided' | 'limit' | 'decide-threw',
  because: string,
  thrown?: unknown,
): Verdict => ({ decision: 'escalate', who: group(facts), reason, because, thrown })

function group(facts: Case): readonly string[] {
  const { strategy } = facts.supervision
  const key = groupOf(strategy, facts.failing)
  return facts.children
    .filter((child) => groupOf(strategy, child) === key)
    .map((child) => child.name)
}
