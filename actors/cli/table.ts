/** Columns of text, aligned. Pure. */

export interface Column {
  readonly title: string
  /** Numbers stand to the right. */
  readonly right?: boolean
}

/** Two spaces between columns, none behind the last; no line where there are no rows. */
export function tableText(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  indent = '',
): string {
  if (rows.length === 0) return ''
  const lines = [columns.map(({ title }) => title), ...rows]
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)))
  const cell = (text: string, at: number) =>
    columns[at]!.right === true ? text.padStart(widths[at]!) : text.padEnd(widths[at]!)
  return lines.map((line) => `${indent}${line.map(cell).join('  ').trimEnd()}\n`).join('')
}
