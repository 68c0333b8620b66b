/** How records become the content of a pane, and a pane's content what its function sees. */
import { copyPlain } from '../../state/copy-plain.js'
import type { Evictor, TimedRecord } from '../../window/evictor.js'
import type { WindowSpan } from '../../window/span.js'
import type { Aggregation } from '../aggregation.js'
import type { PaneRecords } from './pane.js'
import type { SessionPart } from './sessions-before.js'
import { NOTHING } from './window-output.js'

export interface PaneFold {
  first(input: unknown, timeMs: number): unknown
  /** The content with one more record. */
  add(content: unknown, input: unknown, timeMs: number): unknown
  /** The content, to be changed apart from the original. */
  copy(content: unknown): unknown
  /** The content of two windows that become one. Present where windows can merge. */
  readonly merge: ((earlier: unknown, later: unknown) => unknown) | null
  /** True where it keeps records, and the function sees something else than the content. */
  readonly keeps: boolean
  /** What the function sees; `content` is what remains of it: null where nothing does. */
  show(content: unknown, span: WindowSpan): { readonly shown: unknown; readonly content: unknown }
}

/** Keeps an accumulator. */
export function accumulating(aggregation: Aggregation): PaneFold {
  const { begin, add, merge, select } = aggregation
  const partOf = (input: unknown): unknown => (select === null ? input : select(input))
  return {
    first: (input) => begin(partOf(input)),
    add: (accumulator, input) => add(accumulator, partOf(input)),
    copy: copyPlain,
    merge,
    keeps: false,
    show: (accumulator) => ({ shown: accumulator, content: accumulator }),
  }
}

/** Keeps an accumulator of parts of sessions that were folded before the exchange. */
export function joiningParts({ merge }: Aggregation): PaneFold {
  const partial = (part: unknown): unknown => (part as SessionPart).value
  return {
    first: partial,
    add: (accumulator, part) => merge!(accumulator, partial(part)),
    copy: copyPlain,
    merge,
    keeps: false,
    show: (accumulator) => ({ shown: accumulator, content: accumulator }),
  }
}

/**
 * Keeps the records; `fold` makes of them what the function sees, and is not asked where an evictor has
 * left none and there is nothing to fold.
 */
export function keeping(fold: (records: unknown[]) => unknown, evictor: Evictor | null): PaneFold {
  return {
    first: (input, timeMs): PaneRecords => ({ records: [input], times: [timeMs] }),
    // The list never leaves its state: to grow in place is safe.
    add(content, input, timeMs) {
      const { records, times } = content as PaneRecords
      records.push(input)
      times.push(timeMs)
      return content
    },
    // Records never change.
    copy(content): PaneRecords {
      const { records, times } = content as PaneRecords
      return { records: records.slice(), times: times.slice() }
    },
    merge(earlier, later) {
      const [a, b] = [earlier as PaneRecords, later as PaneRecords]
      return { records: [...a.records, ...b.records], times: [...a.times, ...b.times] }
    },
    keeps: true,
    show(content, span) {
      const whole = content as PaneRecords
      const before = evict(whole, evictor?.before, span)
      const shown = fold([...before.records])
      return { shown, content: evict(before, evictor?.after, span) }
    },
  }
}

function evict(content: PaneRecords, keep: Evictor['before'], span: WindowSpan): PaneRecords {
  if (keep === undefined) return content
  const { records, times } = content
  const timed: TimedRecord[] = records.map((record, i) => ({ record, timeMs: times[i]! }))
  const kept = keep(timed, span)
  return {
    records: kept.map(({ record }) => record),
    times: kept.map(({ timeMs }) => timeMs),
  }
}

/** An aggregate of records that were kept. */
export function foldAll({ begin, add, select }: Aggregation): (records: unknown[]) => unknown {
  return (records) => {
    const values = select === null ? records : records.map(select)
    if (values.length === 0) return NOTHING
    let accumulator = begin(values[0])
    for (let i = 1; i < values.length; i++) accumulator = add(accumulator, values[i])
    return accumulator
  }
}
