/**
 * Layout: the columns of a shape, numbered. The columns of a frame stand in this order, those of
 * CBOR after all others (they alone have lengths that are no multiple of 8).
 */

import type { Field, Node, Shape } from './shape.js'
import * as shapes from './shape.js'

/** Types of columns. */
export const U8 = 0
export const U16 = 1
export const I32 = 2
export const F64 = 3
export const TEXT = 4
export const CBOR = 5
export type ColumnType = 0 | 1 | 2 | 3 | 4 | 5

/** Bytes per record, by type; 0 where it depends on the values. */
export const ROW_BYTES: readonly number[] = [1, 2, 4, 8, 0, 0]

export type FixedColumn = Uint8Array | Uint16Array | Int32Array | Float64Array

export interface Column {
  readonly type: ColumnType
  /** TEXT: the column of its lengths; else -1. */
  readonly lengths: number
  /** As messages name the field. */
  readonly path: string
}

/** A node with its columns; -1: it has none of that sort. */
export interface Placed {
  readonly kind: Node['kind']
  readonly presence: number
  readonly data: number
  /** STRING: column of the text; `data` holds the lengths. */
  readonly text: number
  readonly children: readonly PlacedChild[]
}

export interface PlacedChild {
  /** Name of a field, position in a tuple. */
  readonly name: string | number
  readonly node: Placed
}

export interface Layout {
  readonly shape: Shape
  readonly columns: readonly Column[]
  readonly records: Placed
  /** Null without keys, and where the keys are those of `sameText`. */
  readonly keys: Placed | null
  /** The column of text which is also that of the keys, or -1. */
  readonly sameText: number
  /** Column of the key groups, or -1. */
  readonly groups: number
  /** Column of the event times, or -1. */
  readonly times: number
  /** Bytes per record in columns of fixed width. */
  readonly rowBytes: number
  /** True where the size of a frame follows from the number of its records. */
  readonly isFixed: boolean
}

export function createLayout(shape: Shape): Layout {
  const columns: Column[] = []
  const records = place(shape.records, 'record', columns)
  const { keys } = shape
  const isSame = keys !== null && keys.kind === shapes.SAME
  const placedKeys = keys === null || isSame ? null : place(keys, 'key', columns)
  const groups = shape.groups ? columns.push({ type: U16, lengths: -1, path: 'group' }) - 1 : -1
  const times = shape.times ? columns.push({ type: F64, lengths: -1, path: 'time' }) - 1 : -1
  return {
    shape,
    columns,
    records,
    keys: placedKeys,
    sameText: isSame ? textOf(records, keys.of) : -1,
    groups,
    times,
    rowBytes: columns.reduce((sum, { type }) => sum + ROW_BYTES[type]!, 0),
    isFixed: columns.every(({ type }) => type < TEXT),
  }
}

const textOf = (records: Placed, of: number): number =>
  of < 0 ? records.text : records.children[of]!.node.text

const COLUMN_TYPES: Readonly<Partial<Record<Node['kind'], ColumnType>>> = {
  [shapes.INT32]: I32,
  [shapes.FLOAT64]: F64,
  [shapes.BOOLEAN]: U8,
  [shapes.STRING]: U16,
  [shapes.DATE]: F64,
  [shapes.VALUE]: CBOR,
}

function place(node: Node, path: string, columns: Column[]): Placed {
  const add = (type: ColumnType, lengths = -1): number => columns.push({ type, lengths, path }) - 1
  const presence = node.optional ? add(U8) : -1
  const type = COLUMN_TYPES[node.kind]
  const data = type === undefined ? -1 : add(type)
  const text = node.kind === shapes.STRING ? add(TEXT, data) : -1
  return { kind: node.kind, presence, data, text, children: placeChildren(node, path, columns) }
}

function placeChildren(node: Node, path: string, columns: Column[]): PlacedChild[] {
  switch (node.kind) {
    case shapes.OBJECT:
      return node.fields.map(({ name, node }: Field) => ({
        name,
        node: place(node, `${path}.${name}`, columns),
      }))
    case shapes.TUPLE:
      return node.items.map((item, i) => ({ name: i, node: place(item, `${path}[${i}]`, columns) }))
    default:
      return []
  }
}
