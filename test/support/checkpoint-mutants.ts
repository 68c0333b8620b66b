/**
 * Protections of snapshots that are taken away on purpose, so that the oracle can show that it sees it. For
 * threads of their own: what is changed in classes is changed for good.
 */
import { SplitDesk } from '../../actors/job/split-desk.js'
import type { Source } from '../../lib/connectors/source.js'
import type { ChunkStore } from '../../lib/snapshot/chunk-store.js'
import {
  decodeManifest,
  encodeManifest,
  type OperatorSnapshot,
  type SubtaskSnapshot,
  type UnassignedSplits,
} from '../../lib/snapshot/manifest.js'
import type { Mutation } from './crashing-store.js'
import { callsAsync, type Row } from './simulated-topology.js'

export interface Mutant extends Mutation {
  /** Barriers block no channel. */
  readonly notAligned?: boolean
  /** What barriers have overtaken is not in the manifest. */
  readonly losesFlights?: boolean
  /** Records for which a function was called that has not answered are not in it. */
  readonly losesCalls?: boolean
  /** Sources go on where they were, wherever the snapshot was. */
  readonly noReplay?: boolean
  /** What is called again for the rest of its results gives them in another order. */
  readonly expandsAnew?: boolean
  /** Splits are handed out one by one, whatever the seed says. */
  readonly inTurn?: boolean
  /** Changes what all jobs of the thread are made of. */
  readonly patch?: () => void
}

/** By name: one protection taken away. */
export const MUTANTS: Readonly<Record<string, Mutant>> = {
  'alignment off': { notAligned: true },
  'overtaken data dropped': { losesFlights: true },
  'async calls not made again': { losesCalls: true },
  'replay off': { noReplay: true },
  'splits of a dead subtask stay assigned': { inTurn: true, patch: keepAssignments },
  'commit before complete': { commitsEarly: true },
  'stale life accepted': { acceptsStale: true },
  // No fault of what is tested: it shows that expansions go on in the middle in another life.
  'expansions give others again': { expandsAnew: true },
}

/** A source whose position is always that of what was read last, whatever the snapshot says. */
export function forgettingSource(
  made: Source<Row>,
  positions: Map<string, number>,
  index: number,
): Source<Row> {
  return {
    ...made,
    splits: (count) => made.splits(count),
    open(split, position, context) {
      const id = `${index}/${split.id}`
      const reader = made.open(
        split,
        position === null ? null : (positions.get(id) ?? position),
        context,
      )
      return {
        read: (out, max) => reader.read(out, max),
        close: () => reader.close(),
        position() {
          const at = reader.position()
          if (at !== null) positions.set(id, at as number)
          return at
        },
      }
    },
  }
}

/** A store whose manifests do not name what the mutant loses. */
export function forgettingStore(
  store: ChunkStore,
  { losesFlights = false, losesCalls = false }: Mutant,
): ChunkStore {
  if (!losesFlights && !losesCalls) return store
  const lostOf = ({ name }: OperatorSnapshot): Partial<SubtaskSnapshot> => ({
    ...(losesFlights && { flights: [] }),
    ...(losesCalls && callsAsync(name) && { chunks: [] }),
  })
  const forgetting = (bytes: Uint8Array): Uint8Array => {
    const manifest = decodeManifest(bytes, 'a manifest')
    const operators = manifest.operators.map((operator) => {
      const lost = lostOf(operator)
      const subtasks = operator.subtasks.map((subtask) => ({ ...subtask, ...lost }))
      return { ...operator, subtasks }
    })
    return encodeManifest({ ...manifest, operators })
  }
  return { ...store, commit: (number, bytes) => store.commit(number, forgetting(bytes)) }
}

/** A source whose region begins anew hands out what it had not handed out, whatever the snapshot says. */
function keepAssignments(): void {
  const { begins, restore } = SplitDesk.prototype
  const left = new WeakMap<SplitDesk, Map<number, UnassignedSplits>>()
  SplitDesk.prototype.begins = function (chains, attempt) {
    left.set(this, new Map([...(left.get(this) ?? []), ...this.unassigned]))
    begins.call(this, chains, attempt)
  }
  SplitDesk.prototype.restore = function (chain, attempt, unassigned) {
    restore.call(this, chain, attempt, left.get(this)?.get(chain) ?? unassigned)
  }
}
