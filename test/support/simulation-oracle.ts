/** What is wrong with what a simulated job has shown: every row once, every count from 1 to n. */
import {
  GAP_MS,
  type Row,
  SLIDE_MS,
  START_MS,
  type Topology,
  WINDOW_MS,
} from './simulated-topology.js'

/** What is wrong with what was shown; null where nothing is. */
export function judge(shown: readonly unknown[], topology: Topology): string | null {
  const { last, sources, rows, copies } = topology
  if (last === 'window' || last === 'session') {
    return judgeWindows(shown as readonly WindowResult[], topology)
  }
  // A pair is found for the rows of the first source only.
  const isWhole = last === 'count'
  return judgeRows(shown as readonly Row[], (isWhole ? sources : 1) * rows * copies, isWhole)
}

function judgeRows(shown: readonly Row[], expected: number, isWhole: boolean): string | null {
  const seen = new Map<string, number>()
  const counts = new Map<string, number[]>()
  for (const { source, n, ways, counts: said } of shown) {
    const id = `${source}:${n}:${ways}`
    seen.set(id, (seen.get(id) ?? 0) + 1)
    for (const [stage, key, count] of said) {
      const of = `stage ${stage}, key ${key}`
      const all = counts.get(of) ?? []
      counts.set(of, all)
      all.push(count)
    }
  }
  for (const [id, times] of seen) if (times > 1) return `row ${id} was shown ${times} times`
  if (seen.size !== expected) return `${seen.size} of ${expected} rows were shown`
  for (const [of, all] of counts) {
    const distinct = [...new Set(all)].sort((a, b) => a - b)
    const gap = distinct.findIndex((count, i) => count !== i + 1)
    if (gap >= 0 && isWhole) return `${of}: count ${gap + 1} is missing`
    if (all.length % distinct.length !== 0) return `${of}: a count was given twice`
  }
  return null
}

/** A naive reference: all rows, window by window. */
function judgeWindows(shown: readonly WindowResult[], topology: Topology): string | null {
  const { last, sources, rows, copies, keys } = topology
  const expected = new Map<string, number>()
  const each = sources * copies
  const add = (key: number, start: number, end: number, n: number) => {
    const id = `${key} ${start}–${end}`
    expected.set(id, (expected.get(id) ?? 0) + n)
  }
  for (let key = 0; key < Math.min(keys, rows); key++) {
    const times = Array.from({ length: rows }, (_, n) => n).filter((n) => n % keys === key)
    if (last === 'window') {
      for (const n of times) {
        const newest = Math.floor(n / SLIDE_MS) * SLIDE_MS
        for (let start = newest; start > n - WINDOW_MS; start -= SLIDE_MS) {
          add(key, start, start + WINDOW_MS, each)
        }
      }
    } else if (keys <= GAP_MS) add(key, times[0]!, times.at(-1)! + GAP_MS, each * times.length)
    else for (const n of times) add(key, n, n + GAP_MS, each)
  }
  for (const { key, start, end, value } of shown) {
    const [of] = [key].flat()
    const id = `${of} ${start - START_MS}–${end - START_MS}`
    const due = expected.get(id)
    if (due === undefined) return `window ${id} was shown twice, or should not be`
    if (due !== value) return `window ${id} was shown with count ${value}; it has ${due}`
    expected.delete(id)
  }
  const [missing] = expected.keys()
  return missing === undefined ? null : `window ${missing} was not shown`
}

interface WindowResult {
  /** Or a pair that begins with it. */
  readonly key: number | readonly number[]
  readonly start: number
  readonly end: number
  readonly value: number
}
