/** What a query says of itself, by what its results are. */
import type { Flow, Stream, Time } from 'millrace'
import type { Sink } from 'millrace/connectors'
import type { Events } from './events.js'
import type { Change, EventKind } from './model.js'
import type { Cell, Columns } from './row-text.js'

/** What a query's results are, whatever their kind. */
export interface Described<Row> {
  /** `q5`. */
  readonly name: string
  /** What it asks, in one line. */
  readonly title: string
  /** The kinds of events that it takes; the others are not read. */
  readonly reads: readonly EventKind[]
  readonly columns: Columns<Row>
  /** True where two runs need not agree: processing time. */
  readonly volatile?: boolean
  /** Writes to files in a way of its own (`--sink file`); default: canonical rows. */
  readonly files?: (directory: string) => Sink<Row>
}

/** Results are final: they are added, and never taken back. */
export interface AppendQuery<Row> extends Described<Row> {
  build(flow: Flow, events: Events): Stream<Row, Time, unknown>
}

/** Results are the changes of a table. */
export interface UpdatingQuery<Row> extends Described<Row> {
  /** Primary key of the table: a number or text. Changes of a key come in order, from one subtask. */
  readonly key: (row: Row) => Cell
  build(flow: Flow, events: Events): Stream<Change<Row>, Time, unknown>
}
