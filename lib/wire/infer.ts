/**
 * Finds the shape of a batch: the narrowest one that every record fits, joined with the shape that
 * was used so far, so that records which differ now and then end with one shape that fits them all.
 */

import type { Field, Node, SameNode, Shape } from './shape.js'
import * as shapes from './shape.js'

/** Longer strings do not fit the 16 bits of a length column. */
export const STRING_LENGTH_MAX = 65_535
/** An object used as a dictionary has fields that most others lack: below this share it is CBOR. */
const FILLED_SHARE_MIN = 1 / 4

/** What was seen at one place of the records; `kinds` has a bit for each kind of node. */
interface Sketch {
  kinds: number
  optional: boolean
  /** Objects seen, and the fields that they had. */
  objects: number
  fields: Map<string, { sketch: Sketch; seen: number }>
  items: Sketch[]
}

const newSketch = (): Sketch => ({
  kinds: 0,
  optional: false,
  objects: 0,
  fields: new Map(),
  items: [],
})

const bit = (kind: number): number => 1 << kind

export function inferShape(
  records: readonly unknown[],
  keys: readonly unknown[] | null,
  grouped: boolean,
  timed: boolean,
  from: number,
  to: number,
  before: Shape | null,
): Shape {
  const known = before?.records ?? null
  const recordNode = inferNode(records, from, to, known, shapes.COLUMNS_MAX)
  return {
    records: recordNode,
    keys: keys === null ? null : inferKeys(records, keys, from, to, recordNode, before),
    groups: grouped,
    times: timed,
  }
}

function inferNode(
  values: readonly unknown[],
  from: number,
  to: number,
  before: Node | null,
  columnsMax: number,
): Node {
  const budget = { columns: columnsMax }
  const sketch = newSketch()
  if (before !== null) addNode(sketch, before)
  for (let i = from; i < to; i++) add(sketch, values[i], 0)
  const node = toNode(sketch, budget)
  return budget.columns >= 0 ? node : { kind: shapes.VALUE, optional: sketch.optional }
}

/** Keys that are a string field of their record need no column of their own. */
function inferKeys(
  records: readonly unknown[],
  keys: readonly unknown[],
  from: number,
  to: number,
  recordNode: Node,
  before: Shape | null,
): Node | SameNode {
  const knownKeys = before?.keys ?? null
  if (knownKeys === null || knownKeys.kind === shapes.SAME) {
    const of = sameAs(records, keys, from, to, recordNode)
    if (of !== null) return { kind: shapes.SAME, optional: false, of }
    return inferNode(keys, from, to, null, shapes.KEY_COLUMNS_MAX)
  }
  return inferNode(keys, from, to, knownKeys, shapes.KEY_COLUMNS_MAX)
}

function sameAs(
  records: readonly unknown[],
  keys: readonly unknown[],
  from: number,
  to: number,
  { kind, optional, ...node }: Node,
): number | null {
  if (optional || from === to) return null
  const every = (of: (record: never) => unknown): boolean => {
    for (let i = from; i < to; i++) if (of(records[i] as never) !== keys[i]) return false
    return true
  }
  const isText = (leaf: Node): boolean => leaf.kind === shapes.STRING && !leaf.optional
  if (kind === shapes.STRING) return every((record) => record) ? -1 : null
  const names: readonly (string | number)[] =
    'fields' in node
      ? node.fields.map((field) => (isText(field.node) ? field.name : ''))
      : 'items' in node
        ? node.items.map((item, i) => (isText(item) ? i : ''))
        : []
  const of = names.findIndex((name) => name !== '' && every((record) => record[name]))
  return of < 0 ? null : of
}

function add(sketch: Sketch, value: unknown, level: number): void {
  switch (typeof value) {
    case 'number':
      sketch.kinds |= bit(isInt32(value) ? shapes.INT32 : shapes.FLOAT64)
      break
    case 'string':
      sketch.kinds |= bit(value.length <= STRING_LENGTH_MAX ? shapes.STRING : shapes.VALUE)
      break
    case 'boolean':
      sketch.kinds |= bit(shapes.BOOLEAN)
      break
    case 'undefined':
      sketch.optional = true
      break
    case 'object':
      if (value === null) sketch.optional = true
      else addObject(sketch, value, level)
      break
    default:
      sketch.kinds |= bit(shapes.VALUE)
  }
}

export const isInt32 = (value: number): boolean => (value | 0) === value && !Object.is(value, -0)

function addObject(sketch: Sketch, value: object, level: number): void {
  const prototype = Object.getPrototypeOf(value)
  if (prototype === Date.prototype) sketch.kinds |= bit(shapes.DATE)
  else if (prototype === Object.prototype) addFields(sketch, value, level)
  else if (prototype === Array.prototype) addItems(sketch, value as unknown[], level)
  else sketch.kinds |= bit(shapes.VALUE)
}

function addFields(sketch: Sketch, value: object, level: number): void {
  const names = Object.keys(value)
  const fits =
    level < shapes.LEVELS_MAX &&
    names.length <= shapes.FIELDS_MAX &&
    names.every(shapes.isColumnName)
  sketch.kinds |= bit(fits ? shapes.OBJECT : shapes.VALUE)
  if (sketch.kinds !== bit(shapes.OBJECT)) return
  sketch.objects += 1
  for (const name of names) {
    const field = fieldOf(sketch, name)
    field.seen += 1
    add(field.sketch, (value as Record<string, unknown>)[name], level + 1)
  }
}

function fieldOf(sketch: Sketch, name: string): { sketch: Sketch; seen: number } {
  const known = sketch.fields.get(name)
  if (known !== undefined) return known
  const field = { sketch: newSketch(), seen: 0 }
  sketch.fields.set(name, field)
  return field
}

function addItems(sketch: Sketch, value: readonly unknown[], level: number): void {
  const { length } = value
  const fits =
    level < shapes.LEVELS_MAX &&
    length <= shapes.TUPLE_ITEMS_MAX &&
    (sketch.objects === 0 || sketch.items.length === length) &&
    !hasHole(value)
  sketch.kinds |= bit(fits ? shapes.TUPLE : shapes.VALUE)
  if (sketch.kinds !== bit(shapes.TUPLE)) return
  if (sketch.objects === 0) sketch.items = Array.from({ length }, newSketch)
  sketch.objects += 1
  for (let i = 0; i < length; i++) add(sketch.items[i]!, value[i], level + 1)
}

function hasHole(value: readonly unknown[]): boolean {
  for (let i = 0; i < value.length; i++) if (!(i in value)) return true
  return false
}

/** As if values of every form that `node` allows had been seen. */
function addNode(sketch: Sketch, node: Node): void {
  sketch.optional ||= node.optional
  if (node.kind === shapes.NOTHING) return
  sketch.kinds |= bit(node.kind)
  if (node.kind === shapes.OBJECT) {
    sketch.objects += 1
    for (const { name, node: fieldNode } of node.fields) {
      const field = fieldOf(sketch, name)
      field.seen += 1
      addNode(field.sketch, fieldNode)
    }
  } else if (node.kind === shapes.TUPLE) {
    sketch.objects += 1
    sketch.items = node.items.map((item) => {
      const itemSketch = newSketch()
      addNode(itemSketch, item)
      return itemSketch
    })
  }
}

function toNode(sketch: Sketch, budget: { columns: number }): Node {
  const node = bareNode(sketch, budget)
  budget.columns -= shapes.nodeCost(node.kind, node.optional)
  return node
}

function bareNode(sketch: Sketch, budget: { columns: number }): Node {
  const { kinds, optional } = sketch
  switch (kinds) {
    case 0:
      return { kind: shapes.NOTHING, optional: true }
    case bit(shapes.INT32):
      return { kind: shapes.INT32, optional }
    case bit(shapes.FLOAT64):
    case bit(shapes.INT32) | bit(shapes.FLOAT64):
      return { kind: shapes.FLOAT64, optional }
    case bit(shapes.BOOLEAN):
      return { kind: shapes.BOOLEAN, optional }
    case bit(shapes.STRING):
      return { kind: shapes.STRING, optional }
    case bit(shapes.DATE):
      return { kind: shapes.DATE, optional }
    case bit(shapes.OBJECT):
      return objectNode(sketch, budget)
    case bit(shapes.TUPLE):
      return {
        kind: shapes.TUPLE,
        optional,
        items: sketch.items.map((item) => toNode(item, budget)),
      }
    default:
      return { kind: shapes.VALUE, optional }
  }
}

function objectNode(sketch: Sketch, budget: { columns: number }): Node {
  const { optional, objects, fields } = sketch
  let filled = 0
  for (const { seen } of fields.values()) filled += seen
  const dense = filled >= FILLED_SHARE_MIN * objects * fields.size
  if (!dense || fields.size > shapes.FIELDS_MAX) return { kind: shapes.VALUE, optional }
  const nodes: Field[] = []
  for (const [name, { sketch: field, seen }] of fields) {
    if (seen < objects) field.optional = true
    nodes.push({ name, node: toNode(field, budget) })
  }
  return { kind: shapes.OBJECT, optional, fields: nodes }
}
