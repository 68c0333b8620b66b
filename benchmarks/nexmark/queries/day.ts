/** Days and minutes of event time, in UTC; times are ms since 1970. */
const DAY_MS = 86_400_000

/** Days since 1970. */
export const dayOf = (timeMs: number): number => Math.floor(timeMs / DAY_MS)

/** `2015-07-15`. */
export const dayText = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10)

/** Minutes since midnight. */
export const minuteOf = (timeMs: number): number => Math.floor((timeMs % DAY_MS) / 60_000)

/** `09:30`. */
export const minuteText = (minute: number): string =>
  `${two(Math.floor(minute / 60))}:${two(minute % 60)}`

const two = (n: number): string => `${n}`.padStart(2, '0')
