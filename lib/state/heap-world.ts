/** What all states of a store share. */
import type { Epochs } from '../base/epochs.js'
import type { StateRows } from './state-rows.js'

export interface HeapWorld {
  readonly maxParallelism: number
  readonly wallTime: () => number
  readonly epochs: Epochs
  /** Where keyed state lies in rows of a database; null: all of it is in the heap. */
  readonly rows: StateRows | null
}
