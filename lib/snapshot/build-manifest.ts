/** Makes the manifest of a round of what its subtasks have acknowledged. Pure. */
import type { JsonObject } from '../base/json.js'
import type { NodeRole } from '../graph/graph.js'
import { type KeyingNode, ownedKeys } from '../graph/owned-keys.js'
import type { Chain, Plan } from '../graph/plan.js'
import { subtaskName } from '../graph/subtasks.js'
import type { StateVersion } from '../state/upcast.js'
import { type Round as CheckpointRound, phaseIn } from './checkpoint.js'
import { keepsInHand, keptBy } from './kept-form.js'
import type {
  FlightRef,
  Manifest,
  OperatorSnapshot,
  SnapshotMode,
  SplitSnapshot,
  SubtaskSnapshot,
  UnassignedSplits,
} from './manifest.js'
import { emptyStep, type PlacedSplit } from './round.js'

/** A node of the graph by which its state is found again. */
export interface NamedNode {
  readonly name: string
  readonly kind: string
  readonly role: NodeRole
  readonly state?: StateVersion
  readonly settings?: JsonObject
  readonly traits: KeyingNode['traits'] & {
    readonly stateful: boolean
    readonly saved?: false
    readonly idempotent?: true
    readonly marks?: true
  }
}

const versionOf = ({ state }: NamedNode) => (state === undefined ? {} : { version: state.version })

const windowOf = ({ settings }: NamedNode) =>
  settings?.window === undefined ? {} : { window: settings.window as JsonObject }

export interface ManifestFacts {
  readonly run: string
  readonly mode: SnapshotMode
  readonly startedMs: number
  readonly durationMs: number
  readonly forkOf: string | null
  /** By node id. */
  readonly nodes: readonly NamedNode[]
  /** Splits not handed out when the round began, by node id of the source. */
  readonly unassigned: ReadonlyMap<number, UnassignedSplits>
  /** The newest one that is complete, or what was restored; null: there is none. */
  readonly former: Manifest | null
}

export function buildManifest(plan: Plan, round: CheckpointRound, facts: ManifestFacts): Manifest {
  const { run, startedMs, durationMs } = facts
  return {
    kind: round.kind,
    round: round.round,
    pipeline: plan.pipeline,
    run,
    fingerprint: plan.fingerprint,
    startedMs,
    durationMs,
    mode: modeOf(round, facts.mode),
    maxParallelism: plan.maxParallelism,
    ...(facts.forkOf !== null && { forkOf: facts.forkOf }),
    operators: plan.chains.flatMap((chain) => {
      const owned = ownedKeys(plan, facts.nodes, chain)
      return chain.steps.flatMap(({ node, half }, step): OperatorSnapshot[] =>
        // The half before an exchange keeps nothing: it sends on all it has before a barrier.
        half === 'before'
          ? []
          : [
              {
                name: facts.nodes[node]!.name,
                kind: facts.nodes[node]!.kind,
                parallelism: chain.parallelism,
                ...versionOf(facts.nodes[node]!),
                ...windowOf(facts.nodes[node]!),
                ...keptBy(facts.nodes[node]!),
                ...(owned[step]! && keepsInHand(facts.nodes[node]!) && { ownsKeys: true }),
                unassigned: facts.unassigned.get(node) ?? null,
                subtasks: Array.from({ length: chain.parallelism }, (_, index) => ({
                  ...snapshotOf(round, chain.id, index, step),
                  ...marksOf(facts, round, chain, index, node),
                  flights: step === 0 ? flightsTo(plan, round, chain, index) : [],
                })),
              },
            ],
      )
    }),
  }
}

function snapshotOf(
  round: CheckpointRound,
  chain: number,
  index: number,
  step: number,
): Omit<SubtaskSnapshot, 'flights'> {
  const subtask = { chain, index }
  const ack = round.acks.get(subtaskName(subtask))
  const { chunks, splits, transactions, timeMs } = ack?.steps[step] ?? emptyStep
  return {
    phase: phaseIn(round, subtask),
    chunks,
    splits: splits.map(toSnapshot),
    transactions,
    timeMs,
    alignmentMs: ack?.alignmentMs ?? 0,
  }
}

/** Of a sink's subtask that says nothing any more: what it, or those whose place it has taken, said last. */
function marksOf(
  { nodes, former }: ManifestFacts,
  round: CheckpointRound,
  { id, parallelism }: Chain,
  index: number,
  node: number,
): Partial<Pick<SubtaskSnapshot, 'transactions'>> {
  const { name, traits } = nodes[node]!
  if (traits.marks !== true || phaseIn(round, { chain: id, index }) !== 'finished') return {}
  const subtasks = former?.operators.find((operator) => operator.name === name)?.subtasks ?? []
  const own = subtasks.filter((_, i) => i % parallelism === index)
  return { transactions: own.flatMap(({ transactions }) => transactions) }
}

/** What was chosen is what is tried: a round may have become unaligned, or have had to align. */
function modeOf({ acks }: CheckpointRound, chosen: SnapshotMode): SnapshotMode {
  if (chosen === 'at-least-once') return chosen
  return [...acks.values()].some(({ isUnaligned }) => isUnaligned) ? 'unaligned' : 'aligned'
}

/** What the subtask had received; and its part of what senders held, of which each is listed once. */
function flightsTo(
  plan: Plan,
  { acks }: CheckpointRound,
  chain: Plan['chains'][number],
  index: number,
): readonly FlightRef[] {
  const own = acks.get(subtaskName({ chain: chain.id, index }))?.flights ?? []
  const received = own.filter(({ edge }) => edge === null)
  const held = [...acks.values()]
    .filter(({ subtask }) => subtask.index % chain.parallelism === index)
    .flatMap(({ flights }) => flights)
    .filter(({ edge }) => edge !== null && plan.edges[edge]!.to === chain.id)
  return [
    ...received.map(({ ref }) => ({ ...ref, shared: false })),
    ...held.map(({ ref }) => ({ ...ref, shared: true })),
  ]
}

const toSnapshot = ({ split: { id, data }, position }: PlacedSplit): SplitSnapshot => ({
  id,
  data,
  position,
})
