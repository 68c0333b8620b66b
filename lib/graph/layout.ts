/**
 * Lays a graph out as units: decides parallelism, halves and partitioners, node by node in
 * topological order.
 *
 * - A source, and an operator outside the scope of a key, has its own parallelism or the default.
 * - `keyBy` and record-wise operators behind it stay with their input unless they have an own
 *   parallelism: the exchange comes as late as possible, before the first that needs keys together.
 * - What gives records their event time stays with its input, too: there it can tell splits apart. So
 *   does what guards the operator before it.
 * - Without a key, what sees the whole stream runs at parallelism 1.
 * - What has a half before the exchange always runs as two halves, the first at the end of the sending
 *   side: the half behind takes nothing else. Where nothing is exchanged both stand in one chain; there
 *   a partial aggregate still saves hashing and state access per record.
 * - Of an operator with several inputs the main ones are laid out as the one input of any other; its
 *   broadcast inputs go whole, without keys, to each of its subtasks, and decide nothing.
 * - A sink has its own parallelism or that of its input. Behind `global()` the default is 1.
 */
import { assert } from '../base/assert.js'
import { DEAD_LETTERS, type Graph, type GraphNode, MAIN } from './graph.js'
import { hasSeveralInputs, isMainInput, seesAll, seesWhole } from './key-scope.js'
import { inOrder } from './order.js'
import type { Partitioner } from './plan.js'
import { placed } from './problem.js'
import { isTimedOutput, type TimeScope, timeScopes } from './time-scope.js'
import {
  type Feed,
  type Key,
  type Need,
  partitionerOf,
  type Tap,
  type Unit,
  type UnitLink,
} from './units.js'

export interface Layout {
  readonly units: readonly Unit[]
  readonly links: readonly UnitLink[]
  readonly warnings: readonly string[]
}

export function layOut(graph: Graph, parallelism: number): Layout {
  const drawing = new Drawing(graph, parallelism)
  const byId = new Map(graph.nodes.map((node) => [node.id, node]))
  for (const id of inOrder([...byId.keys()], graph.edges)) drawing.place(byId.get(id)!)
  return drawing
}

class Drawing implements Layout {
  readonly units: Unit[] = []
  readonly links: UnitLink[] = []
  readonly warnings: string[] = []
  readonly #graph: Graph
  readonly #default: number
  readonly #times: ReadonlyMap<number, TimeScope>
  /** Where each node's main output comes out, by node id. */
  readonly #taps = new Map<number, readonly Tap[]>()

  constructor(graph: Graph, parallelism: number) {
    this.#graph = graph
    this.#default = parallelism
    this.#times = timeScopes(graph.nodes, graph.edges)
  }

  place(node: GraphNode): void {
    const inputs = this.#inputs(node.id)
    // Behind `flow.deadLetters()` of a pipeline that has none: nothing would ever come.
    const unfed = node.role !== 'source' && !inputs.some(({ input }) => isMainInput(node, input))
    this.#taps.set(node.id, unfed ? [] : this.#outputs(node, inputs))
  }

  #outputs(node: GraphNode, inputs: readonly Feed[]): readonly Tap[] {
    switch (node.role) {
      case 'source':
        return this.#source(node)
      case 'union':
        return withCommonKey(inputs)
      case 'partition':
        return inputs.map((tap) => ({ ...tap, partitioner: ownPartitioner(node), key: null }))
      case 'operator':
        return this.#operator(node, inputs)
      case 'sink':
        return this.#sink(node, withCommonKey(inputs))
    }
  }

  #source(node: GraphNode): readonly Tap[] {
    const unit = this.#unit(node, 'whole', node.parallelism ?? this.#default, false)
    return [mainTap(unit, null)]
  }

  #sink(node: GraphNode, inputs: readonly Feed[]): readonly Tap[] {
    const keyed = isKeyed(inputs)
    const unit = this.#unit(node, 'whole', node.parallelism ?? this.#upstream(inputs), keyed)
    this.#join(inputs, unit, 'none')
    return []
  }

  #operator(node: GraphNode, feeds: readonly Feed[]): readonly Tap[] {
    const inputs = withCommonKey(feeds.filter((feed) => isMainInput(node, feed.input)))
    const keyed = isKeyed(inputs)
    const need = needOf(node, keyed)
    const parallelism = this.#parallelism(node, inputs, need)
    if (need === 'all') this.#warnOfSingle(node, inputs)
    const divided = node.traits.before !== null
    assert(!divided || !hasSeveralInputs(node), 'an operator with two halves has one input')
    const source = divided ? [this.#before(node, inputs)] : inputs
    const unit = this.#unit(node, divided ? 'behind' : 'whole', parallelism, keyed, !divided)
    const key = this.#join(source, unit, need)
    for (const feed of feeds) if (!isMainInput(node, feed.input)) this.#broadcast(feed, unit)
    return [mainTap(unit, keyBehind(node, key))]
  }

  #parallelism(node: GraphNode, inputs: readonly Tap[], need: Need): number {
    if (need === 'all') return 1
    const { keyAfter, timeAfter, guards = false } = node.traits
    const setsOne = keyAfter === 'set' || timeAfter === 'set'
    const recordWise = need === 'none' && (setsOne || guards || isKeyed(inputs))
    const stays = recordWise || inputs.every((tap) => tap.partitioner?.kind === 'global')
    return node.parallelism ?? (stays ? this.#upstream(inputs) : this.#default)
  }

  /** The half before the exchange, at its input's parallelism. */
  #before(node: GraphNode, inputs: readonly Feed[]): Feed {
    const unit = this.#unit(node, 'before', this.#upstream(inputs), isKeyed(inputs))
    const key = this.#join(inputs, unit, 'none')
    return { ...mainTap(unit, key), input: 0 }
  }

  /** An input that comes whole to every subtask, whatever partitioner stands before it. */
  #broadcast(feed: Feed, unit: Unit): void {
    this.#link(feed, unit, { kind: 'broadcast' }, false)
  }

  #link(feed: Feed, to: Unit, partitioner: Partitioner, dropsKey: boolean): void {
    const { unit: from, output, input } = feed
    const isTimed = this.#times.get(to.node.id)!.timedIn
    const holdsTime = !isTimed || this.#givesTime(this.units[from]!, output)
    this.links.push({ from, output, to: to.id, input, holdsTime, partitioner, dropsKey })
  }

  /** What one half sends to the other has the time of what came in. */
  #givesTime({ node, half }: Unit, output: string): boolean {
    if (half === 'before' && output === MAIN) return this.#times.get(node.id)!.timedIn
    return isTimedOutput({ from: node.id, output }, this.#times)
  }

  /** Parallelism of what stays with its input: that of all inputs where they agree. */
  #upstream(inputs: readonly Tap[]): number {
    const counts = inputs.map(({ unit, partitioner }) => {
      if (partitioner === null) return this.units[unit]!.parallelism
      return partitioner.kind === 'global' ? 1 : this.#default
    })
    return counts.every((count) => count === counts[0]) ? counts[0]! : this.#default
  }

  /** Links every tap to `unit`; returns the key that the unit's input then has. */
  #join(taps: readonly Feed[], unit: Unit, need: Need): Key | null {
    let exchanged = true
    for (const tap of taps) {
      const partitioner = partitionerOf(tap, this.units[tap.unit]!, unit, need)
      this.#link(tap, unit, partitioner, tap.keyed && !unit.keyed)
      const kept = tap.key?.exchanged === true && partitioner.kind === 'forward'
      exchanged &&= kept || partitioner.kind === 'hash' || unit.parallelism === 1
    }
    const by = taps[0]?.key?.by
    return unit.keyed && by !== undefined ? { by, exchanged } : null
  }

  #unit(
    node: GraphNode,
    half: Unit['half'],
    parallelism: number,
    keyed: boolean,
    mayStartChain = true,
  ): Unit {
    const startsChain = mayStartChain && !node.chain
    const unit = { id: this.units.length, node, half, parallelism, keyed, startsChain }
    this.units.push(unit)
    return unit
  }

  #inputs(id: number): readonly Feed[] {
    const edges = this.#graph.edges.filter((edge) => edge.to === id).sort((a, b) => a.id - b.id)
    return edges.flatMap(({ output, from, input }) => {
      const taps = this.#outputOf(from, output)
      return taps.map((tap) => ({ ...tap, input }))
    })
  }

  #outputOf(node: number, output: string): readonly Tap[] {
    if (output === MAIN) return this.#taps.get(node)!
    const units = this.units.filter((unit) => unit.node.id === node)
    // Both halves of an operator may have dead letters; what it sends itself comes from the one behind.
    if (output === DEAD_LETTERS) return units.map((unit) => sideTap(unit, DEAD_LETTERS))
    return units.slice(-1).map((unit) => sideTap(unit, output))
  }

  #warnOfSingle(node: GraphNode, inputs: readonly Tap[]): void {
    const parallel = Math.max(this.#default, this.#upstream(inputs)) > 1
    if (!parallel || node.traits.before === 'aggregate') return
    const why = node.traits.orderSensitive ? 'depends on the order of the whole stream' : SEES_ALL
    this.warnings.push(
      `${placed(node)} ${why}, so it runs at parallelism 1. Behind keyBy(…) it works per key, in parallel.`,
    )
  }
}

const SEES_ALL = 'keeps state of the whole stream'

const mainTap = (unit: Unit, key: Key | null): Tap => ({
  unit: unit.id,
  output: MAIN,
  partitioner: null,
  key,
  keyed: key !== null,
})

const sideTap = (unit: Unit, output: string): Tap => ({
  unit: unit.id,
  output,
  partitioner: null,
  key: null,
  keyed: false,
})

const isKeyed = (taps: readonly Tap[]) => taps.every((tap) => tap.key !== null)

/** A stream of several taps is keyed only where all of them are. */
const withCommonKey = <T extends Tap>(taps: readonly T[]): readonly T[] =>
  isKeyed(taps) ? taps : taps.map((tap) => ({ ...tap, key: null }))

const needOf = (node: GraphNode, keyed: boolean): Need =>
  !seesAll(node) || !(keyed || seesWhole(node)) ? 'none' : keyed ? 'key' : 'all'

function keyBehind(node: GraphNode, key: Key | null): Key | null {
  if (node.traits.keyAfter === 'set') return { by: node.id, exchanged: false }
  return node.traits.keyAfter === 'kept' ? key : null
}

function ownPartitioner(node: GraphNode): Partitioner {
  switch (node.kind) {
    case 'rebalance':
    case 'rescale':
    case 'shuffle':
    case 'broadcast':
    case 'global':
      return { kind: node.kind }
    default:
      assert(node.kind.startsWith('partitionBy'), 'a partition node is one of the known kinds')
      return { kind: 'custom', by: node.id }
  }
}
