/** What a baseline is: a hand-written loop. */
import type { EventKind, NexmarkEvent } from './model.js'
import type { Cell } from './row-text.js'

/** Takes events block by block, and gives rows as they become final. */
export interface Loop {
  block(events: readonly NexmarkEvent[]): void
  end(): void
}

export interface Baseline {
  readonly reads: readonly EventKind[]
  /**
   * `emit`: what would write the row; cells in the order of the query's columns. Sign -1 takes a row
   * back: where a query gives the changes of a table, one by one, its loop does so, too.
   */
  create(emit: (row: readonly Cell[], sign?: 1 | -1) => void): Loop
}
