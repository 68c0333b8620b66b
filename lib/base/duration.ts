/** Durations as users write them: milliseconds, or a number with its unit. */
import { callSite } from './call-site.js'
import { MillraceError } from './errors.js'

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Milliseconds, or text such as `'250ms'`, `'10s'`, `'5m'`, `'1.5h'`, `'7d'`; a day has 24 hours. */
export type Duration = number | `${number}${keyof typeof UNITS_MS}`

const TEXT = /^(-?\d+(?:\.\d+)?)(ms|s|m|h|d)$/

/**
 * Milliseconds of a duration, a whole number of at least `minMs`. `what` names the argument, like
 * `tumbling: size`. Throws E_BAD_DURATION.
 */
export function durationMs(duration: Duration, what: string, minMs = 1): number {
  const ms = typeof duration === 'number' ? duration : textMs(duration)
  if (Number.isSafeInteger(ms) && ms >= minMs) return ms
  const at = callSite()()
  const seen = typeof duration === 'string' ? `'${duration}'` : String(duration)
  throw new MillraceError(
    'E_BAD_DURATION',
    `${what} (${at}) must be a whole number of milliseconds of at least ${minMs}, or text like ` +
      `'250ms', '10s', '5m', '1.5h' or '7d'; seen: ${seen}`,
    { details: { what, at } },
  )
}

function textMs(text: unknown): number {
  const [, amount, unit] = TEXT.exec(String(text)) ?? []
  if (unit === undefined) return Number.NaN
  // 0.1 s are 100 ms, not 100.00000000000001.
  return Number((Number(amount) * UNITS_MS[unit as keyof typeof UNITS_MS]).toFixed(6))
}
