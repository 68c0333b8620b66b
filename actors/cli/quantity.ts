/** Numbers as people read them in a progress line: three digits and a unit. Pure. */

const SCALES = [
  [1e12, ' T'],
  [1e9, ' G'],
  [1e6, ' M'],
  [1e3, ' k'],
] as const

/** `0`, `7`, `999`, `1.23 k`, `45.6 M`. Cut, not rounded: a count never shows more than was counted. */
export function showCount(count: number): string {
  const scale = SCALES.find(([size]) => count >= size)
  if (scale === undefined) return String(Math.floor(count))
  const [size, unit] = scale
  const value = count / size
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  const cut = Math.floor(value * 10 ** digits + 1e-9) / 10 ** digits
  return `${cut.toFixed(digits)}${unit}`
}

/** `1.23 k/s`; below 10 with a digit behind the point, so that slow is not shown as nothing. */
export const showRate = (perSecond: number): string =>
  perSecond > 0 && perSecond < 10 ? `${perSecond.toFixed(1)}/s` : `${showCount(perSecond)}/s`

/** `950 ms`, `12.3 s`, `2 min 05 s`, `1 h 02 min`. */
export function showDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`
  const seconds = Math.floor(ms / 1000)
  const two = (value: number) => String(value).padStart(2, '0')
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`
  return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`
}

/** Of a ratio from 0 to 1: `  7 %`, always as wide. */
export const showPercent = (ratio: number): string =>
  `${String(Math.round(ratio * 100)).padStart(3)} %`

/** With the separators of English, for numbers that are read whole: `1,234,567`. */
export const showWhole = (count: number): string => Math.round(count).toLocaleString('en-US')

export const slotsText = (slots: number): string => (slots === 1 ? '1 slot' : `${slots} slots`)

/** `512 B`, `1.5 KiB`, `20 MiB`. */
export function showBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const unit = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10))
  const amount = bytes / 1024 ** unit
  return `${amount >= 10 || unit === 0 ? Math.round(amount) : amount.toFixed(1)} ${units[unit]}`
}
