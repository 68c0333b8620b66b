/**
 * What becomes of the failures of a job: which of them count, who is asked, and what follows.
 *
 * Only the first failure of an attempt counts: what comes after it are its echoes. Under `best-effort` a
 * subtask of a running region fails alone, and has none.
 */
import { type ErrorData, errorFromData, errorToData, MillraceError } from '../../lib/base/errors.js'
import type { Plan } from '../../lib/graph/plan.js'
import { subtaskName } from '../../lib/graph/subtasks.js'
import type { JobRecord } from '../../lib/job/job-record.js'
import type { Decision, Failure } from '../../lib/supervision/failure.js'
import type { Ask } from '../../lib/supervision/strategy.js'
import type { ActorContext } from '../kernel/behaviour.js'
import type { SubtaskId } from '../worker/protocol.js'
import type { JobBoard } from './job-board.js'
import type { FailedRegion, JobMessage, RestartRequest } from './protocol.js'
import type { RestartPolicy } from './restart-policy.js'

export interface FailureDeskParts {
  readonly plan: Plan
  readonly policy: RestartPolicy
  /** Asked before the policy. */
  readonly ask: Ask
  readonly board: JobBoard
}

export interface FailureDeskOwner {
  /** As it is now. */
  record(): JobRecord
  restart(region: number, attempt: number, delayMs: number): void
  replace(failed: FailedRegion, subtask: SubtaskId, delayMs: number): void
  fail(error: ErrorData): void
}

/**
 * What the neighbours of a dead slot fail with. They may be heard before the death itself, which
 * brings the cause: for so long it is waited for.
 */
const ECHOES: ReadonlySet<string | null> = new Set(['E_CHANNEL_LOST', 'E_NO_LINK'])
const DEATH_NOTICE_MS = 1000

export class FailureDesk {
  readonly #parts: FailureDeskParts
  readonly #context: ActorContext<JobMessage>
  readonly #owner: FailureDeskOwner
  /** What somebody has been asked about, by group and attempt. */
  readonly #asked = new Set<string>()

  constructor(parts: FailureDeskParts, context: ActorContext<JobMessage>, owner: FailureDeskOwner) {
    this.#parts = parts
    this.#context = context
    this.#owner = owner
  }

  /** `subtask`: in which it began; null: in none. */
  failed(failed: FailedRegion, subtask: SubtaskId | null = null): void {
    const isEcho = ECHOES.has(failed.error.code)
    if (isEcho) this.#context.after(DEATH_NOTICE_MS, { kind: 'EchoDue', failed, subtask })
    else this.#decide(failed, subtask)
  }

  /** Where the attempt has ended meanwhile, its end was what the echo came from. */
  echoDue(failed: FailedRegion, subtask: SubtaskId | null): void {
    const { phase } = this.#regionOf(failed)
    if (phase !== 'Waiting') this.#decide(failed, subtask)
  }

  decided({ failed, subtask, facts, decision }: JobMessage & { kind: 'Decided' }): void {
    this.#asked.delete(`${groupOf(failed, subtask)} ${failed.attempt}`)
    if (this.#isCurrent(failed)) this.#judge(failed, subtask, facts, decision)
  }

  /** Nothing has failed, but somebody wants the region to begin again. */
  restartAsked({ region, done, refused }: RestartRequest): void {
    const found = this.#owner.record().regions[region]
    if (found?.phase !== 'Running') return refused(notRunning(region))
    const unrepeatable = this.#unrepeatable(region)
    if (unrepeatable.length > 0) return refused(cannotRepeat(region, unrepeatable))
    this.#owner.restart(region, found.attempt, 0)
    done()
  }

  #decide(failed: FailedRegion, subtask: SubtaskId | null): void {
    const alone = this.#isCurrent(failed) ? this.#aloneIn(failed, subtask) : null
    const group = groupOf(failed, alone)
    const question = `${group} ${failed.attempt}`
    if (!this.#isCurrent(failed) || this.#asked.has(question)) return
    const { ask, policy, board } = this.#parts
    const facts = board.describeFailure(failed, policy.attemptOf(group))
    const asked = ask(facts)
    if (asked === null) return this.#judge(failed, alone, facts, null)
    this.#asked.add(question)
    const { self } = this.#context
    void asked.then((decision) => {
      self.control({ kind: 'Decided', failed, subtask: alone, facts, decision })
    })
  }

  #isCurrent(failed: FailedRegion): boolean {
    const now = this.#regionOf(failed)
    const isAlive = now.phase === 'Running' || now.phase === 'Opening' || now.phase === 'Waiting'
    return now.attempt === failed.attempt && isAlive
  }

  /** The subtask, where it fails without its region. */
  #aloneIn(failed: FailedRegion, subtask: SubtaskId | null): SubtaskId | null {
    // A channel that is lost or broken has two ends, and the slot of the other may be gone.
    const isChannel = failed.error.code?.startsWith('E_CHANNEL') === true
    const isRunning = this.#regionOf(failed).phase === 'Running'
    return this.#parts.plan.demanded === 'best-effort' && isRunning && !isChannel ? subtask : null
  }

  /** `alone`: the subtask that fails without its region. */
  #judge(
    failed: FailedRegion,
    alone: SubtaskId | null,
    facts: Failure,
    told: Decision | null,
  ): void {
    const { region, attempt } = failed
    const { policy, board } = this.#parts
    const outcome = policy.decide(groupOf(failed, alone), facts, this.#unrepeatable(region), told)
    board.failure(outcome.failure)
    if (outcome.kind === 'fail') {
      return this.#owner.fail(withReason(outcome.failure.error, outcome.reason))
    }
    if (alone === null) this.#owner.restart(region, attempt, outcome.delayMs)
    else this.#owner.replace(failed, alone, outcome.delayMs)
  }

  /** What has never run has lost nothing that would have to be read again. */
  #unrepeatable(region: number): readonly string[] {
    const { attempt } = this.#owner.record().regions[region]!
    return attempt === 0 ? [] : this.#parts.plan.regions[region]!.unrepeatable
  }

  #regionOf({ region }: FailedRegion) {
    return this.#owner.record().regions[region]!
  }
}

/** What restarts together, and is counted together. */
const groupOf = ({ region }: FailedRegion, alone: SubtaskId | null): string =>
  alone === null ? `region ${region}` : `subtask ${subtaskName(alone)}`

const notRunning = (region: number): MillraceError =>
  new MillraceError('E_NO_SUCH_REGION', `region ${region} does not run, so it cannot be restarted`)

const cannotRepeat = (region: number, sources: readonly string[]): MillraceError =>
  new MillraceError(
    'E_CANNOT_REPEAT',
    `region ${region} cannot be restarted: ${sources.join(', ')} cannot be read again from the beginning, and there is no checkpoint`,
  )

function withReason(error: ErrorData, reason: string): ErrorData {
  return errorToData(
    new MillraceError(error.code ?? 'E_JOB_FAILED', `${error.message} (${reason})`, {
      details: error.details,
      cause: errorFromData(error),
    }),
  )
}
