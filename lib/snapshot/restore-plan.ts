/**
 * What each subtask of a plan is given of a snapshot. Pure: names chunks, reads none.
 *
 * State is found by the operator's name. With the same parallelism each subtask goes on with its own;
 * with another one state is dealt out anew: keyed state by key group, lists element by element, splits
 * and transactions one by one, records in flight by `restore-flights.ts`. Records in hand are dealt out, too,
 * where keys are brought together in front of their operator and were not (`../graph/owned-keys.ts`).
 */
import { MillraceError } from '../base/errors.js'
import { ownedKeys } from '../graph/owned-keys.js'
import type { Chain, Plan } from '../graph/plan.js'
import { channelsOf, type SubtaskId, subtaskName } from '../graph/subtasks.js'
import { FIRST_VERSION, missingUpcasts } from '../state/upcast.js'
import { checkWindowChange } from '../window/window-change.js'
import type { NamedNode } from './build-manifest.js'
import type { ChunkRef } from './chunk-store.js'
import { checkKeptForm, keepsInHand } from './kept-form.js'
import type { Manifest, OperatorSnapshot, SplitSnapshot, SubtaskSnapshot } from './manifest.js'
import type { PlacedSplit, RestoredTransactions } from './round.js'
import type { FormerChunks } from './state-snapshots.js'

/** As `RestoredSubtask`, with chunks that are still to be read. */
export interface RestoreOrder {
  readonly round: number
  /** Number of key groups then. */
  readonly formerMaxParallelism: number
  readonly hasEnded: boolean
  readonly steps: readonly RestoreStep[]
  /** Where the chain begins with a source, and work is dealt out anew: by split, who goes on with it. */
  readonly readers: readonly SplitReader[]
}

export type SplitReader = readonly [split: string, subtask: number]

export interface RestoreStep {
  readonly former: readonly FormerChunks<ChunkRef>[]
  /** Parallelism then. */
  readonly formerParallelism: number
  /** All of a key is in one subtask now. */
  readonly ownsKeys: boolean
  /** As at another parallelism, since what was in hand has other owners now. */
  readonly dealsAnew: boolean
  /** Of the values that the user's functions stored. */
  readonly version: number
  readonly splits: readonly PlacedSplit[] | null
  readonly transactions: RestoredTransactions
  readonly timeMs: number | null
  readonly flights: readonly ChunkRef[]
}

/** What becomes of what a snapshot holds in a plan: of sources, sinks, and operators with state or records in hand. */
export interface RestoreReport {
  readonly kept: readonly string[]
  /** In the plan only: they begin empty. */
  readonly added: readonly string[]
  /** In the snapshot only, and with state or records in flight: they would be lost. */
  readonly dropped: readonly string[]
}

export function reportRestore(
  manifest: Manifest,
  plan: Plan,
  nodes: readonly NamedNode[],
): RestoreReport {
  const all = plan.chains.flatMap(({ steps }) => steps.map(({ node }) => nodes[node]!))
  const planned = new Set(all.map(({ name }) => name))
  const stored = new Map(manifest.operators.map((operator) => [operator.name, operator]))
  const isHeld = (name: string) => stored.has(name) && holdsState(stored.get(name)!)
  const keeping = all.filter((node) => keepsAny(node) || isHeld(node.name)).map(({ name }) => name)
  return {
    kept: [...new Set(keeping)].filter((name) => stored.has(name)),
    added: [...new Set(keeping)].filter((name) => !stored.has(name)),
    dropped: manifest.operators
      .filter((operator) => !planned.has(operator.name) && holdsState(operator))
      .map(({ name }) => name),
  }
}

/** Positions, transactions, or state. */
const keepsAny = ({ role, traits }: NamedNode): boolean => role !== 'operator' || traits.stateful

/**
 * Throws `E_RESTORE_DROPS` where state would be lost and that was not allowed, `E_RESTORE_KIND` where an operator
 * would take another's for its own, `E_STATE_VERSION` where what is stored is of a version that the pipeline cannot
 * read, `E_RESTORE_WINDOWS` where it cannot be put in the windows that there are now.
 */
export function checkRestore(
  manifest: Manifest,
  plan: Plan,
  nodes: readonly NamedNode[],
  allowDropped: boolean,
): RestoreReport {
  const report = reportRestore(manifest, plan, nodes)
  for (const operator of manifest.operators) {
    const node = nodes.find(({ name }) => name === operator.name)
    if (node === undefined) continue
    checkKeptForm(manifest, operator, node)
    if (!holdsState(operator)) continue
    checkVersion(manifest, operator, node)
    checkWindowChange(operator.name, operator.window ?? null, node.settings ?? {})
  }
  if (report.dropped.length > 0 && !allowDropped) {
    throw new MillraceError('E_RESTORE_DROPS', dropsMessage(manifest, plan, report), {
      details: { dropped: report.dropped.join(', ') },
    })
  }
  return report
}

function checkVersion(
  { round }: Manifest,
  { name, version: stored = FIRST_VERSION }: OperatorSnapshot,
  { state = { version: FIRST_VERSION, from: [] } }: NamedNode,
): void {
  const missing = missingUpcasts(stored, state)
  if (stored <= state.version && missing.length === 0) return
  const advice =
    stored > state.version
      ? `run the pipeline that wrote it, or raise stateVersion to ${stored}`
      : `give it upcast: { ${missing.map((version) => `${version}: (old) => …`).join(', ')} }`
  throw new MillraceError(
    'E_STATE_VERSION',
    `snapshot ${round} has state of operator ${name} in version ${stored}, the pipeline has version ${state.version}: ${advice}`,
    { details: { operator: name, stored, version: state.version } },
  )
}

function dropsMessage({ round }: Manifest, { pipeline }: Plan, report: RestoreReport): string {
  const list = (names: readonly string[]) => (names.length === 0 ? 'none' : names.join(', '))
  return (
    `snapshot ${round} has state of operators that pipeline "${pipeline}" does not have: ` +
    `${list(report.dropped)}. Kept: ${list(report.kept)}; new, without state: ${list(report.added)}. ` +
    'Give an operator its former name back ({ name }), or allow the loss (--allow-dropped-state)'
  )
}

const holdsState = ({ subtasks }: OperatorSnapshot): boolean =>
  subtasks.some(
    ({ chunks, transactions, flights }) =>
      chunks.length > 0 || transactions.length > 0 || flights.length > 0,
  )

/** What each of these subtasks is given: whole regions, so that whoever feeds one of them is among them. */
export function restoreOrders(
  manifest: Manifest,
  plan: Plan,
  nodes: readonly NamedNode[],
  subtasks: readonly SubtaskId[],
): ReadonlyMap<string, RestoreOrder> {
  const stored = new Map(manifest.operators.map((operator) => [operator.name, operator]))
  const chains = plan.chains.map((chain) => formerChain(stored, plan, nodes, chain))
  const keepsGroups = manifest.maxParallelism === plan.maxParallelism
  const ended = endedOf(plan, subtasks, ({ chain, index }) =>
    hadEnded(chains[chain]!, index, keepsGroups),
  )
  const isTimeShared =
    !keepsGroups ||
    subtasks.some(({ chain }) => chains[chain]!.steps.some(({ dealsAnew }) => dealsAnew))
  const orders = new Map<string, RestoreOrder>()
  for (const { chain: id, index } of subtasks) {
    const { chain, steps } = chains[id]!
    const name = subtaskName({ chain: id, index })
    const isAsBefore = keepsGroups && steps.every(({ operator }) => isLike(operator, chain))
    orders.set(name, {
      round: manifest.round,
      formerMaxParallelism: manifest.maxParallelism,
      hasEnded: ended.has(name),
      steps: steps.map((former, step) =>
        restoreStep(former, chain, index, isSource(chain, step), keepsGroups, isTimeShared),
      ),
      readers: isAsBefore || !isSource(chain, 0) ? [] : readersOf(steps[0]!.operator, chain),
    })
  }
  return orders
}

/** A chain of the plan, with what the snapshot has of it. */
interface FormerChain {
  readonly chain: Chain
  readonly steps: readonly FormerStep[]
}

interface FormerStep {
  /** Undefined: it is new. */
  readonly operator: OperatorSnapshot | undefined
  readonly ownsKeys: boolean
  readonly dealsAnew: boolean
}

function formerChain(
  stored: ReadonlyMap<string, OperatorSnapshot>,
  plan: Plan,
  nodes: readonly NamedNode[],
  chain: Chain,
): FormerChain {
  const owned = ownedKeys(plan, nodes, chain)
  const steps = chain.steps.map(({ node, half }, step): FormerStep => {
    const operator = half === 'before' ? undefined : stored.get(nodes[node]!.name)
    const ownsKeys = owned[step]!
    const dealsAnew = ownsKeys && keepsInHand(nodes[node]!) && hasOtherOwners(operator)
    return { operator, ownsKeys, dealsAnew }
  })
  return { chain, steps }
}

/** Records of one key may lie in several subtasks. */
const hasOtherOwners = (operator: OperatorSnapshot | undefined): boolean =>
  operator !== undefined &&
  operator.ownsKeys !== true &&
  operator.subtasks.some(({ chunks }) => chunks.some(({ count }) => count > 0))

const isSource = (chain: Chain, step: number): boolean => step === 0 && chain.inputs.length === 0

/** What is new has nothing that could be dealt out. */
const isLike = (operator: OperatorSnapshot | undefined, { parallelism }: Chain): boolean =>
  operator === undefined || operator.parallelism === parallelism

function readersOf(source: OperatorSnapshot | undefined, chain: Chain): readonly SplitReader[] {
  if (source === undefined) return []
  return Array.from({ length: chain.parallelism }, (_, index) =>
    splitsOf(source, chain, index).map(({ id }): SplitReader => [id, index]),
  ).flat()
}

/** With as many subtasks as before each goes on with its own. */
function splitsOf(source: OperatorSnapshot, chain: Chain, index: number): readonly SplitSnapshot[] {
  const { subtasks } = source
  if (isLike(source, chain)) return subtasks[index]!.splits
  return subtasks.flatMap(({ splits }) => splits).filter((_, i) => i % chain.parallelism === index)
}

/**
 * Subtasks that have nothing left to do. Having ended once is not enough: with another parallelism or number
 * of key groups, or chained otherwise, what feeds a subtask may be work that belonged to others, and has not ended.
 */
function endedOf(
  plan: Plan,
  subtasks: readonly SubtaskId[],
  hadEnded: (subtask: SubtaskId) => boolean,
): ReadonlySet<string> {
  const ended = new Set(subtasks.filter(hadEnded).map(subtaskName))
  const channels = plan.edges.flatMap((edge) =>
    channelsOf(plan, edge).map(({ from, to }) => ({
      from: subtaskName({ chain: edge.from, index: from }),
      to: subtaskName({ chain: edge.to, index: to }),
    })),
  )
  // What goes on wakes all that is behind it.
  for (let isSettled = false; !isSettled; ) {
    isSettled = true
    for (const { from, to } of channels) {
      if (ended.has(from)) continue
      if (ended.delete(to)) isSettled = false
    }
  }
  return ended
}

/** An operator that is new has not ended. */
function hadEnded(
  { chain: { parallelism, steps }, steps: former }: FormerChain,
  index: number,
  keepsGroups: boolean,
): boolean {
  return former.every(({ operator, dealsAnew }, step) => {
    if (steps[step]!.half === 'before') return true
    if (operator === undefined) return false
    const { subtasks } = operator
    const isSame = operator.parallelism === parallelism && keepsGroups && !dealsAnew
    return (isSame ? [subtasks[index]!] : subtasks).every(({ phase }) => phase !== 'running')
  })
}

function restoreStep(
  { operator, ownsKeys, dealsAnew }: FormerStep,
  chain: Chain,
  index: number,
  isSource: boolean,
  /** As many key groups as before. */
  keepsGroups: boolean,
  /** What is dealt out may be older than what its new subtask had passed on, and so had those behind it. */
  isTimeShared: boolean,
): RestoreStep {
  const { parallelism } = chain
  const subtasks = operator?.subtasks ?? []
  const isSame = operator?.parallelism === parallelism
  const own = (_: unknown, i: number) => i % parallelism === index
  const relevant = isSame ? [subtasks[index]!] : subtasks
  return {
    former: subtasks.flatMap(({ chunks }, subtask) =>
      chunks.length > 0 && (!isSame || !keepsGroups || dealsAnew || subtask === index)
        ? [{ subtask, chunks }]
        : [],
    ),
    formerParallelism: operator?.parallelism ?? parallelism,
    ownsKeys,
    dealsAnew,
    version: operator?.version ?? FIRST_VERSION,
    splits:
      isSource && operator !== undefined ? splitsOf(operator, chain, index).map(toPlaced) : null,
    transactions: {
      own: subtasks.filter(own).flatMap((subtask) => subtask.transactions),
      all: subtasks.flatMap((subtask) => subtask.transactions),
    },
    timeMs: lowestTime(isTimeShared ? subtasks : relevant),
    flights: flightsOf(subtasks, keepsGroups ? relevant : subtasks),
  }
}

/** What was received lies before what its sender held then. */
const flightsOf = (
  subtasks: readonly SubtaskSnapshot[],
  relevant: readonly SubtaskSnapshot[],
): readonly ChunkRef[] => [
  ...relevant.flatMap(({ flights }) => flights.filter(({ shared }) => !shared)),
  ...subtasks.flatMap(({ flights }) => flights.filter(({ shared }) => shared)),
]

/** What has finished holds no time back; where one has none yet, there is none. */
function lowestTime(subtasks: readonly SubtaskSnapshot[]): number | null {
  let lowestMs = Number.POSITIVE_INFINITY
  for (const { phase, timeMs } of subtasks) {
    if (phase !== 'running') continue
    if (timeMs === null) return null
    lowestMs = Math.min(lowestMs, timeMs)
  }
  return Number.isFinite(lowestMs) ? lowestMs : null
}

const toPlaced = ({ id, data, position }: SplitSnapshot): PlacedSplit => ({
  split: { id, data },
  position,
})
