/**
 * Which of the records in flight a restored subtask replays, and in which order. Pure.
 *
 * With the parallelism and the key groups of the snapshot each subtask has what was on the way to it. With others they
 * are dealt out record by record: to the owner of the key group, in turn, or to the first subtask.
 * The order of records with one key from one sender stays.
 */
import { keyGroupOf, subtaskOf } from '../base/key.js'
import type { DecodedBatch } from '../wire/decoder.js'
import { decodeFlightChunk, type FlightDeal, type FlightSection } from './flight-chunk.js'
import type { RestoreTarget } from './state-snapshots.js'

export interface FlightTarget
  extends Omit<RestoreTarget, 'operator' | 'dealsAnew' | 'ownsKeys' | 'readers'> {
  readonly formerMaxParallelism: number
}

export interface ReplayedBatch extends DecodedBatch {
  readonly input: number
  /** Where it is overtaken again before it was replayed. */
  readonly deal: FlightDeal
}

/**
 * `chunks`: in the order of the manifest, of all former subtasks where the parallelism or the number of key groups
 * differs. Throws E_SNAPSHOT_DAMAGED where one cannot be read.
 */
export function restoreFlights(
  chunks: readonly Uint8Array[],
  target: FlightTarget,
): readonly ReplayedBatch[] {
  const isSame = target.parallelism === target.formerParallelism && keepsGroups(target)
  const replayed: ReplayedBatch[] = []
  let turn = 0
  for (const section of chunks.flatMap(decodeFlightChunk)) {
    if (isSame && section.to !== target.subtask) continue
    for (const batch of section.batches) {
      const own = isSame ? batch : dealt(section, regrouped(batch, target), target, turn)
      turn += batch.records.length
      if (own !== null) replayed.push({ ...own, input: section.input, deal: section.deal })
    }
  }
  return replayed
}

const keepsGroups = ({ maxParallelism, formerMaxParallelism }: FlightTarget): boolean =>
  maxParallelism === formerMaxParallelism

/** Groups are those of then: where there is another number of them, keys say theirs. */
const regrouped = (batch: DecodedBatch, target: FlightTarget): DecodedBatch =>
  batch.groups === null || keepsGroups(target) ? batch : { ...batch, groups: null }

/** The part of a batch that is this subtask's; null where none is. */
function dealt(
  { deal }: FlightSection,
  batch: DecodedBatch,
  { subtask, parallelism, maxParallelism }: FlightTarget,
  turn: number,
): DecodedBatch | null {
  if (deal === 'first') return subtask === 0 ? batch : null
  const { keys, groups } = batch
  const groupAt = (at: number): number | undefined =>
    groups?.[at] ?? (keys === null ? undefined : keyGroupOf(keys[at], maxParallelism))
  return select(batch, (at) => {
    const group = deal === 'group' ? groupAt(at) : undefined
    // What has lost its key on the way may go anywhere.
    const owner =
      group === undefined
        ? (turn + at) % parallelism
        : subtaskOf(group, parallelism, maxParallelism)
    return owner === subtask
  })
}

function select(
  { records, keys, groups, times }: DecodedBatch,
  isOwn: (at: number) => boolean,
): DecodedBatch | null {
  const own = records.flatMap((_, at) => (isOwn(at) ? [at] : []))
  if (own.length === 0) return null
  return {
    records: own.map((at) => records[at]),
    keys: keys === null ? null : own.map((at) => keys[at]),
    groups: groups === null ? null : Uint16Array.from(own, (at) => groups[at]!),
    times: times === null ? null : Float64Array.from(own, (at) => times[at]!),
  }
}
