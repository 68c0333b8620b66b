/** What a life of a job is launched with: its bundle is planned anew, for as many slots as it has now. */

import type { Plan } from '../../lib/graph/plan.js'
import type { JobSnapshots } from '../job/job-rounds.js'
import type { FromBefore, Launch, RunOptions } from '../job/launch.js'
import { checkpointsOf } from '../job/open-snapshots.js'
import type { DeployedAttempts } from '../job/region-opening.js'
import type { Planner } from '../planner/protocol.js'
import type { Slot } from '../worker/protocol.js'
import type { ClusterPool } from './cluster-pool.js'
import type { JobRecord } from './job-records.js'

export interface LifeParts {
  readonly record: JobRecord
  readonly runOptions: RunOptions
  readonly bundleFile: string
  readonly planner: Planner
  readonly pool: ClusterPool
  takeOver(
    plan: Plan,
    snapshots: JobSnapshots | null,
    note: (text: string) => void,
  ): Promise<FromBefore>
  deployed(present: DeployedAttempts, slots: readonly Slot[]): Promise<void>
}

export async function prepareLife(parts: LifeParts): Promise<Launch> {
  const { record, runOptions, bundleFile, pool } = parts
  const { options, slots, bundle } = record
  const { args = {} } = options
  const { plan, graph } = await parts.planner.plan({
    file: bundleFile,
    args,
    slots,
    checkpoints: checkpointsOf(runOptions.checkpoint),
    ...(options.parallelism === undefined ? {} : { parallelism: slots }),
  })
  return {
    plan,
    operators: graph.nodes.map(({ label }) => label),
    nodes: graph.nodes,
    module: { kind: 'bundle', file: bundle.sha256, args },
    pool,
    warnings: plan.warnings,
    takeOver: (snapshots, note) => parts.takeOver(plan, snapshots, note),
    deployed: (present, deployed) => parts.deployed(present, deployed),
  }
}
