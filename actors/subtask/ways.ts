/**
 * What is known, along a chain, of the ways by which records came into it (`lib/operators/lanes.ts`).
 *
 * A chain that is fed by key has the ways of its keys, as far as they are kept; one that begins with a
 * source those of its splits, up to an operator that makes records of its own accord. Who deals records
 * out in turn has promised no order between them.
 *
 * At another parallelism the same operators may stand in other chains: what needs a key together stands
 * behind an exchange wherever there are several subtasks, and in the chain of its source where there is one.
 */
import { seesAll } from '../../lib/graph/key-scope.js'
import { edgesInto, keepsKey } from '../../lib/graph/owned-keys.js'
import type { Chain } from '../../lib/graph/plan.js'
import type { OperatorDefinition } from '../../lib/operators/operator.js'
import { isOvertaken } from './open-outlet.js'
import { runtimeOf, type SubtaskPlace } from './subtask-place.js'

type ChainPlace = Pick<SubtaskPlace, 'plan' | 'chain' | 'composed'>

/** By what records are told apart whose order is promised; `turn`: none is. */
type Way = 'split' | 'key' | 'turn'

/**
 * True where all that expansions of the chain hold can be dealt out anew in its order, so that barriers may go
 * ahead of them.
 */
export function isDealable(place: ChainPlace): boolean {
  const { plan, chain } = place
  if (!edgesInto(plan, chain).every((edge) => isOvertaken(plan, edge))) return false
  let way = wayAtHead(place)
  let { keyed } = chain
  for (const operator of operatorsOf(place, chain)) {
    if (operator === null) continue
    // Among several subtasks there is an exchange in front of it.
    if (keyed && seesAll(operator)) way = 'key'
    if (operator.step?.kind === 'expand' && way === null) return false
    if (way === 'key' && !keepsKey(operator)) way = null
    if (way === 'split' && !keepsSplit(operator)) way = null
    const { keyAfter } = operator.traits
    keyed = keyAfter === 'set' || (keyed && keyAfter === 'kept')
  }
  return true
}

/** Null: they have lost it on the way. */
function wayAtHead({ plan, chain }: ChainPlace): Way | null {
  const edges = edgesInto(plan, chain)
  if (edges.length === 0) return 'split'
  if (edges.every(({ partitioner }) => partitioner.kind !== 'hash')) return 'turn'
  return chain.keyed ? 'key' : null
}

/** Null for a source or a sink. */
const operatorsOf = (place: ChainPlace, { steps }: Chain): readonly (OperatorDefinition | null)[] =>
  steps.map((step) => {
    const runtime = runtimeOf(place, step)
    return runtime.role === 'operator' ? runtime.operator : null
  })

/** Without a key, what sees the whole stream is in one subtask in every life. */
function keepsSplit({ step, traits }: OperatorDefinition): boolean {
  const { stateful, orderSensitive, wholeStream, key } = traits
  if (step !== undefined || orderSensitive) return true
  return !stateful && wholeStream !== false && key !== 'forbidden'
}
