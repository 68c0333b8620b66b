/** What a job of a cluster is made with: what the coordinator knows, keeps and does for it. */
import type { SlotWish } from '../../lib/placement/place.js'
import type { RunWorld } from '../job/launch.js'
import type { Planner } from '../planner/protocol.js'
import type { ClusterPoolParts } from './cluster-pool.js'
import type { JobRecord } from './job-records.js'
import type { SlotsWanted } from './protocol.js'
import type { Place, RemoteSlot } from './remote-slot.js'

/** Of a pool, that a job makes of its own. */
type ReplacedParts = 'place' | 'foundApart' | 'onSlot' | 'onEnded'

export interface ClusterJobParts
  extends Omit<ClusterPoolParts, 'size' | 'life' | 'stallMs' | ReplacedParts> {
  readonly record: JobRecord
  readonly term: number
  /** Where its snapshots lie. */
  readonly snapshots: string
  /** True where there is one to go on from. */
  readonly hasSnapshots: () => Promise<boolean>
  /** The newest of them; 0: there is none. */
  readonly lastRound: () => Promise<number>
  readonly bundleFile: string
  readonly planner: Planner
  readonly world: RunWorld
  place(
    ref: string,
    wish: SlotWish,
    waitMs: number,
    waits: (missing: string) => void,
  ): Promise<Place>
  /** Two of its nodes could not connect; `leave` is told which it is to leave. */
  foundApart(pair: readonly [string, string], wish: SlotWish, leave: (node: string) => void): void
  /** What is not there for as many slots, for people; null: there is room. */
  lackingFor(wish: SlotWish, slots: number): Promise<string | null>
  onSlot(slot: RemoteSlot): void
  onSlotEnded(slot: RemoteSlot): void
  /** Told again when that changes. */
  onWaits(wanted: SlotsWanted): void
  /** It is to be the same after a restart of the coordinator. */
  save(record: JobRecord): Promise<void>
  /** Where its slots are that nodes have kept, by index; null: not all of them are there. At most once. */
  takeKept(): readonly Place[] | null
  /** It goes on where an earlier coordinator has left it. */
  onAdopted(): void
  /** One try to go on with it has failed before anything ran: the job has not ended, and waits to be started again. */
  onCouldNotBegin(error: Error): void
}
