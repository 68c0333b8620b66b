/**
 * The records of the stream that a `cross` holds for what will come by the other input. Behind keys they lie by
 * key, so that a restore takes each to the subtask that its key belongs to; without, any subtask may have them.
 */
import type { ListState, OperatorListState } from '../../state/state.js'
import type { OperatorContext } from '../operator.js'

/** A record of either side; the other side has no key: undefined, in group 0. */
export interface Side {
  readonly record: unknown
  readonly key: unknown
  readonly group: number
  readonly time: number
}

export interface LeftSides {
  readonly length: number
  /** Valid until the next change. */
  all(): readonly Side[]
  append(side: Side): void
  clear(): void
}

export function openLeft({ state, keyed }: OperatorContext): LeftSides {
  return keyed ? new KeyedSides(state.list<Side>('left')) : new AnySides(state.operatorList('left'))
}

class KeyedSides implements LeftSides {
  readonly #sides: ListState<Side>
  length = 0

  constructor(sides: ListState<Side>) {
    this.#sides = sides
    for (const [, { length }] of sides.entries()) this.length += length
  }

  all(): readonly Side[] {
    const all: Side[] = []
    for (const [, sides] of this.#sides.entries()) for (const side of sides) all.push(side)
    return all
  }

  append(side: Side): void {
    this.#sides.append(side.group, side.key, side)
    this.length++
  }

  clear(): void {
    this.#sides.clear()
    this.length = 0
  }
}

class AnySides implements LeftSides {
  readonly #sides: OperatorListState<Side>

  constructor(sides: OperatorListState<Side>) {
    this.#sides = sides
  }

  get length(): number {
    return this.#sides.length
  }

  all(): readonly Side[] {
    return this.#sides.get()
  }

  append(side: Side): void {
    this.#sides.append(side)
  }

  clear(): void {
    this.#sides.clear()
  }
}
