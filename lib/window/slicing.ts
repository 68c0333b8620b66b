/**
 * Slices: time cut at every start and end of a window, so that a record lies in one slice, and a window
 * is the sum of its slices (panes: Li et al., "No pane, no gain", 2005). What is asked per record is
 * `sliceAt`, and only when the record is not in the slice of the one before.
 *
 * Windows of a slicing are in one order: none ends before one that begins earlier; of two windows the
 * later one ends later. So a slice's windows end one after the other, `next` by `next`.
 */
import type { Grid } from './grid.js'
import type { WindowSpan } from './span.js'

export interface Slicing {
  /** The slice in which a time lies, as a span. */
  sliceAt(timeMs: number): WindowSpan
  /** The first window with the slice that starts at `sliceStart` which ends behind `afterMs`; or null. */
  firstWindow(sliceStart: number, afterMs: number): WindowSpan | null
  /** The window that ends next after `window`. */
  nextWindow(window: WindowSpan): WindowSpan
  /** End of the last window with this slice; −∞ where windows leave gaps and it lies in one. */
  lastEnd(sliceStart: number): number
  /** True where windows do not overlap: each slice lies in one window at most. */
  readonly disjoint: boolean
}

/** Each span of the grid is a window. */
export function tumblingSlices(grid: Grid): Slicing {
  const spanAt = (start: number): WindowSpan => ({ start, end: grid.next(start) })
  return {
    sliceAt: (timeMs) => spanAt(grid.floor(timeMs)),
    firstWindow(sliceStart, afterMs) {
      const window = spanAt(sliceStart)
      return window.end > afterMs ? window : null
    },
    nextWindow: ({ end }) => spanAt(end),
    lastEnd: (sliceStart) => grid.next(sliceStart),
    disjoint: true,
  }
}

/**
 * A window of `sizeMs` begins at every line of the grid, whose step is `slideMs`; in UTC. Where the size
 * is no multiple of the slide, each slide is cut in two, where windows begin and where they end.
 */
export function slidingSlices(grid: Grid, sizeMs: number, slideMs: number): Slicing {
  const cut = sizeMs % slideMs
  const windowFrom = (start: number): WindowSpan => ({ start, end: start + sizeMs })
  return {
    sliceAt(timeMs) {
      const start = grid.floor(timeMs)
      if (cut === 0) return { start, end: start + slideMs }
      const middle = start + cut
      return timeMs < middle ? { start, end: middle } : { start: middle, end: start + slideMs }
    },
    firstWindow(sliceStart, afterMs) {
      // Of the starts on the grid the first that is late enough for either.
      const start = grid.next(Math.max(sliceStart, afterMs) - sizeMs)
      return start <= sliceStart ? windowFrom(start) : null
    },
    nextWindow: ({ start }) => windowFrom(start + slideMs),
    lastEnd(sliceStart) {
      const end = grid.floor(sliceStart) + sizeMs
      return end > sliceStart ? end : -Infinity
    },
    disjoint: sizeMs <= slideMs,
  }
}

/** A window of `slides` spans of the grid begins at every line: for grids whose spans differ. */
export function slidingSpans(grid: Grid, slides: number): Slicing {
  const walk = (line: number, count: number, step: (line: number) => number): number => {
    let at = line
    for (let i = 0; i < count; i++) at = step(at)
    return at
  }
  const back = (line: number): number => grid.floor(line - 1)
  const windowFrom = (start: number): WindowSpan => ({ start, end: walk(start, slides, grid.next) })
  const nextWindow = ({ start, end }: WindowSpan): WindowSpan => ({
    start: grid.next(start),
    end: grid.next(end),
  })
  return {
    sliceAt(timeMs) {
      const start = grid.floor(timeMs)
      return { start, end: grid.next(start) }
    },
    firstWindow(sliceStart, afterMs) {
      let window = windowFrom(walk(sliceStart, slides - 1, back))
      while (window.end <= afterMs && window.start < sliceStart) window = nextWindow(window)
      return window.end > afterMs ? window : null
    },
    nextWindow,
    lastEnd: (sliceStart) => walk(sliceStart, slides, grid.next),
    disjoint: slides === 1,
  }
}

/**
 * At every line of `bases` a row of windows begins, which end at the following lines of `steps`, the
 * last at the next base. Every base must be a line of `steps`.
 */
export function cumulatingSlices(bases: Grid, steps: Grid): Slicing {
  return {
    sliceAt(timeMs) {
      const start = steps.floor(timeMs)
      return { start, end: steps.next(start) }
    },
    firstWindow(sliceStart, afterMs) {
      const start = bases.floor(sliceStart)
      if (bases.next(start) <= afterMs) return null
      return { start, end: steps.next(Math.max(sliceStart, afterMs)) }
    },
    nextWindow({ start, end }) {
      const next = bases.next(start)
      return { start: end < next ? start : next, end: steps.next(end) }
    },
    lastEnd: (sliceStart) => bases.next(sliceStart),
    disjoint: false,
  }
}

/** All windows with the slice of a time, those that end first at the front. */
export function windowsAt(slicing: Slicing, sliceStart: number): WindowSpan[] {
  const windows: WindowSpan[] = []
  const lastEnd = slicing.lastEnd(sliceStart)
  let window = slicing.firstWindow(sliceStart, -Infinity)
  while (window !== null && window.end <= lastEnd) {
    windows.push(window)
    window = slicing.nextWindow(window)
  }
  return windows
}
