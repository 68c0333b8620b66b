/** What a snapshot holds, in numbers: for people, and for programs that watch over them. Pure. */
import type { ChunkRef } from './chunk-store.js'
import type { Manifest, OperatorSnapshot, SnapshotMode, SubtaskPhase } from './manifest.js'
import { chunksOf, chunksOfOperator } from './manifest-chunks.js'

export interface SnapshotDescription {
  readonly round: number
  readonly kind: Manifest['kind']
  readonly pipeline: string
  readonly run: string
  readonly fingerprint: string
  /** Ms since 1970. */
  readonly startedMs: number
  readonly durationMs: number
  readonly mode: SnapshotMode
  readonly maxParallelism: number
  /** Of all chunks that a restore reads. */
  readonly bytes: number
  readonly chunks: number
  /** Of them, what the barriers of an unaligned round have overtaken. */
  readonly inFlightBytes: number
  /** Of chunks that the snapshot before did not have; null where there is none to compare with. */
  readonly newBytes: number | null
  /** The longest of any subtask. */
  readonly alignmentMs: number
  readonly operators: readonly OperatorDescription[]
}

export interface OperatorDescription {
  readonly name: string
  readonly kind: string
  readonly parallelism: number
  /** State and what was in flight. */
  readonly bytes: number
  readonly chunks: number
  /** Rows in its chunks of state; one that has changed counts each time. */
  readonly rows: number
  /** What was between this operator and the one before it. */
  readonly inFlightBytes: number
  readonly alignmentMs: number
  readonly transactions: number
  /** Of a source, those that were not handed out included. */
  readonly splits: number
  readonly phases: Readonly<Record<SubtaskPhase, number>>
}

export function describeSnapshot(
  manifest: Manifest,
  before: Manifest | null = null,
): SnapshotDescription {
  const { operators, ...facts } = manifest
  const refs = chunksOf(manifest)
  const described = operators.map(describeOperator)
  return {
    ...facts,
    bytes: bytesOf(refs),
    chunks: refs.length,
    inFlightBytes: sum(described.map(({ inFlightBytes }) => inFlightBytes)),
    newBytes: before === null ? null : bytesOf(notIn(before, refs)),
    alignmentMs: Math.max(0, ...described.map(({ alignmentMs }) => alignmentMs)),
    operators: described,
  }
}

function describeOperator(operator: OperatorSnapshot): OperatorDescription {
  const { name, kind, parallelism, subtasks, unassigned } = operator
  const refs = chunksOfOperator(operator)
  const phases: Record<SubtaskPhase, number> = { running: 0, ended: 0, finished: 0 }
  for (const { phase } of subtasks) phases[phase] += 1
  return {
    name,
    kind,
    parallelism,
    bytes: bytesOf(refs),
    chunks: refs.length,
    rows: sum(subtasks.flatMap(({ chunks }) => chunks.map(({ count }) => count))),
    inFlightBytes: bytesOf(subtasks.flatMap(({ flights }) => flights)),
    alignmentMs: Math.max(0, ...subtasks.map(({ alignmentMs }) => alignmentMs)),
    transactions: sum(subtasks.map(({ transactions }) => transactions.length)),
    splits: sum(subtasks.map(({ splits }) => splits.length)) + (unassigned?.splits.length ?? 0),
    phases,
  }
}

/** How a snapshot differs from another one. */
export interface SnapshotDifference {
  readonly from: number
  readonly to: number
  /** Total, after less before. */
  readonly bytes: number
  /** In the order of the newer one; what it does not have any more comes last. */
  readonly operators: readonly OperatorDifference[]
}

export interface OperatorDifference {
  readonly name: string
  readonly change: 'kept' | 'new' | 'dropped'
  /** Null where it was not there. */
  readonly before: OperatorDescription | null
  readonly after: OperatorDescription | null
}

export function diffSnapshots(from: Manifest, to: Manifest): SnapshotDifference {
  const [older, newer] = [describeSnapshot(from), describeSnapshot(to)]
  const before = new Map(older.operators.map((operator) => [operator.name, operator]))
  const after = new Map(newer.operators.map((operator) => [operator.name, operator]))
  return {
    from: from.round,
    to: to.round,
    bytes: newer.bytes - older.bytes,
    operators: [
      ...newer.operators.map((operator): OperatorDifference => {
        const former = before.get(operator.name) ?? null
        const change = former === null ? 'new' : 'kept'
        return { name: operator.name, change, before: former, after: operator }
      }),
      ...older.operators
        .filter(({ name }) => !after.has(name))
        .map((operator): OperatorDifference => {
          return { name: operator.name, change: 'dropped', before: operator, after: null }
        }),
    ],
  }
}

function notIn(manifest: Manifest, refs: readonly ChunkRef[]): readonly ChunkRef[] {
  const known = new Set(chunksOf(manifest).map(({ id }) => id))
  return refs.filter(({ id }) => !known.has(id))
}

const bytesOf = (refs: readonly ChunkRef[]): number => sum(refs.map(({ bytes }) => bytes))

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)
