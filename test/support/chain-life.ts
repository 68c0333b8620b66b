/**
 * One life of a chain in one subtask: operators with states of their own behind a gate that the test
 * closes, snapshotted as a barrier leaves them, and opened again over what the snapshot has.
 */
import { tap } from 'rxjs'
import { createNamedMetrics } from '../../lib/metrics/named-metrics.js'
import { type Chain, type ChainLink, openChain } from '../../lib/operators/chain.js'
import { deepFreeze } from '../../lib/operators/freeze.js'
import { fuse } from '../../lib/operators/fused-loop.js'
import { withoutSplits } from '../../lib/operators/lanes.js'
import type { OperatorContext, OperatorDefinition } from '../../lib/operators/operator.js'
import type { RecordErrorPolicy } from '../../lib/operators/record-error.js'
import { createRecordErrors } from '../../lib/operators/record-errors.js'
import {
  BARRIER,
  BATCH,
  BATCH_RECORDS_MAX,
  batch,
  end,
  type Signal,
  WATERMARK,
} from '../../lib/operators/signal.js'
import { restoreState } from '../../lib/snapshot/state-restore.js'
import { createStateSnapshots } from '../../lib/snapshot/state-rounds.js'
import type { StateSnapshots } from '../../lib/snapshot/state-snapshots.js'
import { createHeapState } from '../../lib/state/heap-state.js'
import type { StateStore } from '../../lib/state/state.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'
import { createMemorySpill } from './memory-spill.js'
import { MAX_PARALLELISM } from './operator-harness.js'

/** A record with what travels beside it. */
export interface Given {
  readonly record: unknown
  readonly key: unknown
  readonly timeMs: number
}

export interface LifePlan {
  /** In links of the chain: those of one link are fused, if there are several. */
  readonly links: readonly (readonly OperatorDefinition[])[]
  /** The chain stands behind a keyed exchange. */
  readonly keyed: boolean
  readonly generate: boolean
  /** After each batch that came out: may another come at once? */
  readonly staysOpen: () => boolean
  readonly policy?: RecordErrorPolicy
  /** Is the turn over where an operator asks? Default: never. */
  readonly isTurnOver?: () => boolean
}

/** Chunks of the operators' states, in order, of one subtask. */
export type Snapshot = readonly (readonly Uint8Array[])[]

/** What a life goes on from: the snapshots of all subtasks. */
export interface Restored {
  readonly snapshots: readonly Snapshot[]
  /** Changes what was restored, for mutants. */
  readonly spoil?: (state: StateStore) => void
}

export class ChainLife {
  readonly out: Given[] = []
  /** Barriers that have left the chain. */
  readonly passed: number[] = []
  /** Records that came out behind a watermark that had passed them. */
  late = 0
  #watermarkMs = Number.NEGATIVE_INFINITY
  writable = true
  failure: unknown = undefined
  readonly #plan: LifePlan
  readonly #chain: Chain
  readonly #states: StateStore[] = []
  readonly #snapshots: StateSnapshots[] = []

  constructor(plan: LifePlan, subtask: number, parallelism: number, restored: Restored | null) {
    this.#plan = plan
    const names = plan.links.flat().map((_, i) => `op-${i}`)
    const owned = ownedOf(plan)
    for (const [i, operator] of names.entries()) {
      const state = createHeapState(MAX_PARALLELISM, { freeze: deepFreeze })
      if (restored !== null) {
        const { snapshots } = restored
        const formerParallelism = snapshots.length
        const former = snapshots.map((chunks, subtask) => ({ subtask, chunks: chunks[i]! }))
        const same = formerParallelism === parallelism
        restoreState(state, same ? [former[subtask]!] : former, {
          operator,
          subtask,
          parallelism,
          formerParallelism,
          maxParallelism: MAX_PARALLELISM,
          ownsKeys: owned[i]!,
        })
        restored.spoil?.(state)
      }
      this.#states.push(state)
      this.#snapshots.push(createStateSnapshots(state, operator))
    }
    let keyed = plan.keyed
    let first = 0
    const links: ChainLink[] = []
    for (const definitions of plan.links) {
      const at = first
      first += definitions.length
      const keys = definitions.map(({ traits }) => {
        const before = keyed
        keyed ||= traits.keyAfter === 'set'
        return before
      })
      links.push((gate, wake) => {
        const contexts = definitions.map((_, i) =>
          this.#contextOf(at + i, subtask, parallelism, keys[i]!, gate, wake),
        )
        if (definitions.length === 1 && definitions[0]!.step === undefined) {
          return definitions[0]!.open(contexts[0]!)
        }
        const parts = definitions.map(({ step }, i) => ({ step: step!, context: contexts[i]! }))
        return fuse(parts, { generate: plan.generate })
      })
      links.push(() => tap((signal: Signal) => this.#onLeave(signal, at, definitions.length)))
    }
    const life = this
    this.#chain = openChain(
      links,
      {
        get writable() {
          return life.writable
        },
        write: ({ records, keys, times }) => {
          if (records.length > BATCH_RECORDS_MAX) throw new Error('an oversized batch')
          if (!this.writable) throw new Error('a batch through a closed gate')
          records.forEach((record, i) => {
            this.out.push({ record, key: keys?.[i], timeMs: times![i]! })
            if (times![i]! <= this.#watermarkMs) this.late++
          })
          this.writable = plan.staysOpen()
        },
        signal: (signal) => {
          if (signal.tag === BARRIER) this.passed.push(signal.round)
          if (signal.tag === WATERMARK) this.#watermarkMs = signal.timeMs
        },
      },
      {
        onWake: () => {},
        isTurnOver: () => plan.isTurnOver?.() ?? false,
        onFailure: (error) => {
          this.failure = error
        },
      },
    )
  }

  get blocked(): boolean {
    return this.#chain.blocked
  }

  get storable(): boolean {
    return this.#chain.storable
  }

  /** Caller must see that it is not blocked. */
  give(records: readonly Given[]): void {
    this.writable = true
    this.#push(
      batch(
        records.map(({ record }) => record),
        this.#plan.keyed ? records.map(({ key }) => key) : null,
        null,
        Float64Array.from(records, ({ timeMs }) => timeMs),
      ),
    )
  }

  /** Credit for some batches. */
  grant(): void {
    this.writable = true
    this.#chain.drain()
    this.#check()
  }

  /** Gives credit until nothing is left. */
  drain(): void {
    while (this.blocked) this.grant()
  }

  /** What is left comes out, and then the end. */
  end(): void {
    this.drain()
    this.#push(end)
    this.drain()
  }

  /** A barrier passes, whatever is deferred; the snapshot is of what the operators then hold. */
  barrier(round: number): Snapshot {
    this.#push({ tag: BARRIER, round, full: true })
    if (this.passed.at(-1) !== round) throw new Error('the barrier waits')
    return this.#snapshots.map((snapshots) => {
      const chunks: Uint8Array[] = []
      while (!snapshots.encoded) chunks.push(...snapshots.step(100).map(({ bytes }) => bytes))
      snapshots.completed(round)
      return chunks
    })
  }

  close(): void {
    this.#chain.close()
  }

  #push(signal: Signal): void {
    this.#chain.push(signal)
    this.#check()
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure
  }

  #onLeave(signal: Signal, at: number, count: number): void {
    if (signal.tag === BATCH && signal.records.length === 0) throw new Error('an empty batch')
    if (signal.tag !== BARRIER) return
    for (let i = at; i < at + count; i++) this.#snapshots[i]!.begin(signal.round, signal.full)
  }

  #contextOf(
    at: number,
    subtask: number,
    parallelism: number,
    keyed: boolean,
    gate: OperatorContext['gate'],
    wake: OperatorContext['wake'],
  ): OperatorContext {
    const operator = `op-${at}`
    const none = () => {
      throw new Error('not here')
    }
    return {
      operator,
      subtask,
      parallelism,
      maxParallelism: MAX_PARALLELISM,
      gate,
      clock: createVirtualClock(),
      state: this.#states[at]!,
      spill: createMemorySpill(),
      errors: createRecordErrors({
        operator,
        policy: this.#plan.policy ?? 'fail',
        deadLetter: () => {},
      }),
      keyed,
      lanes: withoutSplits(),
      restoredTimeMs: Number.NEGATIVE_INFINITY,
      wake,
      holdInput: none,
      readsSplits: false,
      inputFollows: () => false,
      owesTime: () => {},
      align: none,
      complete: none,
      count: () => {},
      metrics: createNamedMetrics(operator),
      side: none,
    }
  }
}

/** By operator: its key is still the one that the chain is fed by. */
function ownedOf({ links, keyed }: LifePlan): readonly boolean[] {
  let owned = keyed
  return links.flat().map(({ traits }) => {
    const before = owned
    owned &&= traits.keyAfter === 'kept'
    return before
  })
}
