/** A job takes over what nodes have kept of it, or learns why it cannot: "Adoption" in `node/protocol.ts`. */
import type { Plan } from '../../lib/graph/plan.js'
import { adopt, type Deployment } from '../../lib/job/adoption.js'
import type { TakenOver } from '../job/job-actor.js'
import { type JobSnapshots, newestOf } from '../job/job-rounds.js'
import type { ClusterPool } from './cluster-pool.js'
import type { Place, RemoteSlot } from './remote-slot.js'

export interface TakeOver {
  readonly deployment: Deployment
  readonly plan: Plan
  readonly snapshots: JobSnapshots | null
  readonly pool: ClusterPool
  /** Of the slots, by index. */
  readonly places: readonly Place[]
}

export type TookOver =
  | { readonly kind: 'taken'; readonly taken: TakenOver }
  /** None of its slots is left. */
  | { readonly kind: 'refused'; readonly reason: string }

export async function takeOver(what: TakeOver): Promise<TookOver> {
  const { deployment, plan, snapshots, pool, places } = what
  const slots = pool.adopt(deployment.slots.map(({ ref }) => ref))
  try {
    // All are bound before any is asked: each may be lost from then on.
    const asked = slots.map((slot, index) => slot.adopt(places[index]!))
    const holdings = await Promise.all(asked)
    if (slots.length !== pool.size) return refuse(slots, ON_TRIAL)
    if (snapshots !== null && !isNewest(snapshots)) return refuse(slots, PASSED_OVER)
    const newest = snapshots === null ? null : newestOf(snapshots, plan)
    const adoption = adopt(deployment, plan, holdings, newest)
    if (adoption.kind === 'restart') return refuse(slots, adoption.reason)
    return { kind: 'taken', taken: { adopted: adoption.adopted, slots } }
  } catch (error) {
    return refuse(slots, (error as Error).message)
  }
}

const ON_TRIAL = 'it had not begun to run with another number of slots'
const PASSED_OVER = 'its newest snapshot is damaged'

/** What is restored is what was committed last. */
const isNewest = ({ stores }: JobSnapshots): boolean =>
  (stores.restored?.round ?? 0) === stores.lastRound

function refuse(slots: readonly RemoteSlot[], reason: string): TookOver {
  for (const slot of slots) void slot.kill(`the job does not go on with it: ${reason}`)
  return { kind: 'refused', reason }
}
