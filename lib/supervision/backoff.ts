/** Back-off: how long to wait before a restart, from the number of restarts before it. Pure. */
import { assert } from '../base/assert.js'
import { MillraceError } from '../base/errors.js'
import type { Random } from '../base/random.js'
import { optionNames, refuseUnknownOptions } from '../base/unknown-option.js'

/**
 * Delays grow from `firstMs` by `factor` up to `maxMs`. `jitter` is the share of each delay, 0 to 1,
 * that chance may take away, so that what failed together does not come back together; it never
 * lengthens a delay, so `maxMs` holds.
 */
export interface Backoff {
  readonly firstMs: number
  readonly maxMs: number
  readonly factor: number
  readonly jitter: number
}

/**
 * A back-off, checked. Defaults: 100 ms, doubling up to 30 s, a tenth of jitter.
 *
 * @throws MillraceError `E_BAD_SUPERVISION` naming the wrong value; `E_UNKNOWN_OPTION`.
 * @example backoff({ firstMs: 50, maxMs: 5_000 })
 */
export function backoff(options: Partial<Backoff> = {}): Backoff {
  refuseUnknownOptions('backoff', options, OPTIONS)
  const firstMs = options.firstMs ?? 100
  const maxMs = options.maxMs ?? Math.max(30_000, firstMs)
  const factor = options.factor ?? 2
  const jitter = options.jitter ?? 0.1
  expect(firstMs >= 0 && Number.isFinite(firstMs), 'firstMs', firstMs, 'a finite number ≥ 0')
  expect(maxMs >= firstMs && Number.isFinite(maxMs), 'maxMs', maxMs, 'finite, at least firstMs')
  expect(factor >= 1 && Number.isFinite(factor), 'factor', factor, 'a finite number ≥ 1')
  expect(jitter >= 0 && jitter <= 1, 'jitter', jitter, 'a share between 0 and 1')
  return { firstMs, maxMs, factor, jitter }
}

const OPTIONS = optionNames<Backoff>({ firstMs: true, maxMs: true, factor: true, jitter: true })

/** Delay before restart number `attempt` (1 is the first): in ((1 − jitter) · delay, delay]. */
export function backoffDelayMs(policy: Backoff, attempt: number, random: Random): number {
  assert(Number.isSafeInteger(attempt) && attempt >= 1, 'restarts are counted from 1')
  const delayMs = Math.min(policy.maxMs, policy.firstMs * policy.factor ** (attempt - 1))
  return delayMs * (1 - policy.jitter * random())
}

function expect(holds: boolean, name: string, seen: number, expected: string): void {
  if (holds) return
  throw new MillraceError(
    'E_BAD_SUPERVISION',
    `backoff: ${name} must be ${expected}, not ${seen}`,
    {
      details: { option: name, seen },
    },
  )
}
