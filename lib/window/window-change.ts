/**
 * Windows that have changed between a snapshot and the pipeline that goes on from it: what the settings of
 * both tell before anything runs.
 */
import { MillraceError } from '../base/errors.js'
import type { Json, JsonObject } from '../base/json.js'

/**
 * Throws `E_RESTORE_WINDOWS` where several former windows come to lie in one, of an operator whose accumulators
 * cannot be joined. `former`: null where the snapshot does not say. What only the state itself can tell (time
 * zones, an aggregate that could join them once) is refused when it is restored.
 */
export function checkWindowChange(
  operator: string,
  former: JsonObject | null,
  settings: JsonObject,
): void {
  const { window, joins } = settings
  if (former === null || joins !== false || !isObject(window)) return
  const [before, now] = [stepOf(former), stepOf(window)]
  if (before === null || now === null || now <= before) return
  throw windowsBecomeOne(
    operator,
    `windows ${windowText(former)}`,
    `they are ${windowText(window)}`,
  )
}

/** `had`: the former windows in words; `are`: those of now. */
export const windowsBecomeOne = (operator: string, had: string, are: string): MillraceError =>
  new MillraceError(
    'E_RESTORE_WINDOWS',
    `the snapshot has of operator ${operator} ${had}; in this pipeline ${are}, so that several of them become ` +
      'one, and its aggregate cannot join what it has of each: give it a merge (aggregate({ create, add, merge })), ' +
      'keep the former window, or give the operator another name and allow the loss (--allow-dropped-state)',
    { details: { operator } },
  )

/** `tumbling(sizeMs: 5000)`. */
export const windowText = ({ kind, ...settings }: JsonObject): string =>
  `${kind}(${Object.entries(settings)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')})`

/** How far it is from one window to the next; null where windows are not cut at fixed times. */
function stepOf({ sizeMs, slideMs, stepMs }: JsonObject): number | null {
  const step = slideMs ?? stepMs ?? sizeMs
  return typeof step === 'number' ? step : null
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
