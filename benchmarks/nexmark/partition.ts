/**
 * In which order the events of a partition come. The k-th event of the whole sequence is k itself, or,
 * out of order, k's place in a permutation of its group; what an event holds depends on its number only.
 * Group g of fifty events is in partition g mod P: so each has the mix of kinds and the order of time.
 */
import type { Dataset } from './dataset.js'
import { GROUP_EVENTS } from './model.js'

/** Coprime to the sizes of groups that make sense. */
const STRIDE = 953

/** Walks the event numbers of one partition, from a position in the whole sequence on. */
export class PartitionOrder {
  readonly #events: number
  readonly #group: number
  readonly #partition: number
  readonly #partitions: number
  /** Position in the whole sequence. */
  #next: number

  constructor(
    { events, outOfOrder }: Pick<Dataset, 'events' | 'outOfOrder'>,
    partition: number,
    partitions: number,
    from = 0,
  ) {
    this.#events = events
    this.#group = outOfOrder
    this.#partition = partition
    this.#partitions = partitions
    this.#next = from
  }

  get position(): number {
    return this.#next
  }

  /** Number of the next event, or -1 at the end. */
  next(): number {
    while (this.#next < this.#events) {
      const seq = this.#at(this.#next++)
      if (Math.floor(seq / GROUP_EVENTS) % this.#partitions === this.#partition) return seq
      // In order, the rest of a group of another partition is skipped at once.
      if (this.#group === 1) this.#next += GROUP_EVENTS - 1 - (seq % GROUP_EVENTS)
    }
    return -1
  }

  #at(position: number): number {
    const group = this.#group
    if (group === 1) return position
    const begin = position - (position % group)
    return begin + ((position * STRIDE) % group)
  }
}
