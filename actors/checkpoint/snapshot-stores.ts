/**
 * The stores of one job's snapshots: its own, for checkpoints, and one for each savepoint while it is
 * being made. Opened before the job starts.
 *
 * A savepoint with which the job stops lies in both: what is prepared is committed with it, and where anything dies
 * before all of that is done, the job goes on from there, not from before.
 */
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { MillraceError } from '../../lib/base/errors.js'
import type { ChunkStore } from '../../lib/snapshot/chunk-store.js'
import { encodeManifest, type Manifest } from '../../lib/snapshot/manifest.js'
import { chunksOf } from '../../lib/snapshot/manifest-chunks.js'
import { planRetention, type StoredManifest } from '../../lib/snapshot/retention.js'
import { isDamage, readManifest } from '../../lib/snapshot/verify.js'

export interface SnapshotStoresOptions {
  readonly store: ChunkStore
  /** Opens a store for a savepoint. */
  readonly open: (directory: string) => Promise<ChunkStore>
  /** Manifests to keep. */
  readonly retained: number
  /** What the job goes on from, and where it lies where that is not the job's own store. */
  readonly restored: Manifest | null
  readonly restoredFrom: ChunkStore | null
  /** The job takes that place over: it is deleted as soon as a checkpoint of the job's own is there. */
  readonly claims: boolean
}

export class SnapshotStores {
  /** Largest number of a manifest when the job began. */
  readonly lastRound: number
  readonly restored: Manifest | null
  readonly #options: SnapshotStoresOptions
  /** Of savepoints under way, by round. */
  readonly #savepoints = new Map<number, Savepoint>()
  #retiring: Promise<void> = Promise.resolve()
  #isClaimed = false
  #mayBeStored: boolean
  /** Chunks put into the job's own store, by round, until that is over. */
  readonly #written = new Map<number, Set<string>>()
  /** Chunks that are being put. */
  readonly #putting = new Set<string>()
  /** Chunks of rounds that are over: garbage where no manifest names them. Null: all there are. */
  #suspects: Set<string> | null = null
  /** Ids that a manifest names; what is committed never changes. */
  readonly #named = new Map<number, readonly string[]>()

  /** The two that were committed last, or restored. */
  #recent: readonly number[]
  /** The oldest one that a round may build on, by round. */
  readonly #basis = new Map<number, number>()

  constructor(options: SnapshotStoresOptions, lastRound: number) {
    this.#options = options
    this.#recent = options.restored === null ? [] : [options.restored.round]
    this.lastRound = lastRound
    this.restored = options.restored
    this.#mayBeStored = options.restored !== null
  }

  /** Where what is restored lies, or would. */
  get origin(): string {
    return (this.#options.restoredFrom ?? this.#options.store).place
  }

  /** A manifest of this run, or one that it goes on from, may be stored somewhere: also where a commit failed. */
  get mayBeStored(): boolean {
    return this.#mayBeStored
  }

  /** Of the job's own store. */
  get place(): string {
    return resolve(this.#options.store.place)
  }

  /** `directory`: of a savepoint; null: it is a checkpoint. `stops`: the job does, with that round. */
  begin(round: number, directory: string | null, stops = false): void {
    // A subtask may not have heard yet that the newest one is complete, and build on that before it.
    this.#basis.set(round, this.#recent[0] ?? 0)
    if (directory === null) return
    const opened = this.#options.open(directory).catch((error: unknown) => {
      throw stops ? notWritten(error) : error
    })
    opened.catch(() => {})
    this.#savepoints.set(round, { opened, isOwn: stops })
  }

  async put(round: number, id: string, bytes: Uint8Array): Promise<void> {
    const { own, savepoint } = await this.#storesOf(round)
    if (own !== null) this.#note(round, id)
    try {
      const puts = [own?.put(id, bytes), savepoint?.put(id, bytes)]
      const [ofOwn, ofSavepoint] = await Promise.allSettled(puts)
      if (ofOwn!.status === 'rejected') throw ofOwn!.reason
      if (ofSavepoint!.status === 'rejected') {
        throw own === null ? ofSavepoint!.reason : notWritten(ofSavepoint!.reason)
      }
    } finally {
      this.#putting.delete(id)
    }
  }

  /** Chunks that were restored may lie in another place. */
  async get(id: string): Promise<Uint8Array | null> {
    const { store, restoredFrom } = this.#options
    const from = this.#isClaimed ? null : restoredFrom
    // There first: a savepoint was read to its last byte before, and what it names may lie in the job's own, too.
    return (await from?.get(id)) ?? (await store.get(id))
  }

  /** Resolves when it is durable. */
  async commit(manifest: Manifest): Promise<Committed> {
    const { round } = manifest
    const { own, savepoint } = await this.#storesOf(round)
    const checkpoint: Manifest | null = own === null ? null : { ...manifest, kind: 'checkpoint' }
    this.#mayBeStored = true
    if (checkpoint === null) {
      await savepoint!.commit(round, encodeManifest(manifest))
      return { latest: null, lost: null }
    }
    await own!.commit(round, encodeManifest(checkpoint))
    this.#recent = [...this.#recent, round].slice(-2)
    // From here on the job has it, whatever becomes of the rest.
    let lost: Error | null = null
    await savepoint?.commit(round, encodeManifest(manifest)).catch((error: unknown) => {
      lost = notWritten(error, own!.place)
    })
    // What cannot be deleted stays, and nobody reads it.
    await this.#claim().catch(() => {})
    return { latest: checkpoint, lost }
  }

  /** The round is over: a savepoint's store is closed. */
  async end(round: number): Promise<void> {
    const savepoint = this.#savepoints.get(round)
    this.#savepoints.delete(round)
    const store = await savepoint?.opened.catch(() => null)
    await store?.close()
  }

  /**
   * Deletes manifests beyond those to keep, and chunks that neither these nor running rounds need. What
   * fails is tried again with the next call.
   */
  retire(running: readonly number[]): Promise<void> {
    // What begins while this is under way is not over.
    const known = new Set([...this.#written.keys(), ...this.#basis.keys()])
    const over = [...known].filter((round) => !running.includes(round))
    const retired = this.#retiring.then(() => this.#retire(over))
    this.#retiring = retired.catch(() => {})
    return retired
  }

  async close(): Promise<void> {
    const { store, restoredFrom } = this.#options
    await this.#retiring
    await store.close()
    if (restoredFrom !== null && !this.#isClaimed) await restoredFrom.close()
  }

  /** A checkpoint of its own builds on nothing that was restored. */
  async #claim(): Promise<void> {
    const { restoredFrom, claims } = this.#options
    if (restoredFrom === null || !claims || this.#isClaimed) return
    this.#isClaimed = true
    await restoredFrom.close()
    await rm(restoredFrom.place, { recursive: true, force: true })
  }

  async #retire(over: readonly number[]): Promise<void> {
    const { store, retained } = this.#options
    const suspects = await this.#takeSuspects(over)
    const manifests = await this.#stored()
    const spared = new Set([
      ...this.#putting,
      ...[...this.#written.values()].flatMap((ids) => [...ids]),
    ])
    const { retire, garbage } = planRetention({
      manifests,
      retained,
      pinned: this.#builtUpon(over, manifests),
      suspects,
      isSpared: (id) => spared.has(id),
    })
    for (const number of retire) await store.retire(number)
    await store.delete(garbage)
    // What is being put now may come after it was deleted: it is looked at once more.
    this.#suspects = new Set([...suspects].filter((id) => spared.has(id)))
    for (const number of retire) this.#named.delete(number)
  }

  /** At first everything in the store: an earlier process may have left what nobody names. */
  async #takeSuspects(over: readonly number[]): Promise<ReadonlySet<string>> {
    this.#suspects ??= await idsIn(this.#options.store)
    for (const round of over) {
      for (const id of this.#written.get(round) ?? []) this.#suspects.add(id)
      this.#written.delete(round)
    }
    return this.#suspects
  }

  /** Manifests whose chunks a running round may go on naming. */
  #builtUpon(over: readonly number[], manifests: readonly StoredManifest[]): ReadonlySet<number> {
    for (const round of over) this.#basis.delete(round)
    const first = Math.min(...this.#basis.values())
    return new Set(manifests.map(({ number }) => number).filter((number) => number >= first))
  }

  async #stored(): Promise<readonly StoredManifest[]> {
    const stored: StoredManifest[] = []
    for (const number of await this.#options.store.manifests()) {
      stored.push({ number, chunks: this.#named.get(number) ?? (await this.#read(number)) })
    }
    return stored
  }

  async #read(number: number): Promise<readonly string[] | null> {
    try {
      const manifest = await readManifest(this.#options.store, number)
      const ids = chunksOf(manifest).map(({ id }) => id)
      this.#named.set(number, ids)
      return ids
    } catch (error) {
      if (isDamage(error)) return null
      throw error
    }
  }

  #note(round: number, id: string): void {
    const ids = this.#written.get(round) ?? new Set()
    this.#written.set(round, ids.add(id))
    this.#putting.add(id)
  }

  async #storesOf(round: number): Promise<RoundStores> {
    const found = this.#savepoints.get(round)
    const own = found === undefined || found.isOwn ? this.#options.store : null
    return { own, savepoint: (await found?.opened) ?? null }
  }
}

export interface Committed {
  /** What the job goes on from now; null: from what it did before. */
  readonly latest: Manifest | null
  /** Why there is no savepoint, although the job has that checkpoint; null: there is, or none was wanted. */
  readonly lost: Error | null
}

/** No failure of the job's own store. `stopped`: where the job has the checkpoint behind which it stops. */
function notWritten(cause: unknown, stopped: string | null = null): MillraceError {
  const why = cause instanceof Error ? cause.message : String(cause)
  const hint = stopped === null ? '' : `the job has stopped behind a checkpoint in ${stopped}, but `
  return new MillraceError('E_SNAPSHOT_ABANDONED', `${hint}the savepoint is not there: ${why}`, {
    cause,
  })
}

interface Savepoint {
  readonly opened: Promise<ChunkStore>
  /** It is a checkpoint of the job, too. */
  readonly isOwn: boolean
}

interface RoundStores {
  /** The job's; null: the round is none of its checkpoints. */
  readonly own: ChunkStore | null
  readonly savepoint: ChunkStore | null
}

async function idsIn(store: ChunkStore): Promise<Set<string>> {
  const ids = new Set<string>()
  for await (const id of store.list()) ids.add(id)
  return ids
}
