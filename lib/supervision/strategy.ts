/**
 * Supervision as data: what a parent does when a child fails. The kernel interprets it for actors in
 * general, a job actor for its regions of subtasks; `decision.ts` holds the one function that both ask.
 */
import { MillraceError } from '../base/errors.js'
import { optionNames, refuseUnknownOptions } from '../base/unknown-option.js'
import { type Backoff, backoff } from './backoff.js'
import { DECISIONS, type Decision, type Failure, isDecision } from './failure.js'

export const STRATEGIES = ['one-for-one', 'all-for-one', 'region'] as const
/** Who is acted on when one child fails: that child, all children, or the children of its region. */
export type Strategy = (typeof STRATEGIES)[number]

/** User code: must be quick and synchronous. If it throws, the failure escalates. */
export type Decide = (failure: Failure) => Decision

/**
 * Asks somebody elsewhere, who may be slow or gone. Settles, and does not reject. Null, at once or as the
 * answer: nobody decides, so `decide` of the options does.
 */
export type Ask = (failure: Failure) => Promise<Decision | null> | null

/** Options of `supervise`. */
export interface SupervisionOptions {
  /** Default 'one-for-one'. */
  readonly strategy?: Strategy
  /** Delays between restarts. Default `backoff()`. */
  readonly restart?: Partial<Backoff>
  /** More restarts than this of one group within `withinMs` escalate. Default 10. */
  readonly maxRestarts?: number
  /** The window of `maxRestarts`; time spent waiting for a restart does not count. Default 60 s. */
  readonly withinMs?: number
  /** One decision for every failure, or a function of the failure. Default 'restart'. */
  readonly decide?: Decision | Decide
}

/** Their names. */
export const SUPERVISION_OPTIONS = optionNames<SupervisionOptions>({
  strategy: true,
  restart: true,
  maxRestarts: true,
  withinMs: true,
  decide: true,
})

/** Complete and checked. */
export type Supervision = Required<SupervisionOptions> & { readonly restart: Backoff }

/**
 * Supervision with its defaults filled in. Takes its own result unchanged.
 *
 * @throws MillraceError `E_BAD_SUPERVISION` naming the wrong value; `E_UNKNOWN_OPTION`.
 * @example
 * supervise({ strategy: 'one-for-one', restart: backoff({ firstMs: 50 }), maxRestarts: 3,
 *             decide: (failure) => (failure.kind === 'input' ? 'resume' : 'restart') })
 */
export function supervise(options: SupervisionOptions = {}): Supervision {
  refuseUnknownOptions('supervise', options, SUPERVISION_OPTIONS)
  const { strategy = 'one-for-one', maxRestarts = 10, withinMs = 60_000 } = options
  const { decide = 'restart' } = options
  expect(STRATEGIES.includes(strategy), 'strategy', strategy, STRATEGIES.join(' | '))
  expect(
    Number.isSafeInteger(maxRestarts) && maxRestarts >= 0,
    'maxRestarts',
    maxRestarts,
    'a whole number ≥ 0',
  )
  expect(withinMs > 0, 'withinMs', withinMs, 'a number of milliseconds > 0')
  expect(
    typeof decide === 'function' || isDecision(decide),
    'decide',
    decide,
    `a function, or ${DECISIONS.join(' | ')}`,
  )
  return { strategy, restart: backoff(options.restart), maxRestarts, withinMs, decide }
}

function expect(holds: boolean, name: string, seen: unknown, expected: string): void {
  if (holds) return
  const message = `supervise: ${name} must be ${expected}, not ${String(seen)}`
  throw new MillraceError('E_BAD_SUPERVISION', message, { details: { option: name } })
}
