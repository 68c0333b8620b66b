/** Rows of state as lines. Pure. */
import { showValue } from '../../lib/formats/show.js'
import type { StateRow } from '../../lib/snapshot/read-state.js'
import type { ElementRecord, EntryRecord, TimerRecord } from '../../lib/state/frozen.js'

/** State, key and what it keeps, with tabs between. */
export function rowText(row: StateRow): string {
  const key = row.key === undefined ? '-' : valueText(row.key)
  return `${row.state}\t${key}\t${keptText(row)}${expiryText(row)}`
}

function keptText({ kind, record, timeMs }: StateRow): string {
  switch (kind) {
    case 'list':
    case 'operatorList':
      return valueText((record as ElementRecord).value)
    case 'map':
    case 'broadcast': {
      const { key, value } = record as EntryRecord
      return `${valueText(key)} → ${valueText(value)}`
    }
    case 'timers':
      return `${(record as TimerRecord).name} at ${timeText(timeMs!)}`
    default:
      return valueText(record)
  }
}

/** On one line and in one column, whatever the text. */
function valueText(value: unknown): string {
  const isSplit = typeof value === 'string' && /[\t\r\n]/.test(value)
  return isSplit ? JSON.stringify(value) : showValue(value)
}

const expiryText = ({ kind, timeMs }: StateRow): string =>
  kind === 'timers' || timeMs === null ? '' : `\tuntil ${timeText(timeMs)}`

/** Times may lie where no calendar reaches. */
function timeText(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString()
}

/** As near as JSON comes: a bigint is text, a Map its entries, a Set and a typed array a list. */
export const rowJson = (row: StateRow): string => JSON.stringify(row, asJson)

function asJson(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (value instanceof Map || value instanceof Set) return [...value]
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value as unknown as ArrayLike<unknown>)
  }
  return value
}
