/** Sessions: which of the windows of a key a new one joins. */
import type { WindowSpan } from './span.js'

/** Of `windows`, which are apart and in order of time: those from `from` to `to` (exclusive) touch. */
export interface Touching {
  readonly from: number
  readonly to: number
}

/** Windows that share an instant or border on each other are one: two records one gap apart. */
export function touching(windows: readonly WindowSpan[], span: WindowSpan): Touching {
  let to = windows.length
  while (to > 0 && windows[to - 1]!.start > span.end) to--
  let from = to
  while (from > 0 && windows[from - 1]!.end >= span.start) from--
  return { from, to }
}

/** The window that `span` and the windows it touches become. */
export function joined(windows: readonly WindowSpan[], span: WindowSpan, of: Touching): WindowSpan {
  if (of.from === of.to) return span
  return {
    start: Math.min(span.start, windows[of.from]!.start),
    end: Math.max(span.end, windows[of.to - 1]!.end),
  }
}
