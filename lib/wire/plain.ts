/**
 * Collecting and building without generated code: the same results, several times slower. For
 * processes that disallow code generation from strings.
 */
import type { Build, Opened } from './build.js'
import { type Collect, type Gathered, MISFIT } from './collect.js'
import { isInt32, STRING_LENGTH_MAX } from './infer.js'
import { CBOR, type Layout, type Placed, TEXT } from './layout.js'
import * as shapes from './shape.js'

/** Takes one value apart at row `i`; false when it does not fit. */
type Take = (value: unknown, i: number) => boolean

export function plainCollect(layout: Layout): Collect {
  const row = new Row()
  const { columns, sameText, groups: groupColumn, times: timeColumn, rowBytes } = layout
  const takeRecord = taker(layout.records, row)
  const takeKey = layout.keys === null ? null : taker(layout.keys, row)
  const texts = columns.flatMap(({ type }, c) => (type === TEXT ? [c] : []))
  const values = columns.flatMap(({ type }, c) => (type === CBOR ? [c] : []))
  return (into, records, keys, groups, times, from, count) => {
    row.into = into
    for (const c of texts) into.texts[c] = ''
    let bytes = 0
    for (let i = 0; i < count; i++) {
      row.clear()
      const key = keys?.[from + i]
      if (!takeRecord(records[from + i], i)) return MISFIT
      if (takeKey !== null && !takeKey(key, i)) return MISFIT
      if (sameText >= 0 && key !== row.text(sameText)) return MISFIT
      if (groupColumn >= 0) into.arrays[groupColumn]![i] = groups![from + i]!
      if (timeColumn >= 0) into.arrays[timeColumn]![i] = times![from + i]!
      for (const c of texts) bytes += row.text(c).length * into.widths[c]!
      if (texts.length > 0 && bytes + (i + 1) * rowBytes > into.bytesMax) return i
      for (const c of texts) {
        into.texts[c] += row.text(c)
        into.arrays[columns[c]!.lengths]![i] = row.text(c).length
      }
      for (const c of values) into.values[c]!.push(row.values.get(c))
    }
    return count
  }
}

/** The strings and values of the record in hand. */
class Row {
  into!: Gathered
  readonly values = new Map<number, unknown>()
  readonly #texts = new Map<number, string>()

  clear(): void {
    this.values.clear()
    this.#texts.clear()
  }

  text(column: number): string {
    return this.#texts.get(column) ?? ''
  }

  setText(column: number, text: string): void {
    this.#texts.set(column, text)
  }

  set(column: number, i: number, value: number): void {
    this.into.arrays[column]![i] = value
  }
}

function taker(node: Placed, row: Row): Take {
  const present = presentTaker(node, row)
  const { presence } = node
  if (presence < 0) return present
  return (value, i) => {
    const code =
      value === undefined ? shapes.IS_UNDEFINED : value === null ? shapes.IS_NULL : shapes.PRESENT
    row.set(presence, i, code)
    if (code === shapes.PRESENT) return present(value, i)
    clearNode(node, row, i)
    return true
  }
}

function clearNode({ kind, data, children }: Placed, row: Row, i: number): void {
  if (data >= 0 && kind !== shapes.STRING && kind !== shapes.VALUE) row.set(data, i, 0)
  for (const { node } of children) {
    if (node.presence >= 0) row.set(node.presence, i, shapes.MISSING)
    clearNode(node, row, i)
  }
}

function presentTaker(node: Placed, row: Row): Take {
  const { data, text } = node
  const number = (fits: (value: unknown) => boolean, of: (value: never) => number): Take => {
    return (value, i) => {
      if (!fits(value)) return false
      row.set(data, i, of(value as never))
      return true
    }
  }
  switch (node.kind) {
    case shapes.INT32:
      return number(
        (value) => typeof value === 'number' && isInt32(value),
        (value: number) => value,
      )
    case shapes.FLOAT64:
      return number(
        (value) => typeof value === 'number',
        (value: number) => value,
      )
    case shapes.BOOLEAN:
      return number(
        (value) => typeof value === 'boolean',
        (value: boolean) => (value ? 1 : 0),
      )
    case shapes.DATE:
      return number(
        (value) => hasPrototype(value, Date.prototype),
        (value: Date) => value.getTime(),
      )
    case shapes.STRING:
      return (value) => {
        if (typeof value !== 'string' || value.length > STRING_LENGTH_MAX) return false
        row.setText(text, value)
        return true
      }
    case shapes.VALUE:
      return (value) => {
        row.values.set(data, value)
        return value !== undefined
      }
    case shapes.OBJECT:
      return objectTaker(node, row)
    case shapes.TUPLE:
      return tupleTaker(node, row)
    default:
      return () => false
  }
}

const hasPrototype = (value: unknown, prototype: object): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === prototype

function objectTaker({ children }: Placed, row: Row): Take {
  const fields = children.map(({ name, node }) => ({
    name: name as string,
    node,
    take: taker(node, row),
  }))
  return (value, i) => {
    if (!hasPrototype(value, Object.prototype)) return false
    let left = fields.length
    for (const { name, node, take } of fields) {
      const field = (value as Record<string, unknown>)[name]
      if (!take(field, i)) return false
      if (field !== undefined || node.presence < 0 || Object.hasOwn(value, name)) continue
      row.set(node.presence, i, shapes.MISSING)
      left -= 1
    }
    for (const _ in value) left -= 1
    return left === 0
  }
}

function tupleTaker({ children }: Placed, row: Row): Take {
  const takes = children.map(({ node }) => taker(node, row))
  return (value, i) => {
    if (!Array.isArray(value) || value.length !== takes.length) return false
    if (!hasPrototype(value, Array.prototype)) return false
    for (let item = 0; item < takes.length; item++) {
      if (value[item] === undefined && !(item in value)) return false
      if (!takes[item]!(value[item], i)) return false
    }
    return true
  }
}

/** Puts one value together from row `i`. */
type Make = (i: number) => unknown

export function plainBuild(layout: Layout): Build {
  const source: { from: Opened; texts: string[] } = { from: undefined as never, texts: [] }
  const makeRecord = maker(layout.records, source)
  const makeKey =
    layout.keys === null ? () => source.texts[layout.sameText] : maker(layout.keys, source)
  const texts = layout.columns.flatMap(({ lengths }, c) => (lengths < 0 ? [] : [{ c, lengths }]))
  return (from, records, keys, count) => {
    source.from = from
    const positions = [...from.starts]
    for (let i = 0; i < count; i++) {
      for (const { c, lengths } of texts) {
        const start = positions[c]!
        const end = start + from.arrays[lengths]![i]! * from.widths[c]!
        positions[c] = end
        source.texts[c] =
          from.widths[c] === 1
            ? from.frame.latin1Slice(start, end)
            : from.frame.ucs2Slice(start, end)
      }
      records[i] = makeRecord(i)
      if (keys !== null) keys[i] = makeKey(i)
    }
  }
}

function maker(node: Placed, source: { from: Opened; texts: string[] }): Make {
  const present = presentMaker(node, source)
  const { presence } = node
  if (presence < 0) return present
  return (i) => {
    const code = source.from.arrays[presence]![i]
    if (code === shapes.PRESENT) return present(i)
    return code === shapes.IS_NULL ? null : undefined
  }
}

function presentMaker(node: Placed, source: { from: Opened; texts: string[] }): Make {
  const { data, text, children } = node
  switch (node.kind) {
    case shapes.BOOLEAN:
      return (i) => source.from.arrays[data]![i] === 1
    case shapes.STRING:
      return () => source.texts[text]
    case shapes.DATE:
      return (i) => new Date(source.from.arrays[data]![i]!)
    case shapes.VALUE:
      return (i) => source.from.values[data]![i]
    case shapes.NOTHING:
      return () => undefined
    case shapes.TUPLE: {
      const makes = children.map(({ node }) => maker(node, source))
      return (i) => makes.map((make) => make(i))
    }
    case shapes.OBJECT: {
      const fields = children.map(({ name, node }) => ({ name, node, make: maker(node, source) }))
      return (i) => {
        const record: Record<string, unknown> = {}
        for (const { name, node, make } of fields) {
          const { presence } = node
          const code = presence < 0 ? shapes.PRESENT : source.from.arrays[presence]![i]
          if (code !== shapes.MISSING) record[name] = make(i)
        }
        return record
      }
    }
    default:
      return (i) => source.from.arrays[data]![i]
  }
}
