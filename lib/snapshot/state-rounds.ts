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
import { type ChainWeight, type Extents, isHeavy, type Sizes, weightWith } from './chain-weight.js'
import type { ChunkRef } from './chunk-store.js'
import { SectionEncoders, StateEncoding } from './state-encoding.js'
import type { CreateStateSnapshots, StateChunk, StateSnapshots } from './state-snapshots.js'

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
  /** Entries of each state at its beginning. */
  readonly sizes: Sizes
  /** What it holds of each; null: it is not encoded yet. */
  extents: Extents | null
}

/** The newest round that is known to be complete. */
interface Base {
  readonly epoch: number
  readonly refs: readonly ChunkRef[]
  readonly weight: ChainWeight
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
    this.#states = this.#source.states()
    const sizes = new Map(this.#states.map(({ name, size }) => [name, size]))
    const base =
      full || this.#base === null || isHeavy(this.#base.weight, sizes) ? null : this.#base
    const { now: epoch } = epochs
    this.#current = { round, epoch, base, isBasis: !full, refs: null, sizes, extents: null }
    this.#pending.push(this.#current)
    this.#forget()
    const head = { operator: this.#operator, round, full: base === null, maxParallelism }
    this.#encoding = new StateEncoding(head, this.#encoders, this.#now)
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
        this.#current!.extents = encoding.extents
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

/** What later rounds build on. */
function baseOf({ epoch, base, sizes, extents }: Pending, refs: readonly ChunkRef[]): Base {
  const round = { chunks: refs.length, extents: extents!, sizes }
  return {
    epoch,
    refs: base === null ? refs : [...base.refs, ...refs],
    weight: weightWith(base?.weight ?? null, round),
  }
}
