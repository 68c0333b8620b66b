/**
 * Time zones: the offset of local time from UTC, and where it changes. `Intl` is asked a few times per
 * week of data, never per record: weeks are looked up once and kept.
 */
import { callSite } from '../base/call-site.js'
import { MillraceError } from '../base/errors.js'

/** At `atMs` the offset changes: local time leaps from `atMs + before` to `atMs + after`. */
export interface Transition {
  readonly atMs: number
  readonly before: number
  readonly after: number
}

export interface TimeZone {
  /** Local time minus UTC at an instant, in ms. */
  offsetAt(timeMs: number): number
  /** The first transition in (`fromMs`, `toMs`], or null. */
  firstTransition(fromMs: number, toMs: number): Transition | null
  /** The last transition in (`fromMs`, `toMs`], or null. */
  lastTransition(fromMs: number, toMs: number): Transition | null
}

/** No zone changes its offset twice within so short a time. */
const WEEK_MS = 7 * 86_400_000
/** Weeks kept: 80 years. */
const WEEKS_MAX = 4_096
/** `Intl` knows no instants beyond. */
const INSTANT_MAX = 8.64e15

interface Week {
  readonly before: number
  readonly transition: Transition | null
}

/** Throws E_BAD_TIME_ZONE unless `name` is an IANA name such as 'Europe/Berlin'. */
export function createTimeZone(name: string): TimeZone {
  const format = formatOf(name)
  const weeks = new Map<number, Week>()

  function week(index: number): Week {
    let found = weeks.get(index)
    if (found === undefined) {
      if (weeks.size >= WEEKS_MAX) weeks.clear()
      found = lookUp(index * WEEK_MS, (index + 1) * WEEK_MS)
      weeks.set(index, found)
    }
    return found
  }

  /** A transition at `from` itself belongs to the week before. */
  function lookUp(from: number, to: number): Week {
    const before = offsetFrom(format, from)
    const after = offsetFrom(format, to)
    if (before === after) return { before, transition: null }
    let [low, high] = [from, to]
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (offsetFrom(format, middle) === before) low = middle
      else high = middle
    }
    return { before, transition: { atMs: high, before, after } }
  }

  /** Of the instants in (index × week, (index + 1) × week]. */
  const indexOf = (timeMs: number): number => Math.ceil(timeMs / WEEK_MS) - 1

  function within(index: number, fromMs: number, toMs: number): Transition | null {
    const { transition } = week(index)
    const inside = transition !== null && transition.atMs > fromMs && transition.atMs <= toMs
    return inside ? transition : null
  }

  return {
    offsetAt(timeMs) {
      const { before, transition } = week(indexOf(timeMs))
      return transition !== null && timeMs >= transition.atMs ? transition.after : before
    },
    firstTransition(fromMs, toMs) {
      for (let index = indexOf(fromMs); index <= indexOf(toMs); index++) {
        const found = within(index, fromMs, toMs)
        if (found !== null) return found
      }
      return null
    },
    lastTransition(fromMs, toMs) {
      for (let index = indexOf(toMs); index >= indexOf(fromMs); index--) {
        const found = within(index, fromMs, toMs)
        if (found !== null) return found
      }
      return null
    },
  }
}

function formatOf(name: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' })
  } catch (cause) {
    const at = callSite()()
    throw new MillraceError(
      'E_BAD_TIME_ZONE',
      `timeZone (${at}) must be a name such as 'Europe/Berlin' or 'UTC'; seen: '${name}'`,
      { cause, details: { timeZone: name, at } },
    )
  }
}

const OFFSET = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/

/** Read from text such as `5/1/2024, GMT-08:00`; zones of old have offsets with seconds. */
function offsetFrom(format: Intl.DateTimeFormat, timeMs: number): number {
  const text = format.format(Math.min(Math.max(timeMs, -INSTANT_MAX), INSTANT_MAX))
  const [, sign, hours, minutes, seconds] = OFFSET.exec(text) ?? []
  if (sign === undefined) return 0
  const ms = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds ?? 0)) * 1000
  return sign === '-' ? -ms : ms
}
