/** Makes the jobs of a coordinator: gives each of them what the coordinator knows, keeps and does for it. */
import { join } from 'node:path'
import type { Subject } from 'rxjs'
import type { Clock } from '../../lib/base/clock.js'
import type { Random } from '../../lib/base/random.js'
import type { Planner } from '../planner/protocol.js'
import { ClusterJob } from './cluster-job.js'
import type { JobRecord } from './job-records.js'
import type { KeptSlots } from './kept-slots.js'
import type { NodeDesk } from './node-desk.js'
import type { NodeRegistry } from './node-registry.js'
import type { ClusterEvent } from './protocol.js'
import type { SlotDesk } from './slot-desk.js'
import type { CoordinatorStores } from './stores.js'

export interface JobMakerParts {
  readonly term: number
  readonly clock: Clock
  readonly random: Random
  readonly stores: CoordinatorStores
  /** Where snapshots lie, of each job in a directory of its own. */
  readonly snapshots: string
  readonly planner: Planner
  readonly slots: SlotDesk
  readonly nodes: NodeDesk
  readonly registry: NodeRegistry
  readonly kept: KeptSlots
  readonly events$: Subject<ClusterEvent>
  couldNotBegin(job: string, error: Error): void
}

/** Numbers of sessions fit 32 bits: so many of each coordinator, and of so many of them. */
const SESSIONS_PER_TERM = 2 ** 20
const SESSION_TERMS = 2 ** 12

export class JobMaker {
  readonly #parts: JobMakerParts
  /** Numbers of no earlier coordinator, for slots that are adopted have some of it. */
  #sessions: number

  constructor(parts: JobMakerParts) {
    this.#parts = parts
    this.#sessions = (parts.term % SESSION_TERMS) * SESSIONS_PER_TERM
  }

  make(record: JobRecord): ClusterJob {
    const { term, clock, random, stores, slots, nodes, registry, kept, events$ } = this.#parts
    const { planner } = this.#parts
    const snapshots = join(this.#parts.snapshots, record.id)
    return new ClusterJob({
      record,
      term,
      snapshots,
      hasSnapshots: () => stores.hasSnapshots(snapshots),
      lastRound: () => stores.lastRound(snapshots),
      bundleFile: stores.shelf.fileOf(record.bundle.sha256),
      planner,
      world: { clock, random, openStore: (place) => stores.openSnapshots(place) },
      place: (...wanted) => slots.place(...wanted),
      urlOf: (node) => registry.urlOf(node),
      newSession: () => ++this.#sessions,
      lackingFor: (...wanted) => slots.lackingFor(...wanted),
      foundApart: (...found) => slots.foundApart(...found),
      setUpFailed: (node, reason) =>
        slots.setUpFailed(node, (forMs) =>
          events$.next({ kind: 'NodeInDoubt', node, reason, forMs }),
        ),
      onSlot: (slot) => registry.addSlot(slot),
      onSlotEnded: (slot) => {
        registry.removeSlot(slot)
        slots.released(slot.ref)
        nodes.slotEnded()
      },
      onWaits: (wanted) => events$.next({ kind: 'JobWaits', job: record.id, ...wanted }),
      save: (changed) => stores.records.save(changed),
      takeKept: () => kept.take(record.id),
      onAdopted: () => events$.next({ kind: 'JobAdopted', job: record.id }),
      onCouldNotBegin: (error) => this.#parts.couldNotBegin(record.id, error),
    })
  }
}
