/**
 * Shapes as CBOR: `[records, keys or null, groups, times, padding]`, a node being
 * `[kind + 16 if optional, …]` followed by names and nodes, nodes, or a position. The padding makes
 * the length a multiple of 8. Read from the wire, a shape is checked whole before it is used.
 */
import { decodeCbor, encodeCbor } from './cbor.js'
import type { Field, Leaf, LeafKind, Node, SameNode, Shape } from './shape.js'
import * as shapes from './shape.js'

const OPTIONAL = 16
const ALIGNMENT = 8

export function encodeShape({ records, keys, groups, times }: Shape): Uint8Array {
  const parts = [toData(records), keys === null ? null : toData(keys), groups, times]
  const bare = encodeCbor([...parts, new Uint8Array(0)]).length
  return encodeCbor([...parts, new Uint8Array((ALIGNMENT - (bare % ALIGNMENT)) % ALIGNMENT)])
}

function toData(node: Node | SameNode): unknown[] {
  const tag = node.kind + (node.optional ? OPTIONAL : 0)
  switch (node.kind) {
    case shapes.OBJECT:
      return [tag, ...node.fields.flatMap(({ name, node }) => [name, toData(node)])]
    case shapes.TUPLE:
      return [tag, ...node.items.map(toData)]
    case shapes.SAME:
      return [tag, node.of]
    default:
      return [tag]
  }
}

/** Why bytes are no shape. */
class BadShape extends Error {}

const must = (condition: boolean, law: string): void => {
  if (!condition) throw new BadShape(law)
}

/** The shape, or the reason why it is none. */
export function decodeShape(bytes: Uint8Array): Shape | string {
  try {
    const data = decodeCbor(bytes)
    must(Array.isArray(data) && data.length === 5, 'a shape has five parts')
    const [records, keys, groups, times] = data as unknown[]
    const recordNode = toNode(records, { columns: shapes.COLUMNS_MAX }, 0)
    const shape: Shape = {
      records: recordNode,
      keys: keys === null ? null : toKeyNode(keys, recordNode),
      groups: groups === true,
      times: times === true,
    }
    must(typeof groups === 'boolean', 'groups are there or not')
    must(typeof times === 'boolean', 'times are there or not')
    return shape
  } catch (error) {
    return error instanceof Error ? error.message : 'no shape'
  }
}

function toKeyNode(data: unknown, records: Node): Node | SameNode {
  if (!Array.isArray(data) || data[0] !== shapes.SAME) {
    return toNode(data, { columns: shapes.KEY_COLUMNS_MAX }, 0)
  }
  const of: unknown = data[1]
  must(typeof of === 'number' && sameLeaf(records, of) !== null, 'the same string as a leaf')
  return { kind: shapes.SAME, optional: false, of: of as number }
}

/** The required string leaf that a SAME node may point at, or null. */
export function sameLeaf(records: Node, of: number): Leaf | null {
  const node =
    of === -1
      ? records
      : records.kind === shapes.OBJECT
        ? records.fields[of]?.node
        : records.kind === shapes.TUPLE
          ? records.items[of]
          : undefined
  if (node === undefined || node.kind !== shapes.STRING || node.optional) return null
  return records.optional ? null : node
}

function toNode(data: unknown, budget: { columns: number }, level: number): Node {
  must(Array.isArray(data) && typeof data[0] === 'number', 'a node is an array with a kind')
  const [tag, ...rest] = data as [number, ...unknown[]]
  const optional = tag >= OPTIONAL
  const kind = optional ? tag - OPTIONAL : tag
  must(Number.isInteger(kind) && kind >= 0 && kind <= shapes.TUPLE, 'a known kind of node')
  must(level <= shapes.LEVELS_MAX, 'a limit on levels')
  budget.columns -= shapes.nodeCost(kind, optional)
  must(budget.columns >= 0, 'a limit on columns')
  if (kind === shapes.OBJECT) {
    return { kind, optional, fields: toFields(rest, budget, level + 1) }
  }
  if (kind === shapes.TUPLE) {
    must(rest.length <= shapes.TUPLE_ITEMS_MAX, 'a limit on items')
    return { kind, optional, items: rest.map((item) => toNode(item, budget, level + 1)) }
  }
  must(rest.length === 0, 'a leaf holds nothing')
  must(kind !== shapes.NOTHING || optional, 'nothing is optional')
  return { kind: kind as LeafKind, optional }
}

function toFields(data: readonly unknown[], budget: { columns: number }, level: number): Field[] {
  must(data.length % 2 === 0 && data.length <= 2 * shapes.FIELDS_MAX, 'a limit on fields')
  const fields: Field[] = []
  const seen = new Set<string>()
  for (let i = 0; i < data.length; i += 2) {
    const name = data[i]
    must(typeof name === 'string' && shapes.isColumnName(name), 'a name of a column')
    must(!seen.has(name as string), 'no name twice')
    seen.add(name as string)
    fields.push({ name: name as string, node: toNode(data[i + 1], budget, level) })
  }
  return fields
}
