/** Pauses the splits of a source that lead their alignment group by too much. */
import type { Cancel } from '../../base/clock.js'
import type { InputWatermarks } from '../../time/input-watermarks.js'
import type { OperatorContext } from '../operator.js'

/** While a split is paused, the others of the group are looked at this often. */
const LOOK_MS = 20

export interface InputAlignment {
  /** After watermarks have changed. */
  update(): void
  /** The input has ended: nothing is left to hold. */
  forget(input: number): void
  /** Holds nobody back any more. */
  leave(): void
}

export function alignInputs(
  context: OperatorContext,
  { group, driftMs }: { readonly group: string; readonly driftMs: number },
  watermarks: InputWatermarks,
): InputAlignment {
  const member = context.align(group)
  const held = new Set<number>()
  let stopLooking: Cancel | null = null

  function update(): void {
    member.tell(watermarks.active ? lowestOf(watermarks) : null)
    const limitMs = member.lowestMs + driftMs
    for (const [input, timeMs] of watermarks.actives()) {
      if (timeMs > limitMs) hold(input)
      else release(input)
    }
    if (held.size > 0 && stopLooking === null) {
      stopLooking = context.clock.after(LOOK_MS, () => {
        stopLooking = null
        update()
      })
    }
  }

  function hold(input: number): void {
    if (held.has(input)) return
    held.add(input)
    context.holdInput(input, true)
  }

  function release(input: number): void {
    if (held.delete(input)) context.holdInput(input, false)
  }

  return {
    update,
    forget: release,
    leave() {
      stopLooking?.()
      stopLooking = null
      member.tell(null)
    },
  }
}

function lowestOf(watermarks: InputWatermarks): number {
  let lowest = Number.POSITIVE_INFINITY
  for (const [, timeMs] of watermarks.actives()) lowest = Math.min(lowest, timeMs)
  return lowest
}
