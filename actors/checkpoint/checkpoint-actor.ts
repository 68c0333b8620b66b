/**
 * The checkpoint actor: a child of the job. It starts rounds, collects acknowledgements, writes
 * manifests and clears away old ones. What follows from what is decided in `lib/snapshot/checkpoint.ts`.
 *
 * ```
 * job
 * └── checkpoint      owns the rounds; the chunk store was opened for it
 * ```
 */
import { unreachable } from '../../lib/base/assert.js'
import { errorToData, MillraceError } from '../../lib/base/errors.js'
import type { Plan } from '../../lib/graph/plan.js'
import { subtaskName, subtasksOf } from '../../lib/graph/subtasks.js'
import { BARRIER, type Barrier } from '../../lib/operators/signal.js'
import { buildManifest, type NamedNode } from '../../lib/snapshot/build-manifest.js'
import {
  type CheckpointEvent,
  type CheckpointOrder,
  type CheckpointRecord,
  type CheckpointSettings,
  createCheckpointRecord,
  isHeldUp,
  isSettled,
  type Round,
  stepCheckpoint,
} from '../../lib/snapshot/checkpoint.js'
import type { ChunkRef } from '../../lib/snapshot/chunk-store.js'
import type { Manifest, SnapshotMode } from '../../lib/snapshot/manifest.js'
import { isStoreLost } from '../../lib/snapshot/store-error.js'
import type { ActorContext, Behaviour } from '../kernel/behaviour.js'
import type { CheckpointMessage, CheckpointOwner, SavepointRequest } from './protocol.js'
import type { SnapshotStores } from './snapshot-stores.js'

export interface CheckpointParts {
  readonly run: string
  readonly plan: Plan
  /** The graph's nodes, by id. */
  readonly nodes: readonly NamedNode[]
  readonly mode: SnapshotMode
  readonly settings: CheckpointSettings
  readonly stores: SnapshotStores
  /** Largest number that a round of the job was ever given. */
  readonly lastRound: number
  readonly owner: CheckpointOwner
}

type Context = ActorContext<CheckpointMessage>
type CommittedMessage = CheckpointMessage & { readonly kind: 'Committed' }

export function createCheckpointActor(
  parts: CheckpointParts,
): (context: Context) => Behaviour<CheckpointMessage> {
  return (context) => new CheckpointActor(parts, context)
}

class CheckpointActor implements Behaviour<CheckpointMessage> {
  readonly #parts: CheckpointParts
  readonly #context: Context
  #record: CheckpointRecord
  readonly #unassigned = new Map<number, ManifestUnassigned>()
  readonly #requests = new Map<number, SavepointRequest>()
  #lastRequest = 0
  #latest: Manifest | null
  /** Of the round that is being completed. */
  #committed: CommittedMessage | null = null
  #whenSettled: ((latest: Manifest | null) => void)[] = []
  #cancelLook: () => void = () => {}
  readonly #cancelTimeouts = new Map<number, () => void>()

  constructor(parts: CheckpointParts, context: Context) {
    this.#parts = parts
    this.#context = context
    const { settings, lastRound, plan, nodes } = parts
    this.#record = createCheckpointRecord(settings, lastRound, unsavedIn(plan, nodes))
    this.#latest = parts.stores.restored
  }

  receive(message: CheckpointMessage): void {
    switch (message.kind) {
      case 'Started':
      case 'Stopped':
      case 'Looked':
      case 'CommitAwaited':
      case 'Acknowledged':
      case 'Declined':
      case 'Finished':
      case 'TimedOut':
      case 'AlignmentTimedOut':
      case 'CommitFailed':
        return this.#apply(message)
      case 'Committed':
        return this.#onCommitted(message)
      case 'SavepointRequested':
        return this.#onRequested(message.request)
      case 'RequestsWithdrawn':
        return this.#onWithdrawn(message.reason)
      case 'WhenSettled':
        this.#whenSettled.push(message.tell)
        return this.#tellSettled()
      default:
        unreachable(message)
    }
  }

  stopped(): void {
    for (const { failed } of this.#requests.values()) failed(jobEnded())
  }

  #onRequested(request: SavepointRequest): void {
    if (isHeldUp(this.#record)) return request.failed(heldUp())
    // Nothing that is asked for behind a stop would ever begin.
    if (this.#record.stopping !== null) return request.failed(stops())
    this.#lastRequest++
    this.#requests.set(this.#lastRequest, request)
    const of = request.directory === null ? 'checkpoint' : 'savepoint'
    const { stop } = request
    this.#apply({ kind: 'RoundRequested', request: this.#lastRequest, of, stop })
  }

  #onWithdrawn(reason: Error): void {
    const waiting = this.#record.requests
    this.#apply({ kind: 'RequestsWithdrawn' })
    for (const { request } of waiting) {
      this.#requests.get(request)?.failed(reason)
      this.#requests.delete(request)
    }
  }

  #onCommitted(message: CommittedMessage): void {
    const { round, manifest, latest, lost } = message
    this.#committed = message
    this.#latest = latest ?? this.#latest
    this.#parts.owner.report({
      kind: 'completed',
      round,
      durationMs: manifest.durationMs,
      ...bytesOf(manifest),
      savepoint: manifest.kind === 'savepoint' && lost === null,
    })
    this.#apply({ kind: 'Committed', round })
    if (latest !== null) void this.#retire()
  }

  /** What is not cleared away today is tried again with the next round. */
  async #retire(): Promise<void> {
    const running = this.#record.rounds.map(({ round }) => round)
    await this.#parts.stores.retire(running).catch(() => {})
  }

  #apply(event: CheckpointEvent): void {
    const { record, orders } = stepCheckpoint(this.#record, event, this.#context.clock.now())
    this.#record = record
    for (const order of orders) this.#carryOut(order)
    this.#tellSettled()
  }

  #carryOut(order: CheckpointOrder): void {
    const { owner } = this.#parts
    switch (order.kind) {
      case 'Trigger':
        return this.#trigger(order.round)
      case 'Hurry':
        return owner.hurry(order.round.round)
      case 'Commit':
        void this.#commit(order.round)
        return
      case 'Complete':
        return this.#complete(order.round)
      case 'Abandon':
        return this.#abandon(order.round, order.reason, order.isFailure)
      case 'LookAfter':
        this.#cancelLook()
        this.#cancelLook = this.#context.after(order.delayMs, { kind: 'Looked' })
        return
      case 'FailJob':
        return owner.failJob(order.reason, order.isStoreLost)
      default:
        unreachable(order)
    }
  }

  #trigger(round: Round): void {
    const { owner, stores, settings } = this.#parts
    const request = round.request === null ? null : (this.#requests.get(round.request) ?? null)
    stores.begin(round.round, request?.directory ?? null, request?.stop === true)
    const barrier = barrierOf(round)
    const unassigned = owner.trigger(barrier, request?.stop === true)
    this.#unassigned.set(round.round, { startedMs: this.#context.clock.wallTime(), unassigned })
    const timedOut = { kind: 'TimedOut', round: round.round } as const
    const cancelTimeout = this.#context.after(settings.timeoutMs, timedOut)
    const cancelHurry = this.#hurryLater(round)
    this.#cancelTimeouts.set(round.round, () => {
      cancelTimeout()
      cancelHurry()
    })
  }

  #hurryLater({ round, isUnaligned }: Round): () => void {
    const { unalignedAfterMs } = this.#parts.settings
    if (unalignedAfterMs === null || isUnaligned) return () => {}
    return this.#context.after(unalignedAfterMs, { kind: 'AlignmentTimedOut', round })
  }

  async #commit(round: Round): Promise<void> {
    const { plan, run, mode, nodes, stores } = this.#parts
    const { self, clock } = this.#context
    this.#over(round)
    const { startedMs, unassigned } = this.#unassigned.get(round.round)!
    this.#unassigned.delete(round.round)
    const durationMs = clock.now() - round.startedMs
    const request = round.request === null ? null : (this.#requests.get(round.request) ?? null)
    const isFork = round.kind === 'savepoint' && request?.stop === false
    const forkOf = isFork ? stores.place : null
    const former = this.#latest
    const facts = { run, mode, startedMs, durationMs, nodes, unassigned, forkOf, former }
    const manifest = buildManifest(plan, round, facts)
    try {
      const committed = await stores.commit(manifest)
      self.control({ kind: 'Committed', round: round.round, manifest, ...committed })
    } catch (error) {
      const lost = isStoreLost(errorToData(error))
      const reason = messageOf(error)
      self.control({ kind: 'CommitFailed', round: round.round, reason, isStoreLost: lost })
    }
  }

  #complete(round: Round): void {
    const { owner, stores } = this.#parts
    const request = this.#take(round)
    void stores.end(round.round)
    const { manifest, lost } = this.#committed!
    if (round.kind === 'savepoint' && request?.stop === false) {
      // It belongs to the user: no round builds on it, and nothing is committed with it.
      owner.abandon(round.round)
      return this.#secure(request, manifest)
    }
    const committed = owner.complete(round.round)
    if (request !== null) void committed.then(() => request.done(manifest, lost))
  }

  /**
   * What a savepoint has prepared is in no checkpoint of the job yet: a restart would clear it away. So a
   * checkpoint follows at once, and the savepoint is told when that is complete. Where the job stops, all that
   * is prepared is committed with that.
   */
  #secure({ done, failed }: SavepointRequest, manifest: Manifest): void {
    const { stopping } = this.#record
    const stop = stopping === null ? null : (this.#requests.get(stopping) ?? null)
    if (stopping !== null && stop !== null) {
      const both: SavepointRequest = {
        ...stop,
        done: (last, lost) => {
          stop.done(last, lost)
          done(manifest, null)
        },
        failed: (reason) => {
          stop.failed(reason)
          failed(reason)
        },
      }
      this.#requests.set(stopping, both)
      return
    }
    this.#onRequested({ directory: null, stop: false, done: () => done(manifest, null), failed })
  }

  #abandon(round: Round, reason: string, isFailure: boolean): void {
    const { owner, stores } = this.#parts
    this.#over(round)
    this.#unassigned.delete(round.round)
    owner.abandon(round.round)
    void stores.end(round.round)
    this.#take(round)?.failed(abandoned(reason))
    if (isFailure) owner.report({ kind: 'abandoned', round: round.round, reason })
  }

  #take({ request }: Round): SavepointRequest | null {
    if (request === null) return null
    const found = this.#requests.get(request) ?? null
    this.#requests.delete(request)
    return found
  }

  #over({ round }: Round): void {
    this.#cancelTimeouts.get(round)?.()
    this.#cancelTimeouts.delete(round)
  }

  #tellSettled(): void {
    if (!isSettled(this.#record)) return
    for (const tell of this.#whenSettled.splice(0)) tell(this.#latest)
  }
}

interface ManifestUnassigned {
  readonly startedMs: number
  readonly unassigned: ReturnType<CheckpointOwner['trigger']>
}

/** Names of the subtasks that hold what no snapshot would have. */
function unsavedIn(plan: Plan, nodes: readonly NamedNode[]): ReadonlySet<string> {
  const isUnsaved = ({ steps }: Plan['chains'][number]) =>
    steps.some(({ node }) => nodes[node]!.traits.saved === false)
  const chains = plan.chains.filter(isUnsaved).map(({ id }) => id)
  return new Set(
    subtasksOf(plan)
      .filter(({ chain }) => chains.includes(chain))
      .map(subtaskName),
  )
}

const heldUp = (): MillraceError =>
  new MillraceError(
    'E_NOT_SAVED',
    'no snapshot can be taken yet: the job has a sort or a bounded join that still collects its input, and ' +
      'keeps it outside of snapshots',
  )

const stops = (): MillraceError =>
  new MillraceError(
    'E_JOB_STOPPING',
    'the job is being stopped: no other snapshot of it is taken',
    {
      retryable: true,
    },
  )

const jobEnded = (): MillraceError =>
  new MillraceError('E_JOB_NOT_RUNNING', 'the job has ended before the snapshot was complete')

/** Another one may succeed. */
const abandoned = (reason: string): MillraceError =>
  new MillraceError('E_SNAPSHOT_ABANDONED', `the snapshot was given up: ${reason}`, {
    retryable: true,
  })

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

function barrierOf({ round, kind, isUnaligned }: Round): Barrier {
  const full = kind === 'savepoint'
  return isUnaligned
    ? { tag: BARRIER, round, full, unaligned: true }
    : { tag: BARRIER, round, full }
}

function bytesOf({ operators, mode }: Manifest): {
  readonly bytes: number
  readonly overtakenBytes: number | null
} {
  const sum = (refs: readonly ChunkRef[]) => refs.reduce((total, { bytes }) => total + bytes, 0)
  const subtasks = operators.flatMap((operator) => operator.subtasks)
  const overtakenBytes = sum(subtasks.flatMap(({ flights }) => flights))
  const bytes = sum(subtasks.flatMap(({ chunks }) => chunks)) + overtakenBytes
  return { bytes, overtakenBytes: mode === 'unaligned' ? overtakenBytes : null }
}
