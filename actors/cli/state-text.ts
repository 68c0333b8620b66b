/** Rows of state as lines. Pure. */
import type { JsonObject } from '../../lib/base/json.js'
import { showValue } from '../../lib/formats/show.js'
import type { StateRow } from '../../lib/snapshot/read-state.js'
import type { ElementRecord, EntryRecord, TimerRecord } from '../../lib/state/frozen.js'
import { type KeptWindow, keptWindows } from './window-text.js'

/** State, key and what it keeps, with tabs between. `window`: that of the operator, where it has any. */
export function rowText(row: StateRow, window?: JsonObject): string {
  const key = row.key === undefined ? '-' : valueText(row.key)
  return `${row.state}\t${key}\t${keptText(row, window)}${expiryText(row)}`
}

function keptText({ state, kind, record, timeMs }: StateRow, window?: JsonObject): string {
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
      return keptWindows(window, state, record)?.map(windowText).join('; ') ?? valueText(record)
  }
}

/** `2026-01-01T00:00:00.000Z to 2026-01-01T00:00:05.000Z: 7`. */
function windowText({ start, end, value }: KeptWindow): string {
  if (start === null) return valueText(value)
  const until = end === null ? '' : ` to ${timeText(end)}`
  return `${timeText(start)}${until}: ${valueText(value)}`
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
