/**
 * Building: puts records together from columns, by code generated for their layout. The counterpart
 * of `collect.ts`.
 */
import type { FixedColumn, Layout, Placed } from './layout.js'
import type { NativeText } from './native-text.js'
import * as shapes from './shape.js'

/** The columns of one frame. */
export interface Opened {
  readonly arrays: FixedColumn[]
  readonly values: (readonly unknown[])[]
  /** The frame, for its texts. */
  frame: NativeText
  /** Where a text begins, by column. */
  readonly starts: number[]
  /** Bytes per character, by column of text: 1 (ISO 8859-1) or 2 (UTF-16). */
  readonly widths: number[]
}

/** Fills `records`, and `keys` where there are some, with `count` values. */
export type Build = (
  from: Opened,
  records: unknown[],
  keys: unknown[] | null,
  count: number,
) => void

/**
 * Strings are cut from the text of this many neighbours: one native call for all of them, and a
 * string that is kept keeps no more than those alive. Measured: 12 ns per string against 53.
 */
export const RUN = 16
/**
 * Neighbours with more characters are read one by one, so that this bounds what a kept string keeps alive. Of
 * rows kept for long, with two texts of 65 characters, a quarter of all memory was text of rows long gone.
 * Sixteen UUIDs, of 36 characters each, are still read at once: one by one they would take twice as long.
 */
export const RUN_CHARACTERS_MAX = 768

export function generateBuild(layout: Layout): Build {
  return new Function(new BuildSource(layout).source())() as Build
}

class BuildSource {
  readonly #layout: Layout
  #names = 0

  constructor(layout: Layout) {
    this.#layout = layout
  }

  source(): string {
    const { columns, records, keys, sameText } = this.#layout
    const texts = columns.flatMap(({ lengths }, c) => (lengths < 0 ? [] : [{ c, lengths }]))
    const values = columns.flatMap(({ type }, c) => (type === 5 ? [c] : []))
    const fixed = columns.flatMap(({ type }, c) => (type < 4 ? [c] : []))
    const statements: string[] = []
    const record = this.#node(records, statements)
    const key = keys === null ? `t${sameText}` : this.#node(keys, statements)
    return `'use strict'
      return (from, records, keys, count) => {
        const frame = from.frame
        ${fixed.map((c) => `const c${c} = from.arrays[${c}]`).join('\n')}
        ${texts.map(({ c }) => `let z${c} = from.starts[${c}]`).join('\n')}
        ${texts.map(({ c }) => `const w${c} = from.widths[${c}]`).join('\n')}
        ${values.map((c) => `const a${c} = from.values[${c}]`).join('\n')}
        for (let start = 0; start < count; start += ${RUN}) {
          const end = start + ${RUN} < count ? start + ${RUN} : count
          ${texts.map(({ c, lengths }) => run(c, lengths)).join('\n')}
          for (let i = start; i < end; i++) {
            ${texts.map(({ c, lengths }) => cut(c, lengths)).join('\n')}
            ${statements.join('\n')}
            records[i] = ${record}
            ${keys === null && sameText < 0 ? '' : `keys[i] = ${key}`}
          }
        }
      }`
  }

  /** An expression for the value; statements that it needs go to `before`. */
  #node(node: Placed, before: string[]): string {
    if (node.presence < 0) return this.#present(node, before)
    const local = `o${this.#names++}`
    const inner: string[] = []
    const present = this.#present(node, inner)
    const presence = `c${node.presence}[i]`
    before.push(`let ${local} = ${presence} === ${shapes.IS_NULL} ? null : undefined
      if (${presence} === ${shapes.PRESENT}) { ${inner.join('\n')}; ${local} = ${present} }`)
    return local
  }

  #present(node: Placed, before: string[]): string {
    switch (node.kind) {
      case shapes.BOOLEAN:
        return `c${node.data}[i] === 1`
      case shapes.STRING:
        return `t${node.text}`
      case shapes.DATE:
        return `new Date(c${node.data}[i])`
      case shapes.VALUE:
        return `a${node.data}[i]`
      case shapes.OBJECT:
        return this.#object(node, before)
      case shapes.TUPLE:
        return `[${node.children.map(({ node: item }) => this.#node(item, before)).join(', ')}]`
      case shapes.NOTHING:
        return 'undefined'
      default:
        return `c${node.data}[i]`
    }
  }

  /** A literal where no field is missing, which is fast; else field by field, in the same order. */
  #object({ children }: Placed, before: string[]): string {
    const fields = children.map(({ name, node }) => ({
      name: JSON.stringify(name),
      value: this.#node(node, before),
      missing: node.presence < 0 ? '' : `c${node.presence}[i] === ${shapes.MISSING}`,
    }))
    const literal = `{ ${fields.map(({ name, value }) => `${name}: ${value}`).join(', ')} }`
    const some = fields.flatMap(({ missing }) => (missing === '' ? [] : [missing]))
    if (some.length === 0) return literal
    const local = `o${this.#names++}`
    const each = fields.map(({ name, value, missing }) =>
      missing === ''
        ? `${local}[${name}] = ${value}`
        : `if (!(${missing})) ${local}[${name}] = ${value}`,
    )
    before.push(`let ${local}
      if (${some.join(' || ')}) { ${local} = {}; ${each.join('\n')} } else ${local} = ${literal}`)
    return local
  }
}

/** What a run has in common: its text, null where that is too long. */
const run = (c: number, lengths: number): string => `
  let l${c} = 0
  for (let i = start; i < end; i++) l${c} += c${lengths}[i]
  const y${c} = l${c} <= ${RUN_CHARACTERS_MAX} ? ${read(c, `l${c}`)} : null
  let x${c} = 0`

const cut = (c: number, lengths: number): string => `
  const n${c} = c${lengths}[i]
  const t${c} = y${c} === null ? ${read(c, `n${c}`)} : y${c}.slice(x${c}, x${c} + n${c})
  x${c} += n${c}
  z${c} += n${c} * w${c}`

/** So many characters from where the column has been read to. */
const read = (c: number, length: string): string =>
  `(w${c} === 1 ? frame.latin1Slice(z${c}, z${c} + ${length}) : frame.ucs2Slice(z${c}, z${c} + 2 * ${length}))`
