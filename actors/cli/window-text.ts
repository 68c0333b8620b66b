/** What windows keep of a key, as a user thinks of it: each window with what was accumulated, or its records. Pure. */
import type { JsonObject } from '../../lib/base/json.js'
import type { Counted } from '../../lib/operators/window/counted-windows.js'
import { type Gathered, gatheredOf } from '../../lib/operators/window/gathered.js'
import {
  type KeySlices,
  type ListedSlices,
  startsOf,
  valuesOf,
} from '../../lib/operators/window/key-slices.js'
import type { KeyPanes, PaneRecords } from '../../lib/operators/window/pane.js'
import type { KeySessions } from '../../lib/operators/window/session-windows.js'

/** Times in ms since 1970. Where windows overlap it is a part that they share, of which only the start is known. */
export interface KeptWindow {
  /** Null where windows are counted. */
  readonly start: number | null
  readonly end: number | null
  readonly value: unknown
}

type Read = (record: never, sizeMs: number | null) => readonly KeptWindow[]

/** By the name of the state. */
const READS: Readonly<Record<string, Read>> = {
  slices: (of: KeySlices | ListedSlices, sizeMs) =>
    startsOf(of).map((start, i) => spanOf(start, sizeMs, valuesOf(of)[i])),
  gathered: (of: Gathered, sizeMs) =>
    [of, ...(of.later ?? [])].map((each) => spanOf(each.start, sizeMs, recordsOf(each))),
  sessions: sessionsOf,
  'session records': sessionsOf,
  windows: panesOf,
  records: panesOf,
  counted: countedOf,
  'counted records': countedOf,
}

/** Null where it is not what windows keep. `window`: as the manifest has it. */
export function keptWindows(
  window: JsonObject | undefined,
  state: string,
  record: unknown,
): readonly KeptWindow[] | null {
  const read = READS[state]
  if (window === undefined || read === undefined) return null
  const { kind, sizeMs } = window
  const size = kind === 'tumbling' && typeof sizeMs === 'number' ? sizeMs : null
  return read(record as never, size).map(({ start, end, value }) => ({
    start,
    end,
    value: isRecords(value) ? value.records : value,
  }))
}

const spanOf = (start: number, sizeMs: number | null, value: unknown): KeptWindow => ({
  start,
  end: sizeMs === null ? null : start + sizeMs,
  value,
})

/** Those of one stream, or of both. */
const recordsOf = (of: Gathered): unknown =>
  of.sides > 1 ? [gatheredOf(of, 0), gatheredOf(of, 1)] : gatheredOf(of, 0)

function sessionsOf({ sessions }: KeySessions): readonly KeptWindow[] {
  return sessions
}

function panesOf({ panes }: KeyPanes): readonly KeptWindow[] {
  return panes.filter(({ filled }) => filled)
}

function countedOf({ filled, value }: Counted): readonly KeptWindow[] {
  return filled ? [{ start: null, end: null, value }] : []
}

const isRecords = (value: unknown): value is PaneRecords =>
  typeof value === 'object' && value !== null && Object.keys(value).join() === 'records,times'
