/** The canonical text of a result: its columns, joined by `|`. */

/** A value of a canonical row: as `psql -qAt` prints it. */
export type Cell = string | number

/** Columns by name, in the order of the canonical row. */
export type Columns<Row> = Readonly<Record<string, (row: Row) => Cell>>

export function rowText<Row>(columns: Columns<Row>): (row: Row) => string {
  const cells = Object.values(columns)
  return (row) => {
    let text = String(cells[0]!(row))
    for (let at = 1; at < cells.length; at++) text += `|${cells[at]!(row)}`
    return text
  }
}
