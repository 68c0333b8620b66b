/**
 * Takes snapshots of an operator's state while the operator works, a few rows at a time, and sees whether
 * each holds what was there when it began: nothing in it may be changed in place unseen.
 */
import type { ChunkRef } from '../../lib/snapshot/chunk-store.js'
import { restoreState } from '../../lib/snapshot/state-restore.js'
import { createStateSnapshots, sourceOf } from '../../lib/snapshot/state-rounds.js'
import type { StateSnapshots } from '../../lib/snapshot/state-snapshots.js'
import { createHeapState } from '../../lib/state/heap-state.js'
import type { StateStore } from '../../lib/state/state.js'
import { contentOf } from './state-script.js'

const ROWS_PER_STEP = 3
/** More would make tests slow that are about something else. */
const ENTRIES_MAX = 500
/** Signals without a snapshot between two: more from snapshot to snapshot, so that long tests are no slower. */
const PAUSE_MAX = 60

export class SnapshotWatch {
  readonly #store: StateStore
  readonly #operator: string
  readonly #snapshots: StateSnapshots
  readonly #kept = new Map<string, Uint8Array>()
  #fresh: ChunkRef[] = []
  #round = 0
  #pause = 0
  #expected = ''

  constructor(store: StateStore, operator: string) {
    this.#store = store
    this.#operator = operator
    this.#snapshots = createStateSnapshots(store, operator)
    // A life that ended in the middle of a snapshot reads on no more.
    sourceOf(store).epochs.reading = false
  }

  /** Between two signals. Says what is wrong, if anything. */
  turn(): string | null {
    if (!this.#snapshots.encoded) return this.#step()
    if (this.#pause-- > 0 || this.#store.countEntries() > ENTRIES_MAX) return null
    this.#pause = Math.min(4 * this.#round, PAUSE_MAX)
    // Before it begins: in an epoch a state is walked over once.
    this.#expected = textOf(this.#store)
    this.#snapshots.begin(++this.#round, this.#round % 8 === 0)
    return this.#step()
  }

  #step(): string | null {
    for (const { bytes, count } of this.#snapshots.step(ROWS_PER_STEP)) {
      const id = `${this.#kept.size}`
      this.#kept.set(id, bytes)
      this.#fresh.push({ id, sha256: '', bytes: bytes.length, count })
    }
    if (!this.#snapshots.encoded) return null
    const chain = this.#snapshots.chain(this.#fresh)
    this.#fresh = []
    this.#snapshots.completed(this.#round)
    const found = this.#restored(chain.map(({ id }) => this.#kept.get(id)!))
    if (found === this.#expected) return null
    return `snapshot ${this.#round} holds ${found}, but there was ${this.#expected}`
  }

  #restored(chunks: readonly Uint8Array[]): string {
    const { maxParallelism } = sourceOf(this.#store)
    const store = createHeapState(maxParallelism)
    restoreState(store, [{ subtask: 0, chunks }], {
      operator: this.#operator,
      subtask: 0,
      parallelism: 1,
      formerParallelism: 1,
      maxParallelism,
    })
    return textOf(store)
  }
}

const textOf = (store: StateStore): string =>
  JSON.stringify(Object.entries(contentOf(store)).sort())
