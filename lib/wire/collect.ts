/**
 * Collecting: takes records apart into columns, by code generated for their layout. Every record is
 * checked: types, extra and missing fields, prototypes.
 *
 * Why generated: one loop with constant names and types takes 15–30 ns per record of 7 fields,
 * closures per field (`plain.ts`) ten times that.
 */

import { STRING_LENGTH_MAX } from './infer.js'
import type { FixedColumn, Layout, Placed } from './layout.js'
import * as shapes from './shape.js'

/** Where the parts of records go, by column. Reused from frame to frame. */
export interface Gathered {
  readonly arrays: FixedColumn[]
  readonly texts: string[]
  readonly values: unknown[][]
  /** Bytes per character to reckon with, by column of text: 1 or 2. */
  readonly widths: number[]
  /** What the columns without their headers may take. */
  bytesMax: number
}

/** A record does not fit the layout. */
export const MISFIT = -1

/**
 * Takes apart up to `count` records from `from` on. Returns how many fit into `bytesMax` (0: not even
 * the first does), or MISFIT.
 */
export type Collect = (
  into: Gathered,
  records: readonly unknown[],
  keys: readonly unknown[] | null,
  groups: ArrayLike<number> | null,
  times: ArrayLike<number> | null,
  from: number,
  count: number,
) => number

export function generateCollect(layout: Layout): Collect {
  const source = new CollectSource(layout).source()
  return new Function('getPrototypeOf', 'hasOwn', source)(
    Object.getPrototypeOf,
    Object.prototype.hasOwnProperty,
  ) as Collect
}

class CollectSource {
  readonly #layout: Layout
  #names = 0

  constructor(layout: Layout) {
    this.#layout = layout
  }

  source(): string {
    const { columns, records, keys, sameText, groups, times, rowBytes } = this.#layout
    const texts = columns.flatMap(({ lengths }, c) => (lengths < 0 ? [] : [c]))
    const values = columns.flatMap(({ type }, c) => (type === 5 ? [c] : []))
    const fixed = columns.flatMap(({ type }, c) => (type < 4 ? [c] : []))
    const added = texts.map((c) => `t${c}.length * w${c}`).join(' + ')
    return `'use strict'
      const objects = Object.prototype, arrays = Array.prototype, dates = Date.prototype
      const timeOf = dates.getTime
      return (into, records, keys, groups, times, from, count) => {
        ${fixed.map((c) => `const c${c} = into.arrays[${c}]`).join('\n')}
        ${texts.map((c) => `let s${c} = ''; const w${c} = into.widths[${c}]`).join('\n')}
        ${values.map((c) => `const a${c} = into.values[${c}]`).join('\n')}
        const bytesMax = into.bytesMax
        let bytes = 0
        let i = 0
        for (; i < count; i++) {
          ${texts.map((c) => `let t${c} = ''`).join('\n')}
          ${values.map((c) => `let u${c}`).join('\n')}
          const r = records[from + i]
          ${this.#node(records, 'r', '1')}
          ${keys === null && sameText < 0 ? '' : 'const k = keys[from + i]'}
          ${keys === null ? '' : this.#node(keys, 'k', '1')}
          ${sameText < 0 ? '' : `if (k !== t${sameText}) return -1`}
          ${groups < 0 ? '' : `c${groups}[i] = groups[from + i]`}
          ${times < 0 ? '' : `c${times}[i] = times[from + i]`}
          ${added === '' ? '' : `bytes += ${added}`}
          ${added === '' ? '' : `if (bytes + (i + 1) * ${rowBytes} > bytesMax) break`}
          ${texts.map((c) => `s${c} += t${c}; c${columns[c]!.lengths}[i] = t${c}.length`).join('\n')}
          ${values.map((c) => `a${c}.push(u${c})`).join('\n')}
        }
        ${texts.map((c) => `into.texts[${c}] = s${c}`).join('\n')}
        return i
      }`
  }

  /** Statements that take `value` apart. `isUndefined` is the presence code of undefined, or a way out. */
  #node(node: Placed, value: string, isUndefined: string): string {
    if (node.presence < 0) return this.#present(node, value)
    const presence = `c${node.presence}[i]`
    return `
      if (${value} === undefined) { ${presence} = ${isUndefined}; ${absent(node)} }
      else if (${value} === null) { ${presence} = ${shapes.IS_NULL}; ${absent(node)} }
      else { ${presence} = ${shapes.PRESENT}; ${this.#present(node, value)} }`
  }

  #present(node: Placed, value: string): string {
    const column = `c${node.data}[i]`
    switch (node.kind) {
      case shapes.INT32:
        return `if (typeof ${value} !== 'number' || (${value} | 0) !== ${value}) return -1
          if (${value} === 0 && 1 / ${value} < 0) return -1
          ${column} = ${value}`
      case shapes.FLOAT64:
        return `if (typeof ${value} !== 'number') return -1; ${column} = ${value}`
      case shapes.BOOLEAN:
        return `if (typeof ${value} !== 'boolean') return -1; ${column} = ${value} ? 1 : 0`
      case shapes.STRING:
        return `if (typeof ${value} !== 'string' || ${value}.length > ${STRING_LENGTH_MAX}) return -1
          t${node.text} = ${value}`
      case shapes.DATE:
        return `if (typeof ${value} !== 'object' || ${value} === null) return -1
          if (getPrototypeOf(${value}) !== dates) return -1
          ${column} = timeOf.call(${value})`
      case shapes.VALUE:
        return `if (${value} === undefined) return -1; u${node.data} = ${value}`
      case shapes.OBJECT:
        return this.#object(node, value)
      case shapes.TUPLE:
        return this.#tuple(node, value)
      default:
        return 'return -1'
    }
  }

  /**
   * Fields are loaded before the prototype is asked for, which then costs nothing: V8 knows the map
   * of the object. The names are counted last, because the count makes V8 forget it.
   */
  #object({ children }: Placed, value: string): string {
    const left = `n${this.#names++}`
    const fields = children.map((child) => ({ ...child, local: `v${this.#names++}` }))
    const loads = fields.map(({ name, local }) => `const ${local} = ${value}[${quote(name)}]`)
    const parts = fields.map(({ name, node, local }) => {
      const missing = `hasOwn.call(${value}, ${quote(name)}) ? 1 : (${left}--, 0)`
      return this.#node(node, local, missing)
    })
    return `if (typeof ${value} !== 'object' || ${value} === null) return -1
      ${loads.join('\n')}
      if (getPrototypeOf(${value}) !== objects) return -1
      let ${left} = ${fields.length}
      ${parts.join('\n')}
      for (const _ in ${value}) ${left}--
      if (${left} !== 0) return -1`
  }

  #tuple({ children }: Placed, value: string): string {
    const items = children.map((child) => ({ ...child, local: `v${this.#names++}` }))
    const loads = items.map(({ name, local }) => `const ${local} = ${value}[${name}]`)
    const parts = items.map(({ name, node, local }) => {
      const hole =
        node.presence < 0 ? '' : `if (${local} === undefined && !(${name} in ${value})) return -1\n`
      return hole + this.#node(node, local, '1')
    })
    return `if (!Array.isArray(${value}) || ${value}.length !== ${items.length}) return -1
      ${loads.join('\n')}
      if (getPrototypeOf(${value}) !== arrays) return -1
      ${parts.join('\n')}`
  }
}

const quote = (name: string | number): string => JSON.stringify(name)

/** Columns of fixed width hold 0 where there is no value: frames never show what was there before. */
function absent(node: Placed): string {
  const own =
    node.data < 0 || node.kind === shapes.STRING || node.kind === shapes.VALUE
      ? ''
      : `c${node.data}[i] = 0;`
  return own + node.children.map(({ node: child }) => absentChild(child)).join('')
}

const absentChild = (node: Placed): string =>
  (node.presence < 0 ? '' : `c${node.presence}[i] = 0;`) + absent(node)
