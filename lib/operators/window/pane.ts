/** Panes: what one key has of one window, where windows do not share slices. */
import { roomForOne } from '../../base/list.js'
import { copyPlain } from '../../state/copy-plain.js'
import type { WindowSpan } from '../../window/span.js'

export interface Pane {
  start: number
  end: number
  /** False before the first record, and after a purge. */
  filled: boolean
  /** The accumulator, or the records themselves. */
  value: unknown
  /** True where a record has come that no result has shown. */
  unshown: boolean
  /** What the trigger remembers, and the times at which it wants to be called. */
  trigger: unknown
  eventTimes: number[]
  clockTimes: number[]
}

/** One key's windows, those that end first at the front. */
export interface KeyPanes {
  readonly panes: Pane[]
  /** Time of the one timer that the key has per kind of time; +∞: none. It may be earlier than needed. */
  eventTimerMs: number
  clockTimerMs: number
}

/** Records of a window that keeps them, in the order of their arrival, and their times. */
export interface PaneRecords {
  readonly records: unknown[]
  readonly times: number[]
}

const NO_PANE = null as unknown as Pane

export const createKeyPanes = (): KeyPanes => ({
  panes: roomForOne(NO_PANE),
  eventTimerMs: Infinity,
  clockTimerMs: Infinity,
})

export function createPane({ start, end }: WindowSpan): Pane {
  return {
    start,
    end,
    filled: false,
    value: undefined,
    unshown: false,
    trigger: undefined,
    // No whole number: a list of those would be made anew for a time, which is too big for it.
    eventTimes: roomForOne(0.5),
    clockTimes: [],
  }
}

/** What the key has, to be changed apart from the original. */
export function copyKeyPanes(of: KeyPanes, copy: (content: unknown) => unknown): KeyPanes {
  return {
    ...of,
    panes: of.panes.map((pane) => ({
      ...pane,
      value: pane.filled ? copy(pane.value) : undefined,
      trigger: copyPlain(pane.trigger),
      eventTimes: pane.eventTimes.slice(),
      clockTimes: pane.clockTimes.slice(),
    })),
  }
}

export const isOf = (pane: Pane, { start, end }: WindowSpan): boolean =>
  pane.end === end && pane.start === start

/** Index of the first pane that ends at or behind `end`. */
export function positionOf(panes: readonly Pane[], end: number): number {
  let [low, high] = [0, panes.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (panes[middle]!.end < end) low = middle + 1
    else high = middle
  }
  return low
}

/** From `at` on, the place of `window`: where it is, or where it belongs. */
export function seek(panes: readonly Pane[], at: number, { end }: WindowSpan): number {
  let place = at
  while (place < panes.length && panes[place]!.end < end) place++
  return place
}

/** Puts a pane in its place. */
export function insertPane(panes: Pane[], pane: Pane): void {
  let at = panes.length
  while (at > 0 && panes[at - 1]!.end > pane.end) at--
  if (at === panes.length) panes.push(pane)
  else panes.splice(at, 0, pane)
}

/** Adds a time to a list of few. */
export function want(times: number[], timeMs: number): void {
  if (Number.isFinite(timeMs) && !times.includes(timeMs)) times.push(timeMs)
}

/** Takes a time off a list; false where it was not on it. */
export function unwant(times: number[], timeMs: number): boolean {
  const at = times.indexOf(timeMs)
  if (at < 0) return false
  times.splice(at, 1)
  return true
}
