/** What is known of one failure: plain data, kept in the history, published on `failures$`. */
import { type ErrorData, errorToData } from '../base/errors.js'

/**
 * Who has to do something about it.
 * - `user-code`: a function of the user threw.
 * - `input`: what was read is not what was expected.
 * - `sink`: what was written to refused.
 * - `host`: a machine, process, thread or connection was lost, or ran out of something.
 * - `system`: a broken law or limit of the runtime itself.
 */
export const FAILURE_KINDS = ['user-code', 'input', 'sink', 'host', 'system'] as const
/** Whose failure it is. */
export type FailureKind = (typeof FAILURE_KINDS)[number]

/** What was being done. `callback`: outside a turn, reported by `fail`; `child`: an escalation. */
export type During =
  | 'setup'
  | 'started'
  | 'receive'
  | 'work'
  | 'terminated'
  | 'resumed'
  | 'stopped'
  | 'timer'
  | 'callback'
  | 'child'
  | 'decide'

/**
 * - `restart`: a fresh behaviour in the same place, after a delay; what waits in the mailbox stays.
 * - `resume`: go on with the behaviour as it is. It concerns the failing child alone, whatever the
 *   strategy. One that failed before it had started has nothing to go on with: it restarts.
 * - `stop`: end for good.
 * - `escalate`: the parent itself fails, with this failure as its cause.
 */
export const DECISIONS = ['restart', 'resume', 'stop', 'escalate'] as const
/** What becomes of the actor that failed. */
export type Decision = (typeof DECISIONS)[number]

export const isDecision = (value: unknown): value is Decision =>
  (DECISIONS as readonly unknown[]).includes(value)

/** One failure: what, where, when, and what was decided. */
export interface Failure {
  /** Counts up from 1 in order of occurrence, per actor system or job. */
  readonly id: number
  readonly wallTimeMs: number
  readonly kind: FailureKind
  /** The actor that failed: `system/pool/worker-1`. */
  readonly path: string
  /** Where it is known, from the error's details: the operator, and the subtask's index. */
  readonly operator: string | null
  readonly subtask: number | null
  readonly during: During
  readonly error: ErrorData
  /** Which attempt failed: 1 plus the restarts without progress before it. */
  readonly attempt: number
  /** Null while it is being decided. `none`: it was ending anyway, nothing follows from it. */
  readonly decision: Decision | 'none' | null
  /** Delay before the restart, where that is the decision. */
  readonly delayMs: number | null
}

/** A failure about which nothing has been decided. */
export function createFailure(facts: {
  readonly id: number
  readonly wallTimeMs: number
  readonly path: string
  readonly during: During
  readonly thrown: unknown
  readonly attempt: number
}): Failure {
  const { id, wallTimeMs, path, during, attempt } = facts
  const error = errorToData(facts.thrown)
  const { operator, subtask } = located(error)
  return {
    id,
    wallTimeMs,
    kind: classify(error),
    path,
    operator,
    subtask,
    during,
    error,
    attempt,
    decision: null,
    delayMs: null,
  }
}

/** Prefixes of the codes of each kind; the first that fits holds. */
const KIND_OF_CODE: readonly (readonly [RegExp, FailureKind])[] = [
  [/^E_(USER|OPERATOR|GENERATE|CANNOT_TRAVEL|RECORD_FUNCTION|TIMEOUT_USER)/, 'user-code'],
  [/^E_(INPUT|SOURCE|BAD_RECORD|RECORD|PARSE|FORMAT|CSV|NDJSON|LINES|DECODE)/, 'input'],
  [/^E_(SINK|COMMIT|WRITE|CALLBACK)/, 'sink'],
  [/^E_(HOST|NODE|WORKER|SLOT|LINK|CHANNEL_LOST|TRANSPORT|CONNECTION|MEMORY|STALL|LEASE)/, 'host'],
  [/^E_/, 'system'],
  // Codes of Node.js: the machine has run out of something.
  [/^(ENOSPC|ENOMEM|EMFILE|ENFILE|EDQUOT|ERR_WORKER_OUT_OF_MEMORY)$/, 'host'],
]

/**
 * Who has to do something about an error. `details.kind`, where it names a kind, is taken at its
 * word; an escalation is of its cause's kind; then the code tells; an error without a code is a broken
 * law of the runtime if it says so, else it comes from user code.
 */
export function classify(error: ErrorData): FailureKind {
  const stated = FAILURE_KINDS.find((kind) => kind === error.details.kind)
  if (stated !== undefined) return stated
  if (error.code === 'E_ESCALATED' && error.cause !== null) return classify(error.cause)
  const byCode = KIND_OF_CODE.find(([prefix]) => prefix.test(error.code ?? ''))
  if (byCode !== undefined) return byCode[1]
  return error.message.startsWith('broken law:') ? 'system' : 'user-code'
}

/** Operator and subtask, from the error or the nearest of its causes that names them. */
function located(error: ErrorData): { operator: string | null; subtask: number | null } {
  const { operator, subtask } = error.details
  if (typeof operator === 'string') {
    return { operator, subtask: typeof subtask === 'number' ? subtask : null }
  }
  return error.cause === null ? { operator: null, subtask: null } : located(error.cause)
}
