/**
 * What records are ordered by: values of a few types in a total order, so that any two can be compared
 * and no sort depends on the order in which it compares.
 *
 * Ascending: numbers (with bigints among them), then strings by UTF-16 code unit, booleans (false
 * first), dates, arrays element by element (a shorter one before its extensions). `null`, `undefined`, NaN and
 * invalid dates stand for nothing and come last, whichever the direction.
 */
import { MillraceError } from './errors.js'

/** What records can be ordered by. An array orders by its first element, then the second … */
export type SortKey =
  | number
  | bigint
  | string
  | boolean
  | Date
  | null
  | undefined
  | readonly SortKey[]

/** Ascending or descending. */
export type Direction = 'asc' | 'desc'

/** As for `Array.sort`: negative where `a` comes first. */
export type Comparer<V> = (a: V, b: V) => number

/** The comparer of a direction. Throws E_BAD_SORT_KEY for what is no {@link SortKey}. */
export function sortKeyComparer(direction: Direction): Comparer<SortKey> {
  const sign = direction === 'asc' ? 1 : -1
  return (a, b) => compareDirected(a, b, sign)
}

function compareDirected(a: SortKey, b: SortKey, sign: 1 | -1): number {
  if (typeof a === 'number' && typeof b === 'number') {
    if (a < b) return -sign
    if (a > b) return sign
    // Equal, or one of them is NaN.
    return a === b ? 0 : nothingLast(a, b)
  }
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -sign : a > b ? sign : 0
  const [kindOfA, kindOfB] = [kindOf(a), kindOf(b)]
  if (kindOfA === NOTHING || kindOfB === NOTHING) return nothingLast(a, b)
  if (kindOfA !== kindOfB) return kindOfA < kindOfB ? -sign : sign
  if (kindOfA === ARRAY)
    return compareArrays(a as readonly SortKey[], b as readonly SortKey[], sign)
  return (a as number) < (b as number) ? -sign : (a as number) > (b as number) ? sign : 0
}

const NUMBER = 0
const STRING = 1
const BOOLEAN = 2
const DATE = 3
const ARRAY = 4
const NOTHING = 5

function kindOf(value: SortKey): number {
  switch (typeof value) {
    case 'number':
      return Number.isNaN(value) ? NOTHING : NUMBER
    case 'bigint':
      return NUMBER
    case 'string':
      return STRING
    case 'boolean':
      return BOOLEAN
    case 'undefined':
      return NOTHING
    default:
      if (value === null) return NOTHING
      if (Array.isArray(value)) return ARRAY
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? NOTHING : DATE
      throw badSortKey(value)
  }
}

const nothingLast = (a: SortKey, b: SortKey): number =>
  Number(kindOf(a) === NOTHING) - Number(kindOf(b) === NOTHING)

function compareArrays(a: readonly SortKey[], b: readonly SortKey[], sign: 1 | -1): number {
  const { length } = a.length < b.length ? a : b
  for (let i = 0; i < length; i++) {
    const order = compareDirected(a[i], b[i], sign)
    if (order !== 0) return order
  }
  return (a.length - b.length) * sign
}

function badSortKey(value: unknown): MillraceError {
  const seen =
    typeof value === 'object' ? `an instance of ${value?.constructor?.name}` : `a ${typeof value}`
  return new MillraceError(
    'E_BAD_SORT_KEY',
    `records are ordered by numbers, bigints, strings, booleans, dates, null, undefined or arrays of ` +
      `these; seen: ${seen}; select a field, or an array of fields`,
  )
}
