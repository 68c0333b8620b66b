/**
 * A supervisor: the children of one life of an actor, or of the system, and what is done when one of
 * them fails. What to do is decided by `lib/supervision/decision.ts`; here it is carried out.
 *
 * ## Protocol of a group restart
 *   1. All members are suspended at once: none takes another message.
 *   2. They are taken down one after another, in reverse start order, each with its own children.
 *   3. The delay passes. Messages wait in the mailboxes, where senders still reach them.
 *   4. Members that have not been stopped meanwhile are started in start order.
 * The parent's own end cancels whatever is under way and stops all children in reverse start order.
 *
 * Children act in turns of their own: nothing here runs user code but `decide`.
 */
import { unreachable } from '../../lib/base/assert.js'
import type { Cancel } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import {
  attemptOf,
  decided,
  groupOf,
  isResumable,
  judge,
  type Member,
  noRestarts,
  type Restarts,
  type Verdict,
} from '../../lib/supervision/decision.js'
import { createFailure, type During, type Failure } from '../../lib/supervision/failure.js'
import type { Supervision } from '../../lib/supervision/strategy.js'
import type { Ending } from './behaviour.js'
import type { Environment } from './environment.js'

/** A child, as its supervisor commands it. All but `suspend` take effect in the child's next turn. */
export interface Supervised extends Member {
  readonly path: string
  readonly isStopped: boolean
  /** Begins a life. */
  start(): void
  /** No more messages from now on. */
  suspend(): void
  /** Goes on with the life that was suspended. */
  resume(): void
  /**
   * Ends the present life, children first; with 'stop' it was the last. `failure` is the reason,
   * for those who watch. `done` is called when it is down, at once if it has stopped before.
   */
  takeDown(why: Ending, failure: Failure | null, done: () => void): void
}

/** Fails the parent. Null at the root, where what escalates is stopped. */
export type Escalate = ((error: MillraceError) => void) | null

export class Supervisor {
  readonly #path: string
  readonly #environment: Environment
  readonly #supervision: Supervision
  readonly #escalate: Escalate
  /** By name, in start order. */
  readonly #children = new Map<string, Supervised>()
  /** By group. */
  readonly #restarts = new Map<string, Restarts>()
  /** Restarts that wait for their time. */
  readonly #delays = new Set<Cancel>()
  /** Left suspended until the parent's fate is decided. */
  readonly #escalated = new Map<Supervised, Failure>()
  #isClosing = false

  constructor(
    path: string,
    environment: Environment,
    supervision: Supervision,
    escalate: Escalate = null,
  ) {
    this.#path = path
    this.#environment = environment
    this.#supervision = supervision
    this.#escalate = escalate
  }

  /** @throws MillraceError where a child of that name must not be made now. */
  assertRoomFor(name: string): void {
    if (name === '' || name.includes('/')) {
      const message = `${this.#path}: an actor's name must not be empty or contain '/': '${name}'`
      throw new MillraceError('E_BAD_NAME', message)
    }
    if (this.#isClosing) {
      const message = `${this.#path} is stopping and starts no more actors: '${name}'`
      throw new MillraceError('E_STOPPING', message)
    }
    if (this.#children.has(name)) {
      const message = `${this.#path} has a living actor '${name}'; choose another name or stop it first`
      throw new MillraceError('E_NAME_TAKEN', message)
    }
  }

  add(child: Supervised): void {
    this.#children.set(child.name, child)
    child.start()
  }

  /** Called by a child that has stopped for good. */
  remove(child: Supervised): void {
    this.#children.delete(child.name)
    this.#escalated.delete(child)
    const group = groupOf(this.#supervision.strategy, child)
    if (this.#restarts.has(group) && !this.#hasMember(group)) this.#restarts.delete(group)
  }

  /** Stops the child that `ref` is the address of; false when it is none of ours. */
  stop(ref: object, done: () => void = () => {}): boolean {
    for (const child of this.#children.values()) {
      if (child !== ref) continue
      child.takeDown('stop', null, done)
      return true
    }
    return false
  }

  /** Called by a child that has failed and suspended itself. */
  onFailed(child: Supervised, thrown: unknown, during: During): void {
    const { clock, random } = this.#environment
    const group = groupOf(this.#supervision.strategy, child)
    const restarts = this.#restarts.get(group) ?? noRestarts
    const nowMs = clock.now()
    const failure = createFailure({
      id: this.#environment.nextFailureId(),
      wallTimeMs: clock.wallTime(),
      path: child.path,
      during,
      thrown,
      attempt: attemptOf(restarts, nowMs),
    })
    if (this.#isClosing) {
      this.#endWithParent(child, failure)
      return
    }
    const judged = judge({
      supervision: this.#supervision,
      restarts,
      failure,
      failing: child,
      children: [...this.#children.values()],
      nowMs,
      random,
    })
    this.#restarts.set(group, judged.restarts)
    this.#noteDecideFailure(judged.verdict)
    const outcome = decided(failure, judged.verdict)
    this.#carryOut(judged.verdict, child, outcome, thrown)
    this.#environment.publish(outcome)
  }

  /**
   * The parent goes on after a failure: so do the children whose failures had reached it. Those that
   * have nothing to go on with stop: their failures would only reach it again.
   */
  resumeEscalated(): void {
    const escalated = [...this.#escalated]
    this.#escalated.clear()
    for (const [child, failure] of escalated) {
      if (isResumable(failure)) child.resume()
      else child.takeDown('stop', failure, () => {})
    }
  }

  /** Stops all children, the youngest first; `done` when the last is down. */
  close(done: () => void): void {
    this.#isClosing = true
    for (const cancel of this.#delays) cancel()
    this.#delays.clear()
    takeDownAll([...this.#children.values()], 'stop', null, done)
  }

  #carryOut(verdict: Verdict, child: Supervised, failure: Failure, thrown: unknown): void {
    switch (verdict.decision) {
      case 'restart':
        this.#restart(this.#members(verdict), failure, verdict.delayMs)
        break
      case 'resume':
        child.resume()
        break
      case 'stop':
        this.#stopGroup(this.#members(verdict), failure)
        break
      case 'escalate':
        if (this.#escalate === null) {
          this.#stopGroup(this.#members(verdict), failure)
        } else {
          this.#escalated.set(child, failure)
          this.#escalate(escalation(child, verdict.because, thrown))
        }
        break
      default:
        unreachable(verdict)
    }
  }

  #restart(members: readonly Supervised[], failure: Failure, delayMs: number): void {
    for (const member of members) member.suspend()
    takeDownAll(members, 'restart', failure, () => {
      if (!this.#isClosing) this.#startAfter(delayMs, members)
    })
  }

  #startAfter(delayMs: number, members: readonly Supervised[]): void {
    const cancel = this.#environment.clock.after(delayMs, () => {
      this.#delays.delete(cancel)
      for (const member of members) if (!member.isStopped) member.start()
    })
    this.#delays.add(cancel)
  }

  #stopGroup(members: readonly Supervised[], failure: Failure): void {
    for (const member of members) member.suspend()
    takeDownAll(members, 'stop', failure, () => {})
  }

  #endWithParent(child: Supervised, failure: Failure): void {
    const outcome: Failure = { ...failure, decision: 'stop' }
    child.takeDown('stop', outcome, () => {})
    this.#environment.publish(outcome)
  }

  #noteDecideFailure(verdict: Verdict): void {
    if (verdict.decision !== 'escalate' || verdict.reason !== 'decide-threw') return
    this.#environment.note(this.#path, 'decide', verdict.thrown)
  }

  #hasMember(group: string): boolean {
    for (const child of this.#children.values()) {
      if (groupOf(this.#supervision.strategy, child) === group) return true
    }
    return false
  }

  #members(verdict: Verdict): readonly Supervised[] {
    return verdict.who.flatMap((name) => this.#children.get(name) ?? [])
  }
}

/** One after another, the last first. */
function takeDownAll(
  members: readonly Supervised[],
  why: Ending,
  failure: Failure | null,
  done: () => void,
): void {
  const takeDown = (index: number): void => {
    const member = members[index]
    if (member === undefined) done()
    else member.takeDown(why, failure, () => takeDown(index - 1))
  }
  takeDown(members.length - 1)
}

function escalation(child: Supervised, because: string, thrown: unknown): MillraceError {
  const seen = thrown instanceof Error ? thrown.message : String(thrown)
  const message = `${child.path} failed and was escalated, because ${because}: ${seen}`
  const cause = thrown instanceof Error ? thrown : new Error(seen)
  return new MillraceError('E_ESCALATED', message, { cause, details: { actor: child.path } })
}
