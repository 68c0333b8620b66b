/**
 * Local copies of a node, as its slots use them: `lib/snapshot/local-copies.ts`.
 *
 * A slot puts what it writes here, too, and asks here first; what it says and is told of rounds passes by
 * and says what is still of use. A job whose last slot here has ended may come back: to restart after a
 * failure, or rescaled. So its copies are kept `KEPT_MS` longer; then they go.
 */
import type { Cancel, Clock } from '../../lib/base/clock.js'
import type { ChunkRef } from '../../lib/snapshot/chunk-store.js'
import { LocalCopies, type LocalCopiesOptions } from '../../lib/snapshot/local-copies.js'
import type { SlotEvent } from '../worker/protocol.js'
import type { Forwarded } from './protocol.js'

/** Where a node keeps copies. */
export type CopyPlace = Pick<LocalCopiesOptions, 'open' | 'bytesMax'>

/** What chunks a slot has read in order to go on, and where they were. */
export interface ReadChunks {
  /** From copies of this node. */
  readonly copies: number
  readonly copiedBytes: number
  /** From the snapshot store, by way of the coordinator. */
  readonly fetched: number
  readonly fetchedBytes: number
  /** Copies that were not as they had been written, among what was fetched. */
  readonly damaged: number
}

export interface NodeCopiesOwner {
  readonly clock: Clock
  read(ref: string, chunks: ReadChunks): void
  /** No more copies are made. */
  failed(reason: string): void
}

export const COPIES_KEPT_MS = 60_000

const nowhere: CopyPlace = { open: () => Promise.reject(new Error('no copies')), bytesMax: 0 }

export class NodeCopies {
  readonly #owner: NodeCopiesOwner
  readonly #isAny: boolean
  readonly #copies: LocalCopies
  /** Slots that are here, by job. */
  readonly #slots = new Map<string, number>()
  /** Jobs without a slot here, and what ends their time. */
  readonly #leaving = new Map<string, Cancel>()

  constructor(place: CopyPlace | null, owner: NodeCopiesOwner) {
    this.#owner = owner
    this.#isAny = place !== null
    const onFailed = ({ message }: Error) => owner.failed(message)
    this.#copies = new LocalCopies({ ...(place ?? nowhere), onFailed })
  }

  slot(job: string, ref: string): SlotCopies {
    return new SlotCopies(job, this.#copies, {
      began: () => this.#began(job),
      ended: () => this.#ended(job),
      read: (chunks) => this.#owner.read(ref, chunks),
    })
  }

  async close(): Promise<void> {
    for (const cancel of this.#leaving.values()) cancel()
    this.#leaving.clear()
    await this.#copies.close()
  }

  #began(job: string): void {
    this.#leaving.get(job)?.()
    this.#leaving.delete(job)
    this.#slots.set(job, (this.#slots.get(job) ?? 0) + 1)
  }

  #ended(job: string): void {
    const left = this.#slots.get(job)! - 1
    if (left > 0) return void this.#slots.set(job, left)
    this.#slots.delete(job)
    const forget = () => {
      this.#leaving.delete(job)
      this.#copies.forget(job)
    }
    if (!this.#isAny) return
    this.#leaving.set(job, this.#owner.clock.after(COPIES_KEPT_MS, forget))
  }
}

const nothing: ReadChunks = { copies: 0, copiedBytes: 0, fetched: 0, fetchedBytes: 0, damaged: 0 }

interface SlotCopiesOwner {
  began(): void
  ended(): void
  read(chunks: ReadChunks): void
}

/** The copies of a job, for one of its slots. */
export class SlotCopies {
  readonly #job: string
  readonly #copies: LocalCopies
  readonly #owner: SlotCopiesOwner
  #read = nothing
  #isOver = false

  constructor(job: string, copies: LocalCopies, owner: SlotCopiesOwner) {
    this.#job = job
    this.#copies = copies
    this.#owner = owner
  }

  /** The slot is there. *Caller must* say when it has ended. */
  began(): void {
    this.#owner.began()
  }

  /** Beside the durable store, which alone is waited for. */
  put(round: number, id: string, bytes: Uint8Array): void {
    if (!this.#isOver) this.#copies.put(this.#job, round, id, bytes)
  }

  /** `fetch` reads the durable store. */
  async get(ref: ChunkRef, fetch: () => Promise<Uint8Array | null>): Promise<Uint8Array | null> {
    const found = await this.#copies.get(this.#job, ref)
    if (typeof found !== 'string') {
      const { copies, copiedBytes } = this.#read
      this.#read = {
        ...this.#read,
        copies: copies + 1,
        copiedBytes: copiedBytes + found.length,
      }
      return found
    }
    const bytes = await fetch()
    const { fetched, fetchedBytes, damaged } = this.#read
    this.#read = {
      ...this.#read,
      fetched: fetched + 1,
      fetchedBytes: fetchedBytes + (bytes?.length ?? 0),
      damaged: damaged + (found === 'damaged' ? 1 : 0),
    }
    return bytes
  }

  /** What the slot has said. */
  event(event: SlotEvent): void {
    if (event.kind === 'SnapshotAcknowledged') this.#copies.acknowledged(this.#job, event.ack)
    if (event.kind === 'SlotLost') this.ended()
  }

  /** What the slot is told. */
  command(method: Forwarded, args: readonly unknown[]): void {
    const round = args[0] as number
    if (method === 'snapshotCompleted') this.#copies.completed(this.#job, round)
    if (method === 'snapshotAbandoned') this.#copies.abandoned(this.#job, round)
  }

  /** Subtasks have been opened, or could not be. */
  opened(): void {
    const read = this.#read
    this.#read = nothing
    if (read.copies + read.fetched > 0) this.#owner.read(read)
  }

  /** Idempotent. */
  ended(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#owner.ended()
  }
}
