/**
 * A grid in local time. A line is an instant at which local time is a multiple of the step, or leaps
 * forward over one. So a day is 23, 24 or 25 hours long, the hour that clocks show twice is two hours,
 * and where a step does not divide the change the span around it is longer or shorter.
 */
import { type Grid, modulo } from './grid.js'
import type { TimeZone, Transition } from './time-zone.js'

/** Lines at `offsetMs` + n × `stepMs` of local time, counted from 1970-01-01 00:00 local. */
export function zoneGrid(stepMs: number, offsetMs: number, zone: TimeZone): Grid {
  /** How far local time is past the last multiple of the step. */
  const past = (local: number): number => modulo(local - offsetMs, stepMs)

  function isLine({ atMs, before, after }: Transition): boolean {
    const local = atMs + after
    const multiple = local - past(local)
    return multiple === local || multiple > atMs + before - 1
  }

  function floor(timeMs: number): number {
    for (let at = timeMs; ; ) {
      const line = at - past(at + zone.offsetAt(at))
      const leap = zone.lastTransition(line, at)
      if (leap === null) return line
      if (isLine(leap)) return leap.atMs
      at = leap.atMs - 1
    }
  }

  function next(timeMs: number): number {
    for (let at = timeMs; ; ) {
      const line = at + stepMs - past(at + zone.offsetAt(at))
      const leap = zone.firstTransition(at, line)
      if (leap === null) return line
      if (isLine(leap)) return leap.atMs
      at = leap.atMs
    }
  }

  return { floor, next }
}
