/** Where an encoder collects columns before it knows the size of the frame. */
import type { Gathered } from './collect.js'
import { CBOR, F64, type FixedColumn, I32, type Layout, TEXT, U8 } from './layout.js'

/** Arrays by type and position, shared by all encoders of a thread: one encodes at a time. */
const arraysOf: FixedColumn[][] = [[], [], [], []]
const ROWS_MIN = 1024

function scratchArray(type: number, position: number, rows: number): FixedColumn {
  const known = arraysOf[type]![position]
  if (known !== undefined && known.length >= rows) return known
  const length = Math.max(ROWS_MIN, rows)
  const made =
    type === U8
      ? new Uint8Array(length)
      : type === I32
        ? new Int32Array(length)
        : type === F64
          ? new Float64Array(length)
          : new Uint16Array(length)
  arraysOf[type]![position] = made
  return made
}

export class Scratch implements Gathered {
  arrays: FixedColumn[] = []
  texts: string[] = []
  values: unknown[][] = []
  widths: number[] = []
  bytesMax = 0
  /** A frame whose columns are collected in place. */
  frame: ArrayBuffer | null = null
  /** Share of the records collected last that would have fitted; below 1. */
  excess = 1
  #layout: Layout | null = null

  /** Makes room for the columns of `layout`; characters are reckoned as one byte at first. */
  use(layout: Layout): void {
    this.#layout = layout
    this.arrays = []
    this.texts = layout.columns.map(() => '')
    this.values = layout.columns.map(() => [])
    this.widths = layout.columns.map(() => 1)
  }

  /** After a frame: keeps none of its values alive. */
  release(): void {
    this.frame = null
    this.texts.fill('')
    for (let c = 0; c < this.values.length; c++) {
      if (this.values[c]!.length > 0) this.values[c] = []
    }
  }

  /** Before each run: arrays of at least `rows` elements, no values. */
  prepare(rows: number): void {
    const { columns } = this.#layout!
    for (let c = 0; c < columns.length; c++) {
      const { type } = columns[c]!
      if (type === CBOR) this.values[c] = []
      else if (type !== TEXT) this.arrays[c] = scratchArray(type, c, rows)
    }
  }
}
