/** What all states of a heap store share. */
import type { Epochs } from '../base/epochs.js'

export interface HeapWorld {
  readonly maxParallelism: number
  readonly wallTime: () => number
  readonly epochs: Epochs
}
