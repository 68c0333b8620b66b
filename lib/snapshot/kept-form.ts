/**
 * What an operator, source or sink keeps, in one word: where two have the same, one goes on from what the other has kept.
 *
 * States are found by their names, which many operators share: a sum would take the accumulators of an average for
 * its own. So the manifest says of each whose accumulators, records or marks they are; of sources whose positions, and of
 * sinks whose transactions.
 */
import { MillraceError } from '../base/errors.js'
import type { JsonObject } from '../base/json.js'
import type { NodeRole } from '../graph/graph.js'
import type { Manifest, OperatorSnapshot } from './manifest.js'

/** Of an operator without state of its own: what it had in hand as the barrier passed. */
const IN_HAND = 'records in hand'

/** What they keep is what another kind keeps, or is named and shaped by the user's functions alone. */
const KEPT_ALIKE: ReadonlyMap<string, string> = new Map([
  ['processWith', 'process'],
  ['processWithBroadcast', 'process'],
  ['combineLatestWith', 'combineLatest'],
  ['concatWith', 'concat'],
  ['csvFile', 'linesFile'],
  ['ndjson', 'lines'],
  ['ndjsonFile', 'linesFile'],
  ['raceWith', 'race'],
  ['zipWith', 'zip'],
])

/** Its states are its user's: which of them are not read is said one by one, also where none is left. */
const OF_NAMES = 'process'
/** All of them keep one accumulator, each its own. */
const AGGREGATES = [
  'aggregate',
  'avg',
  'count',
  'lastPerKey',
  'lastPerKey by',
  'max',
  'min',
  'reduce',
  'sum',
  'topN',
]
/**
 * What lies in theirs the user's functions say, so they go on from what those read. A process names its states, too,
 * and may name them as these do: where it does not, each that is not read is refused by its name.
 */
const READS: ReadonlyMap<string, readonly string[]> = new Map([
  ['aggregate', [...AGGREGATES, OF_NAMES]],
  ['reduce', [...AGGREGATES, OF_NAMES]],
  ['scan', [OF_NAMES]],
  [OF_NAMES, [...AGGREGATES, 'scan']],
])

/** What is to be known of a node of the graph. */
export interface KeepingNode {
  readonly role: NodeRole
  readonly kind: string
  readonly settings?: JsonObject
  readonly traits: { readonly stateful: boolean }
}

/**
 * Settings with which a kind keeps something else: with `by` a record beside its rank, with `id` versions in place of
 * records; the place in a file that grows means nothing to who reads it in ranges.
 */
const TURNS: Partial<Record<NodeRole, readonly string[]>> = {
  operator: ['by', 'id'],
  source: ['follow'],
}
const ALL_TURNS: readonly string[] = Object.values(TURNS).flat()

/** Null of a way between operators, which keeps nothing. */
export function keptForm({ role, kind, traits, settings = {} }: KeepingNode): string | null {
  if (role === 'partition' || role === 'union') return null
  const content =
    role === 'operator' && typeof settings.aggregate === 'string' ? settings.aggregate : kind
  const turns = (TURNS[role] ?? []).filter((setting) => settings[setting] === true)
  const form = [KEPT_ALIKE.get(content) ?? content, ...turns].join(' ')
  return role !== 'operator' || traits.stateful || form === OF_NAMES ? form : IN_HAND
}

/** True of an operator without state of its own. */
export const keepsInHand = (node: KeepingNode): boolean => keptForm(node) === IN_HAND

/** As the manifest says it. */
export function keptBy(node: KeepingNode): Pick<OperatorSnapshot, 'keeps'> {
  const keeps = keptForm(node)
  return keeps === null ? {} : { keeps }
}

/** Throws `E_RESTORE_KIND` where what is kept is not what the operator of that name keeps now. */
export function checkKeptForm(
  { round }: Manifest,
  operator: OperatorSnapshot,
  node: KeepingNode,
): void {
  const { name, kind, keeps } = operator
  // Before there was a release, snapshots did not say.
  if (keeps === undefined || isEmpty(operator)) return
  const form = keptForm(node)
  if (form === keeps || READS.get(form ?? '')?.includes(keeps)) return
  const others = otherWay(node, kind, keeps)
  throw new MillraceError(
    'E_RESTORE_KIND',
    `snapshot ${round} has of operator ${name} what ${worded(kind, keeps)} keeps, in this pipeline it is ` +
      `${worded(node.kind, form)}, which cannot go on from that: give the operator another name and allow the ` +
      `loss (--allow-dropped-state)${others}`,
    { details: { operator: name, stored: kind, kind: node.kind } },
  )
}

/** How nothing is lost. */
function otherWay({ role, kind: now }: KeepingNode, kind: string, keeps: string): string {
  if (role === 'source' || role === 'sink') {
    if (kind === now) return ''
    return `; or, where it is a connector of your own that reads what was kept, leave its kind '${kind}'`
  }
  return isAggregate(keeps)
    ? ', or make it an aggregate(…) whose functions, or whose upcast, read what was kept'
    : ''
}

const isAggregate = (form: string): boolean => AGGREGATES.includes(form)

/**
 * A source is not, once it knows its splits. Chunks count what they tell, deletions and what a later one supersedes
 * included: what was cleared is empty where a chunk has all there is, and not where chunks tell of changes.
 */
const isEmpty = ({ unassigned, subtasks }: OperatorSnapshot): boolean =>
  unassigned === null &&
  subtasks.every(
    ({ chunks, splits, transactions }) =>
      splits.length + transactions.length === 0 && chunks.every(({ count }) => count === 0),
  )

/** `sum`, `windowProcess of sum`, `lastPerKey by`, and `ndjson follow` of what is kept as by `lines`. */
function worded(kind: string, form: string | null): string {
  if (form === null || form === kind) return kind
  if (kind === 'windowProcess') return `${kind} of ${form}`
  const turns = form.split(' ').filter((word) => ALL_TURNS.includes(word))
  return [kind, ...turns].join(' ')
}
