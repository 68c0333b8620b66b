/**
 * A record as one readable line: text as it is, `[key, value]` pairs with a tab between, plain objects
 * and arrays as JSON with what JSON cannot say (bigint, Map, Date, undefined) as `util.inspect` does.
 */
import { inspect } from 'node:util'

/** Deeper values are shown by `inspect`, which abbreviates and knows cycles. */
const DEPTH_MAX = 8

export function showRecord(record: unknown): string {
  if (typeof record === 'string') return record
  if (Array.isArray(record) && record.length === 2)
    return `${showValue(record[0])}\t${showValue(record[1])}`
  return show(record, 0)
}

/** As a record, but a pair is an array like any other. */
export const showValue = (value: unknown): string =>
  typeof value === 'string' ? value : show(value, 0)

function show(value: unknown, depth: number): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'boolean' || value === null) return String(value)
  if (typeof value !== 'object' || depth >= DEPTH_MAX) return inspected(value)
  if (Array.isArray(value)) return `[${value.map((item) => show(item, depth + 1)).join(',')}]`
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return inspected(value)
  const fields = Object.entries(value).map(
    ([name, field]) => `${JSON.stringify(name)}:${show(field, depth + 1)}`,
  )
  return `{${fields.join(',')}}`
}

const inspected = (value: unknown): string =>
  inspect(value, { breakLength: Number.POSITIVE_INFINITY, compact: true, depth: 4 })
