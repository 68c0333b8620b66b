/** Changes of a table. */
import type { Change } from '../model.js'

/** A row has become another; `before` undefined: it is new. */
export const changes = <Row>(before: Row | undefined, after: Row): readonly Change<Row>[] =>
  before === undefined
    ? [{ kind: 'insert', row: after }]
    : [
        { kind: 'update-before', row: before },
        { kind: 'update-after', row: after },
      ]
