/**
 * The protocol of checkpoints, on the job's side: `stepCheckpoint(record, event)` gives the next record
 * and what is to be done. Pure; time comes in as events.
 *
 * | phase of a round | does                          | waits for                                    |
 * |------------------|-------------------------------|----------------------------------------------|
 * | Gathering        | nothing                       | `Acknowledged` or `Finished` of each subtask |
 * | Committing       | writes the manifest           | `Committed`, `CommitFailed`                  |
 *
 * ```
 *          Started                 due                      all acknowledged
 * (none) ───────────→ (no round) ───────→ Gathering ──────────────────────────→ Committing
 *                          ↑                  │ Declined, TimedOut, Stopped          │
 *                          ├── Abandon ←──────┘                                      │
 *                          └── Complete (or Abandon, where the commit failed) ←──────┘
 * ```
 * - A round is due `intervalMs` after the last one began, and not before `minPauseMs` after the last one
 *   was over; at once where it was asked for (a savepoint) or where a sink has nothing left to do but
 *   commit. At most `maxConcurrent` rounds gather at a time; savepoints wait for checkpoints.
 * - A commit that has begun is not abandoned: whether its manifest was written is known only by its
 *   outcome. `Stopped` abandons what gathers and leaves what commits; who wants to restore waits until
 *   `isSettled`.
 * - Rounds commit in their order: one that is not complete when a younger one is, is abandoned.
 * - A round may be unaligned from its beginning, or become so when it has taken too long (`Hurry`). One
 *   that was asked for aligns, whatever that takes: it holds no records in flight, so that a savepoint can
 *   be restored into a pipeline that has changed.
 * - Behind a round with which the job stops none begins, unless that one is abandoned.
 * - While a subtask lives that holds what no snapshot would have (a sort), no round is taken.
 * - When all subtasks have finished, a last round says so: what is restored from it ends at once.
 * - A round that is abandoned because of the snapshot itself (declined, timed out, not written) is a
 *   failure; more than `tolerableFailures` in a row fail the job. So does the first one because of which
 *   every later one would fail too: the job's own store is lost.
 */
import { unreachable } from '../base/assert.js'
import { type SubtaskId, subtaskName } from '../graph/subtasks.js'
import type { SubtaskPhase } from './manifest.js'
import type { SubtaskAck } from './round.js'

export interface CheckpointSettings {
  /** Between the beginnings of two rounds; null: only where one is asked for. */
  readonly intervalMs: number | null
  readonly minPauseMs: number
  /** A round that takes longer is abandoned. */
  readonly timeoutMs: number
  readonly maxConcurrent: number
  readonly tolerableFailures: number
  /**
   * Rounds are unaligned from the beginning (0), once they have taken so long, or never (null). Only
   * with one round at a time.
   */
  readonly unalignedAfterMs: number | null
}

export interface Round {
  readonly round: number
  readonly kind: 'checkpoint' | 'savepoint'
  /** Names the request for it; null: it was due. */
  readonly request: number | null
  readonly phase: 'Gathering' | 'Committing'
  /** Its barriers go ahead of data. */
  readonly isUnaligned: boolean
  readonly startedMs: number
  /** Names of subtasks that have neither acknowledged nor finished. */
  readonly awaited: ReadonlySet<string>
  readonly acks: ReadonlyMap<string, SubtaskAck>
}

export interface RoundRequest {
  readonly request: number
  readonly of: Round['kind']
  /** Its round is the last one: the job stops behind it. */
  readonly stop: boolean
}

export interface CheckpointRecord {
  readonly settings: CheckpointSettings
  readonly running: boolean
  /** Subtasks that hold what no snapshot would have: none is taken before they have finished. */
  readonly unsaved: ReadonlySet<string>
  /** Unfinished subtasks by name. */
  readonly live: ReadonlySet<string>
  readonly rounds: readonly Round[]
  /** Largest number given to a round. */
  readonly lastRound: number
  readonly lastBeganMs: number
  readonly lastOverMs: number
  readonly failures: number
  /** Rounds asked for that have not begun. */
  readonly requests: readonly RoundRequest[]
  /** Names the request with which the job stops; null: there is none, or its round was abandoned. */
  readonly stopping: number | null
  /** Subtasks that have nothing left to do but commit. */
  readonly committing: ReadonlySet<string>
  /** The round behind the end of all subtasks has been begun. */
  readonly isFinal: boolean
}

export type CheckpointEvent =
  /** All regions run: these subtasks have not finished. */
  | {
      readonly kind: 'Started'
      readonly live: readonly SubtaskId[]
      /** Of these, those that have only to commit. */
      readonly committing: readonly SubtaskId[]
    }
  /** A region has failed, or the job ends. */
  | { readonly kind: 'Stopped'; readonly reason: string }
  /** Time has come to look whether a round is due. */
  | { readonly kind: 'Looked' }
  /** A round is wanted as soon as possible; the number names the request. */
  | ({ readonly kind: 'RoundRequested' } & RoundRequest)
  /** What was asked for, and has not begun, is not wanted any more. */
  | { readonly kind: 'RequestsWithdrawn' }
  | { readonly kind: 'CommitAwaited'; readonly subtask: SubtaskId }
  | { readonly kind: 'Acknowledged'; readonly ack: SubtaskAck }
  | {
      readonly kind: 'Declined'
      readonly round: number
      readonly subtask: SubtaskId
      readonly reason: string
      /** The store takes nothing more: `isStoreLost`. */
      readonly isStoreLost: boolean
    }
  | { readonly kind: 'Finished'; readonly subtask: SubtaskId }
  | { readonly kind: 'TimedOut'; readonly round: number }
  /** It has taken `unalignedAfterMs`. */
  | { readonly kind: 'AlignmentTimedOut'; readonly round: number }
  | { readonly kind: 'Committed'; readonly round: number }
  | {
      readonly kind: 'CommitFailed'
      readonly round: number
      readonly reason: string
      readonly isStoreLost: boolean
    }

export type CheckpointOrder =
  /** Tell every subtask. */
  | { readonly kind: 'Trigger'; readonly round: Round }
  /** Tell every subtask that its barriers go ahead of data from now on. */
  | { readonly kind: 'Hurry'; readonly round: Round }
  /** All is there: write the manifest. */
  | { readonly kind: 'Commit'; readonly round: Round }
  /** The manifest is written: tell every subtask. */
  | { readonly kind: 'Complete'; readonly round: Round }
  /** Tell every subtask; `isFailure`: the snapshot itself went wrong. */
  | {
      readonly kind: 'Abandon'
      readonly round: Round
      readonly reason: string
      readonly isFailure: boolean
    }
  /** Look again after this time, instead of at the time asked for before. */
  | { readonly kind: 'LookAfter'; readonly delayMs: number }
  /** `isStoreLost`: else too many in a row have failed. */
  | { readonly kind: 'FailJob'; readonly reason: string; readonly isStoreLost: boolean }

export interface CheckpointStep {
  readonly record: CheckpointRecord
  readonly orders: readonly CheckpointOrder[]
}

export function createCheckpointRecord(
  settings: CheckpointSettings,
  lastRound: number,
  unsaved: ReadonlySet<string> = new Set(),
): CheckpointRecord {
  return {
    settings,
    unsaved,
    running: false,
    live: new Set(),
    rounds: [],
    lastRound,
    lastBeganMs: Number.NEGATIVE_INFINITY,
    lastOverMs: Number.NEGATIVE_INFINITY,
    failures: 0,
    requests: [],
    stopping: null,
    committing: new Set(),
    isFinal: false,
  }
}

/** No commit is under way, so it is known which round is the last one. */
export const isSettled = ({ rounds }: CheckpointRecord): boolean =>
  rounds.every(({ phase }) => phase !== 'Committing')

/** No round can be taken for now. */
export const isHeldUp = ({ unsaved, live }: CheckpointRecord): boolean =>
  unsaved.size > 0 && [...unsaved].some((name) => live.has(name))

/** Its round has not begun yet. */
const isStopWaiting = ({ requests, stopping }: CheckpointRecord): boolean =>
  requests.some(({ request }) => request === stopping)

/** What was asked for is to be complete in itself. */
const mayOvertake = ({ request }: Round): boolean => request === null

/** Phase of a subtask in a round that is complete. */
export const phaseIn = ({ acks }: Round, subtask: SubtaskId): SubtaskPhase =>
  acks.get(subtaskName(subtask))?.phase ?? 'finished'

export function stepCheckpoint(
  record: CheckpointRecord,
  event: CheckpointEvent,
  nowMs: number,
): CheckpointStep {
  const draft = new Draft(record, nowMs)
  switch (event.kind) {
    case 'Started':
      draft.change({
        running: true,
        live: new Set(event.live.map(subtaskName)),
        committing: new Set(event.committing.map(subtaskName)),
        lastBeganMs: nowMs,
      })
      break
    case 'Stopped':
      draft.change({ running: false, committing: new Set() })
      for (const round of draft.gathering()) draft.abandon(round, event.reason)
      break
    case 'Looked':
      break
    case 'RoundRequested': {
      const { request, of, stop } = event
      draft.change({ requests: [...record.requests, { request, of, stop }] })
      if (stop) draft.change({ stopping: request })
      break
    }
    case 'RequestsWithdrawn':
      draft.change({ requests: [], stopping: isStopWaiting(record) ? null : record.stopping })
      break
    case 'CommitAwaited':
      // Who still waits for it at the next start is named there: others may have been restarted.
      if (!record.running) break
      draft.change({ committing: new Set(record.committing).add(subtaskName(event.subtask)) })
      break
    case 'Acknowledged':
      draft.acknowledge(event.ack)
      break
    case 'Declined': {
      const round = draft.find(event.round, 'Gathering')
      const by = subtaskName(event.subtask)
      if (round !== null) draft.fail(round, `subtask ${by}: ${event.reason}`, event.isStoreLost)
      break
    }
    case 'Finished':
      draft.finish(subtaskName(event.subtask))
      break
    case 'TimedOut': {
      const round = draft.find(event.round, 'Gathering')
      if (round !== null) draft.fail(round, draft.timeoutReason(round))
      break
    }
    case 'AlignmentTimedOut': {
      const round = draft.find(event.round, 'Gathering')
      if (round !== null) draft.hurry(round)
      break
    }
    case 'Committed':
      draft.committed(event.round)
      break
    case 'CommitFailed': {
      const round = draft.find(event.round, 'Committing')
      if (round !== null) draft.fail(round, event.reason, event.isStoreLost)
      break
    }
    default:
      unreachable(event)
  }
  draft.settle()
  return draft.done()
}

class Draft {
  #record: CheckpointRecord
  readonly #nowMs: number
  readonly #orders: CheckpointOrder[] = []

  constructor(record: CheckpointRecord, nowMs: number) {
    this.#record = record
    this.#nowMs = nowMs
  }

  change(to: Partial<CheckpointRecord>): void {
    this.#record = { ...this.#record, ...to }
  }

  find(number: number, phase: Round['phase']): Round | null {
    return this.#record.rounds.find((it) => it.round === number && it.phase === phase) ?? null
  }

  gathering(): readonly Round[] {
    return this.#record.rounds.filter(({ phase }) => phase === 'Gathering')
  }

  acknowledge(ack: SubtaskAck): void {
    const name = subtaskName(ack.subtask)
    const round = this.find(ack.round, 'Gathering')
    if (!round?.awaited.has(name)) return
    this.#replace({
      ...round,
      awaited: without(round.awaited, name),
      acks: new Map(round.acks).set(name, ack),
    })
  }

  finish(name: string): void {
    const { live, committing } = this.#record
    this.change({ live: without(live, name), committing: without(committing, name) })
    for (const round of this.gathering()) {
      this.#replace({ ...round, awaited: without(round.awaited, name) })
    }
  }

  committed(number: number): void {
    const round = this.find(number, 'Committing')
    if (round === null) return
    this.#remove(round)
    this.change({ failures: 0, lastOverMs: this.#nowMs })
    if (round.kind === 'checkpoint') {
      const ended = [...round.acks].filter(([, { phase }]) => phase === 'ended')
      const committing = ended.reduce(
        (rest, [name]) => without(rest, name),
        this.#record.committing,
      )
      this.change({ committing })
    }
    this.#orders.push({ kind: 'Complete', round })
  }

  abandon(round: Round, reason: string, isFailure = false): void {
    this.#remove(round)
    this.change({ lastOverMs: this.#nowMs })
    if (round.request !== null && round.request === this.#record.stopping) {
      this.change({ stopping: null })
    }
    this.#orders.push({ kind: 'Abandon', round, reason, isFailure })
  }

  /** A savepoint lies in a store of its own, which nothing else needs; one with which the job stops in its store, too. */
  fail(round: Round, reason: string, hasLostStore = false): void {
    const stops = round.request !== null && round.request === this.#record.stopping
    this.abandon(round, reason, true)
    const failures = this.#record.failures + 1
    this.change({ failures })
    const isStoreLost = hasLostStore && (stops || round.kind === 'checkpoint')
    if (isStoreLost || failures > this.#record.settings.tolerableFailures) {
      // No round is begun while the job comes to its end.
      this.change({ running: false })
      this.#orders.push({ kind: 'FailJob', reason, isStoreLost })
    }
  }

  hurry(round: Round): void {
    if (round.isUnaligned || !mayOvertake(round)) return
    const unaligned: Round = { ...round, isUnaligned: true }
    this.#replace(unaligned)
    this.#orders.push({ kind: 'Hurry', round: unaligned })
  }

  timeoutReason({ awaited, startedMs }: Round): string {
    const names = [...awaited].slice(0, 5).join(', ')
    const seconds = (this.#nowMs - startedMs) / 1000
    return `after ${seconds} s, ${awaited.size} subtasks had not acknowledged it: ${names}`
  }

  /** Commits what is complete, and begins what is due. */
  settle(): void {
    for (const round of this.gathering()) if (round.awaited.size === 0) this.#commit(round)
    if (!this.#record.running) return
    const dueMs = this.#dueMs()
    if (dueMs <= this.#nowMs) this.#begin()
    else if (dueMs < Number.POSITIVE_INFINITY) {
      this.#orders.push({ kind: 'LookAfter', delayMs: dueMs - this.#nowMs })
    }
  }

  done(): CheckpointStep {
    return { record: this.#record, orders: this.#orders }
  }

  #dueMs(): number {
    const { rounds, settings, requests, stopping, live, committing, isFinal } = this.#record
    if (isHeldUp(this.#record)) return Number.POSITIVE_INFINITY
    if (stopping !== null && !isStopWaiting(this.#record)) return Number.POSITIVE_INFINITY
    const { lastBeganMs, lastOverMs } = this.#record
    const { intervalMs, minPauseMs, maxConcurrent } = settings
    const gathering = this.gathering().length
    if (gathering >= maxConcurrent) return Number.POSITIVE_INFINITY
    if (live.size === 0) return isFinal ? Number.POSITIVE_INFINITY : this.#nowMs
    if (requests.length > 0 || committing.size > 0)
      return rounds.length === 0 ? this.#nowMs : Number.POSITIVE_INFINITY
    if (intervalMs === null) return Number.POSITIVE_INFINITY
    return Math.max(lastBeganMs + intervalMs, lastOverMs + minPauseMs)
  }

  #begin(): void {
    const { lastRound, live, requests, settings } = this.#record
    const request = requests[0] ?? null
    const round: Round = {
      round: lastRound + 1,
      kind: request?.of ?? 'checkpoint',
      request: request?.request ?? null,
      phase: 'Gathering',
      isUnaligned: request === null && settings.unalignedAfterMs === 0,
      startedMs: this.#nowMs,
      awaited: live,
      acks: new Map(),
    }
    this.change({
      rounds: [...this.#record.rounds, round],
      lastRound: round.round,
      lastBeganMs: this.#nowMs,
      requests: requests.slice(1),
      isFinal: live.size === 0,
    })
    this.#orders.push({ kind: 'Trigger', round })
    if (live.size === 0) this.#commit(round)
  }

  #commit(round: Round): void {
    for (const older of this.gathering()) {
      if (older.round < round.round) this.abandon(older, 'a later one is complete')
    }
    const committing: Round = { ...round, phase: 'Committing' }
    this.#replace(committing)
    this.#orders.push({ kind: 'Commit', round: committing })
  }

  #replace(round: Round): void {
    const { rounds } = this.#record
    this.change({ rounds: rounds.map((it) => (it.round === round.round ? round : it)) })
  }

  #remove({ round }: Round): void {
    this.change({ rounds: this.#record.rounds.filter((it) => it.round !== round) })
  }
}

function without(names: ReadonlySet<string>, name: string): ReadonlySet<string> {
  if (!names.has(name)) return names
  const rest = new Set(names)
  rest.delete(name)
  return rest
}
