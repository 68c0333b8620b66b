/** Makes the actor of one region in one slot: its channels, and where each of its subtasks stands. */
import type { Clock } from '../../lib/base/clock.js'
import { errorToData } from '../../lib/base/errors.js'
import type { Random } from '../../lib/base/random.js'
import type { LinkRouter } from '../../lib/channel/link-router.js'
import { type SubtaskId, subtaskName } from '../../lib/graph/subtasks.js'
import { column } from '../../lib/metrics/counters.js'
import { createFileSpill } from '../../lib/spill/file-spill.js'
import { openSubtask } from '../subtask/open-subtask.js'
import { type Opening, Region, type RegionListener } from '../subtask/region.js'
import { takeRestored } from '../subtask/restore-operators.js'
import type { Subtask, TurnWatch } from '../subtask/subtask.js'
import type { SubtaskPlace } from '../subtask/subtask-place.js'
import type { SnapshotPlace } from '../subtask/subtask-rounds.js'
import { alignmentMember } from './alignment.js'
import { type Wiring, wireChannels } from './channel-wiring.js'
import type { MemoryGuard } from './memory-guard.js'
import type { MetricReports } from './metric-reports.js'
import type { RegionState } from './region-state.js'
import type { SlotHost } from './slot-host.js'
import type { SlotJob } from './slot-job.js'

export interface CreateRegionParts {
  readonly job: SlotJob
  readonly region: number
  readonly attempt: number
  readonly host: SlotHost
  readonly clock: Clock
  readonly random: Random
  readonly router: LinkRouter
  readonly reports: MetricReports
  readonly guard: MemoryGuard
  readonly living: Set<Subtask>
  readonly state: RegionState
  readonly listener: RegionListener
}

export function createRegion(parts: CreateRegionParts): Region {
  const { job, region, attempt, router, living, listener } = parts
  const { setup } = job
  const lost = (subtask: SubtaskId, records: number) => {
    job.rowOf(subtask)[column.lost]! += records
  }
  const wiring = wireChannels({ setup, region, attempt, router, onLost: lost })
  return new Region({
    subtasks: job.subtasksOf(region),
    replaceable: job.plan.demanded === 'best-effort',
    renew: (subtask, revision) => wiring.renew(subtask, revision),
    close: () => wiring.close(),
    lost,
    living,
    open: (opening, signals) => openSubtask(placeOf(parts, wiring, opening), signals),
    listener,
  })
}

function placeOf(parts: CreateRegionParts, wiring: Wiring, opening: Opening): SubtaskPlace {
  const { job, attempt, host, clock, random, reports, state } = parts
  const { plan, composed, setup } = job
  const { settings } = setup
  const { subtask, revision, remains } = opening
  const { chain, index } = subtask
  const replaces = revision !== null
  const metrics = reports.open(subtask, attempt, replaces)
  return {
    run: setup.run,
    plan,
    composed,
    chain: plan.chains[chain]!,
    index,
    attempt,
    clock,
    random,
    freeze: settings.freeze,
    state: state.backend,
    spill: (step) =>
      createFileSpill({
        job: setup.job,
        subtask: `${subtaskName(subtask)}-${step}-${revision ?? attempt}`,
      }),
    counters: job.countersOf(subtask, attempt, revision),
    operatorCounter: (step) => job.operatorCounter(subtask, step, replaces),
    metrics: (step) => metrics.of(step, job.operatorAt(chain, step)),
    hotKeys: (step) => (settings.hotKeys ? metrics.hotKeys(step) : null),
    inputs: (edge) => wiring.inputs(edge.id, index),
    outputs: (edge) => wiring.outputs(edge.id, index),
    align: (group) => alignmentMember(plan, composed.graph, setup.counters, subtask, group),
    requestSplits: () => host.emit({ kind: 'SplitsRequested', subtask, attempt }),
    publish: (records) => host.publish(records),
    watch: watchOf(parts, subtask),
    replaces,
    remains,
    snapshots: snapshotPlace(parts, subtask),
    restored: takeRestored(state.restored, subtaskName(subtask)),
    allowDroppedState: settings.snapshots?.allowDroppedState ?? false,
  }
}

function watchOf({ job, host, reports, guard }: CreateRegionParts, subtask: SubtaskId): TurnWatch {
  const { vitals } = host
  const { chain, index } = subtask
  const { name } = job.plan.chains[chain]!
  return {
    enter: () => vitals.enter(chain, index),
    leave: () => {
      vitals.leave()
      reports.touch()
      guard.check(name, index)
    },
  }
}

function snapshotPlace(
  { job, host, attempt }: CreateRegionParts,
  subtask: SubtaskId,
): SnapshotPlace | null {
  const { run, settings } = job.setup
  const { snapshots } = settings
  if (snapshots === null) return null
  const { chunks, emit } = host
  return {
    run,
    attempt,
    exactlyOnce: snapshots.exactlyOnce,
    alwaysFull: !snapshots.incremental,
    put: (round, id, bytes) => chunks.put(round, id, bytes),
    acknowledge: (ack) => emit({ kind: 'SnapshotAcknowledged', ack, attempt }),
    decline: (round, error) =>
      emit({ kind: 'SnapshotDeclined', round, subtask, attempt, error: errorToData(error) }),
    awaitsCommit: () => emit({ kind: 'CommitAwaited', subtask, attempt }),
  }
}
