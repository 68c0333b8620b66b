/**
 * Snapshots of a state store, by rounds. How state is frozen: `base/epochs.ts`, and the tables of `lib/state`;
 * what it becomes: `state-chunk.ts`.
 *
 * Each round begins an epoch. A round's changes are those of the epochs since the round it builds on
 * began, so an abandoned round's changes belong to the next one by themselves.
 */
import { assert } from '../base/assert.js'
import type { Pace } from '../base/pace.js'
import type { SnapshotSource, StoredState } from '../state/frozen.js'
import type { StateStore } from '../state/state.js'
import type { ChunkRef } from './chunk-store.js'
import { SectionEncoders, StateEncoding } from './state-encoding.js'
import type { CreateStateSnapshots, StateChunk, StateSnapshots } from './state-snapshots.js'

/** Rounds that build on each other at most, where a full round has fewer chunks. */
export const CHAIN_MAX = 32
/** A step ends early after so much, where rows are large … */
const STEP_BYTES = 1024 * 1024
/** … and after so long, which is looked at behind so many rows of the heap. */
const STEP_MS = 2.5
const ROWS_PER_LOOK = 512
/** Time stands still. */
const timeless = (): number => 0

export const createStateSnapshots: CreateStateSnapshots = (store, operator, now = timeless) =>
  new StateRounds(sourceOf(store), operator, now)

/** Every store of this library can be snapshotted. */
export function sourceOf(store: StateStore): SnapshotSource {
  const source = store as StateStore & Partial<SnapshotSource>
  assert(source.epochs !== undefined, 'a state store can be snapshotted')
  return source as unknown as SnapshotSource
}

/** A round whose fate is not known. */
interface Pending {
  readonly round: number
  readonly epoch: number
  /** What it builds on; null: it is full. */
  readonly base: Base | null
  /** Later ones may build on it: one that was to be full may lie elsewhere. */
  readonly isBasis: boolean
  refs: readonly ChunkRef[] | null
}

/** The newest round that is known to be complete. */
interface Base {
  readonly epoch: number
  readonly refs: readonly ChunkRef[]
  readonly rounds: number
  /** Of the full round at the beginning, and of those behind it. */
  readonly full: Extent
  readonly deltas: Extent
}

interface Extent {
  readonly chunks: number
  readonly bytes: number
  readonly rows: number
}

class StateRounds implements StateSnapshots {
  readonly #source: SnapshotSource
  readonly #operator: string
  #base: Base | null = null
  /** In the order of their beginning. */
  #pending: Pending[] = []
  /** The round that is being encoded. */
  #current: Pending | null = null
  readonly #encoders: SectionEncoders
  #encoding: StateEncoding | null = null
  #states: readonly StoredState[] = []
  #next = 0
  #walk: Iterator<void> | null = null
  readonly #pace: Pace = { left: 0 }
  readonly #now: () => number

  constructor(source: SnapshotSource, operator: string, now: () => number) {
    this.#source = source
    this.#operator = operator
    this.#encoders = new SectionEncoders(operator)
    this.#now = now
  }

  begin(round: number, full: boolean): void {
    assert(this.#current === null, 'one round encodes at a time')
    const { epochs, maxParallelism } = this.#source
    epochs.now++
    epochs.reading = true
    const base = full || this.#base === null || this.#isHeavy(this.#base) ? null : this.#base
    this.#current = { round, epoch: epochs.now, base, isBasis: !full, refs: null }
    this.#pending.push(this.#current)
    this.#forget()
    const head = { operator: this.#operator, round, full: base === null, maxParallelism }
    this.#encoding = new StateEncoding(head, this.#encoders, this.#now)
    this.#states = this.#source.states()
    this.#next = 0
  }

  step(rows: number): readonly StateChunk[] {
    const encoding = this.#encoding
    if (encoding === null) return []
    const { rowCost } = this.#source
    const untilMs = this.#now() + STEP_MS
    encoding.begin(this.#pace, STEP_BYTES, untilMs)
    for (let left = rows; left > 0 && this.#current !== null; left -= ROWS_PER_LOOK) {
      this.#pace.left = Math.min(left, ROWS_PER_LOOK) / rowCost
      this.#walkOn(encoding)
      // A run goes on until its frame is full.
      left += Math.min(0, this.#pace.left * rowCost)
      if (encoding.isFull || this.#now() >= untilMs) break
    }
    return encoding.take()
  }

  /** As far as its pace allows. */
  #walkOn(encoding: StateEncoding): void {
    while (this.#pace.left > 0) {
      this.#walk ??= this.#nextWalk(encoding)
      if (this.#walk === null) {
        encoding.end()
        return this.#stop()
      }
      if (this.#walk.next().done === true && encoding.endState()) this.#walk = null
    }
  }

  get encoded(): boolean {
    return this.#current === null
  }

  chain(refs: readonly ChunkRef[]): readonly ChunkRef[] {
    const pending = this.#pending.find((each) => each.refs === null)
    assert(pending !== undefined && pending !== this.#current, 'a round is encoded')
    pending.refs = refs
    return pending.base === null ? refs : [...pending.base.refs, ...refs]
  }

  completed(round: number): void {
    const done = this.#pending.find((each) => each.round === round)
    if (done === undefined || done.refs === null) return
    this.#pending = this.#pending.filter(({ epoch }) => epoch > done.epoch)
    if (done.isBasis) this.#base = baseOf(done, done.refs)
    this.#forget()
  }

  abandoned(round: number): void {
    if (this.#current?.round === round) this.#stop()
    this.#pending = this.#pending.filter((each) => each.round !== round)
    this.#forget()
  }

  /**
   * True where everything anew is better than one round more; a chain begins with a full round. Rows of a state that
   * grows stay what they are: as long as most rows of the chain are the only ones of their entries, however many came
   * behind the full round, little would be saved.
   */
  #isHeavy({ refs, rounds, full, deltas }: Base): boolean {
    if (refs.length === 0) return true
    if (rounds >= CHAIN_MAX && deltas.chunks >= full.chunks) return true
    return deltas.bytes > full.bytes && full.rows + deltas.rows > 2 * this.#source.countEntries()
  }

  #nextWalk(encoding: StateEncoding): Iterator<void> | null {
    const state = this.#states[this.#next++]
    if (state === undefined) return null
    const from = this.#current!.base?.epoch ?? null
    return state.walk(encoding.beginState(state), from, this.#pace)
  }

  #stop(): void {
    this.#source.epochs.reading = false
    this.#current = null
    this.#encoding = null
    this.#states = []
    this.#walk?.return?.()
    this.#walk = null
  }

  /** Says which epochs some round may still ask for. */
  #forget(): void {
    const { epochs } = this.#source
    let needed = epochs.now
    if (this.#base !== null) needed = Math.min(needed, this.#base.epoch)
    for (const { epoch, base } of this.#pending) {
      needed = Math.min(needed, epoch)
      if (this.#current?.epoch === epoch && base !== null) needed = Math.min(needed, base.epoch)
    }
    epochs.needed = needed
  }
}

const NOTHING: Extent = { chunks: 0, bytes: 0, rows: 0 }

function baseOf({ epoch, base }: Pending, refs: readonly ChunkRef[]): Base {
  const extent = refs.reduce(grown, NOTHING)
  if (base === null) return { epoch, refs, rounds: 1, full: extent, deltas: NOTHING }
  return {
    epoch,
    refs: [...base.refs, ...refs],
    rounds: base.rounds + 1,
    full: base.full,
    deltas: refs.reduce(grown, base.deltas),
  }
}

const grown = ({ chunks, bytes, rows }: Extent, ref: ChunkRef): Extent => ({
  chunks: chunks + 1,
  bytes: bytes + ref.bytes,
  rows: rows + ref.count,
})
