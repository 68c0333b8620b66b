/**
 * Shapes: how the records of one frame are laid out in columns.
 *
 * A shape is a tree that follows the values: a node is a leaf with a column of its own, a plain
 * object, or an array of fixed length (tuple). An optional node has one more column, of presence
 * codes. What fits no node is a leaf of kind VALUE: a column of CBOR.
 *
 * Shapes travel in every frame. Kinds and presence codes are wire constants: do not change.
 */
export const INT32 = 0
export const FLOAT64 = 1
export const BOOLEAN = 2
export const STRING = 3
export const DATE = 4
/** Any value that can travel, as CBOR. */
export const VALUE = 5
/** Only ever missing, undefined or null: no column but that of presence. */
export const NOTHING = 6
export const OBJECT = 7
export const TUPLE = 8
/** Keys only: the key is the string in the leaf `of` of the record. */
export const SAME = 9

export type LeafKind = 0 | 1 | 2 | 3 | 4 | 5 | 6

/** Presence codes of an optional node. */
export const MISSING = 0
export const IS_UNDEFINED = 1
export const IS_NULL = 2
export const PRESENT = 3

export interface Leaf {
  readonly kind: LeafKind
  readonly optional: boolean
}

export interface ObjectNode {
  readonly kind: typeof OBJECT
  readonly optional: boolean
  /** In the order in which they are put on the decoded object. */
  readonly fields: readonly Field[]
}

export interface Field {
  readonly name: string
  readonly node: Node
}

export interface TupleNode {
  readonly kind: typeof TUPLE
  readonly optional: boolean
  readonly items: readonly Node[]
}

export interface SameNode {
  readonly kind: typeof SAME
  readonly optional: false
  /** Position of the field of the record, itself a required string; -1: the record itself. */
  readonly of: number
}

export type Node = Leaf | ObjectNode | TupleNode

export interface Shape {
  readonly records: Node
  readonly keys: Node | SameNode | null
  readonly groups: boolean
  readonly times: boolean
}

/** A shape with more columns or levels, or longer names, is not made, and not accepted. */
export const COLUMNS_MAX = 96
/** As COLUMNS_MAX, of keys. */
export const KEY_COLUMNS_MAX = 32
export const LEVELS_MAX = 6
export const TUPLE_ITEMS_MAX = 16
export const FIELDS_MAX = 48
export const NAME_LENGTH_MAX = 256

/** What a node without its children takes from the budget of columns. */
export const nodeCost = (kind: number, optional: boolean): number =>
  (kind === STRING ? 2 : 1) + (optional ? 1 : 0)

/**
 * Names that plain property access cannot handle: `record.toString` is there without being a field.
 * Objects with such a field travel as CBOR.
 */
export const isColumnName = (name: string): boolean =>
  name.length <= NAME_LENGTH_MAX && !(name in Object.prototype)
