/** Windows that gather their records by side, over a store; what they say, as text. */
import { keyGroupOf } from '../../lib/base/key.js'
import {
  copyGathered,
  type Gathered,
  gatheredOf,
  type Side,
} from '../../lib/operators/window/gathered.js'
import { GatheringWindows } from '../../lib/operators/window/gathering-windows.js'
import type { KeySlices, ListedSlices } from '../../lib/operators/window/key-slices.js'
import { WindowOutput } from '../../lib/operators/window/window-output.js'
import type { StateStore } from '../../lib/state/state.js'
import type { Slicing } from '../../lib/window/slicing.js'

/** Key groups of the stores. */
export const GROUPS = 8

export function openGathering(store: StateStore, slicing: Slicing, sided = true): GatheringWindows {
  return new GatheringWindows({
    slicing,
    sided,
    state: store.value<Gathered>('gathered', { mutable: true, copy: copyGathered }),
    former: store.value<KeySlices | ListedSlices>('slices', { mutable: true }),
    groupOf: (key) => keyGroupOf(key, GROUPS),
  })
}

/** Gives a record to windows with sides; returns what became of it. */
export function addTo(
  windows: GatheringWindows,
  side: Side,
  record: unknown,
  timeMs: number,
  key: unknown,
): number {
  return windows.add([side, record], timeMs, keyGroupOf(key, GROUPS), key)
}

/** What a window of a key says: its records are of the left and the right. */
export function said(key: unknown, start: number, left: unknown[], right: unknown[]): string {
  const text = (_: string, value: unknown) => (value === undefined ? 'undefined' : value)
  return JSON.stringify([key, start, left, right], text)
}

/** What speaks. Throws where ends do not ascend. */
export function speak(windows: GatheringWindows): string[] {
  const context = { keyed: true, count() {} } as never
  const seen: string[] = []
  let newest = -Infinity
  const output = new WindowOutput(context, {
    result: null,
    timed: true,
    apply(_group, key, start, end, content) {
      if (end < newest) throw new Error(`${end} behind ${newest}`)
      newest = end
      const of = content as Gathered
      return [said(key, start, gatheredOf(of, 0), gatheredOf(of, 1))]
    },
  })
  for (let done = false; !done; ) {
    done = windows.speak(output)
    seen.push(...((output.take()?.records ?? []) as string[]))
  }
  return seen.sort()
}
