/**
 * CSV rows: which columns a row has, what type each is, and the function that builds it.
 *
 * The builder is generated for the columns at hand: an object literal has one hidden class and costs
 * a third of the same row filled in a loop. Where code generation is disallowed, the loop is used.
 */
import { MillraceError } from '../base/errors.js'

/**
 * How a column's text becomes a value. `number` and `boolean` (`true`/`false`) refuse anything else,
 * empty text included; with `?`, empty text is null. A function may throw: the row is then bad.
 */
export type ColumnType =
  | 'string'
  | 'number'
  | 'number?'
  | 'boolean'
  | 'boolean?'
  | ((text: string) => unknown)

export type ColumnValue<C> = C extends 'number'
  ? number
  : C extends 'number?'
    ? number | null
    : C extends 'boolean'
      ? boolean
      : C extends 'boolean?'
        ? boolean | null
        : C extends (text: string) => infer R
          ? R
          : string

export interface Column {
  readonly name: string
  /** Its place in the line, from 0. */
  readonly index: number
  readonly type: ColumnType
}

export interface RowBuilder {
  /** Builds from a line without quotes: field i of `text` ends before `ends[i]`. */
  fromEnds(text: string, start: number, ends: Int32Array): unknown
  fromFields(fields: readonly string[]): unknown
}

/** Chooses columns by name. Without `names`, all that are `present`. */
export function selectColumns(
  where: string,
  present: readonly string[],
  names: readonly string[] | null,
  types: Readonly<Record<string, ColumnType>>,
): Column[] {
  const repeated = present.find((name, index) => present.indexOf(name) !== index)
  if (repeated !== undefined) {
    throw new MillraceError(
      'E_CSV_HEADER',
      `${where}: expected each column once, saw "${repeated}" twice; give header: false and columns`,
    )
  }
  const wanted = names ?? present
  for (const name of [...wanted, ...Object.keys(types)]) {
    if (present.includes(name)) continue
    throw new MillraceError(
      'E_CSV_COLUMN',
      `${where}: expected a column "${name}", saw only ${present.join(', ')}`,
      { details: { file: where, column: name } },
    )
  }
  return wanted.map((name) => ({
    name,
    index: present.indexOf(name),
    type: Object.hasOwn(types, name) ? types[name]! : 'string',
  }))
}

type Convert = (text: string, name: string) => unknown

export function rowBuilder(columns: readonly Column[]): RowBuilder {
  const converts = columns.map((column) => converter(column.type))
  return generated(columns, converts) ?? looping(columns, converts)
}

/** Rows as arrays of text. */
export const arrayRows: RowBuilder = {
  fromEnds(text, start, ends) {
    const row: string[] = []
    let at = start
    for (let i = 0; i < ends.length; i++) {
      row.push(text.slice(at, ends[i]!))
      at = ends[i]! + 1
    }
    return row
  },
  fromFields: (fields) => fields.slice(),
}

function generated(columns: readonly Column[], converts: readonly Convert[]): RowBuilder | null {
  const row = (value: (index: number, type: ColumnType, name: string, i: number) => string) =>
    columns.map(({ name, index, type }, i) => {
      const key = JSON.stringify(name)
      // In a literal, `"__proto__": x` would set the prototype; computed keys are data, but slow.
      return `${name === '__proto__' ? `[${key}]` : key}:${value(index, type, key, i)}`
    })
  const ofEnds = row((index, type, name, i) => {
    const from = index === 0 ? 's' : `e[${index - 1}]+1`
    const slice = `t.slice(${from},e[${index}])`
    if (type === 'string') return slice
    return type === 'number' ? `n(t,${from},e[${index}],${name})` : `c[${i}](${slice},${name})`
  })
  const ofFields = row((index, type, name, i) =>
    type === 'string' ? `f[${index}]` : `c[${i}](f[${index}],${name})`,
  )
  try {
    const fromEnds = new Function('c', 'n', `return (t,s,e)=>({${ofEnds}})`)
    const fromFields = new Function('c', `return (f)=>({${ofFields}})`)
    return { fromEnds: fromEnds(converts, numberBetween), fromFields: fromFields(converts) }
  } catch {
    return null
  }
}

function looping(columns: readonly Column[], converts: readonly Convert[]): RowBuilder {
  const build = (field: (index: number) => string) =>
    Object.fromEntries(
      columns.map(({ name, index }, i) => [name, converts[i]!(field(index), name)]),
    )
  return {
    fromEnds: (text, start, ends) =>
      build((i) => text.slice(i === 0 ? start : ends[i - 1]! + 1, ends[i]!)),
    fromFields: (fields) => build((i) => fields[i]!),
  }
}

function converter(type: ColumnType): Convert {
  if (typeof type === 'function') return type
  if (type === 'number') return toNumber
  if (type === 'boolean') return toBoolean
  if (type === 'number?') return (text, name) => (text === '' ? null : toNumber(text, name))
  if (type === 'boolean?') return (text, name) => (text === '' ? null : toBoolean(text, name))
  return (text) => text
}

function toNumber(text: string, name: string): number {
  const value = +text
  // `+''` and `+' '` are 0.
  if (Number.isNaN(value) || (value === 0 && text.trim() === '')) {
    throw new Error(`expected a number in column "${name}", saw ${JSON.stringify(text)}`)
  }
  return value
}

/** 10^k for every k with which the quotient below is exact. */
const POWERS_OF_TEN = Array.from({ length: 16 }, (_, k) => 10 ** k)
const DIGITS_MAX = 15

/**
 * The number that `text[from…to)` is. Plain decimals of up to 15 digits are read in place: both the
 * digits and the power of ten are exact then, so one division rounds correctly (Clinger 1990). The
 * rest goes the long way.
 */
export function numberBetween(text: string, from: number, to: number, name: string): number {
  const isNegative = text.charCodeAt(from) === 45
  let at = isNegative ? from + 1 : from
  let digits = 0
  let behindPoint = -1
  if (to - at > DIGITS_MAX || at === to) return toNumber(text.slice(from, to), name)
  for (; at < to; at++) {
    const code = text.charCodeAt(at)
    if (code >= 48 && code <= 57) {
      digits = digits * 10 + (code - 48)
      if (behindPoint >= 0) behindPoint++
    } else if (code === 46 && behindPoint < 0) behindPoint = 0
    else return toNumber(text.slice(from, to), name)
  }
  // `.` alone, `1.` and `.5`: let the long way decide.
  if (behindPoint === 0 || text.charCodeAt(to - 1) === 46) {
    return toNumber(text.slice(from, to), name)
  }
  const value = behindPoint > 0 ? digits / POWERS_OF_TEN[behindPoint]! : digits
  return isNegative ? -value : value
}

function toBoolean(text: string, name: string): boolean {
  if (text === 'true') return true
  if (text === 'false') return false
  throw new Error(`expected true or false in column "${name}", saw ${JSON.stringify(text)}`)
}
